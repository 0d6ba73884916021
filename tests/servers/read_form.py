"""Reads a form by Python's own email package: its type from the command line, its octets from standard input.

Writes for each part its name, file name, type and content, the latter in hexadecimal, as JSON.
"""

import email
import email.policy
import json
import sys


def parameter(part, name):
    # Headers are in UTF-8, which the parser keeps as octets.
    value = part.get("Content-Disposition", "")
    readable = email.message.Message()
    readable["Content-Disposition"] = str(value).encode("ascii", "surrogateescape").decode()
    return readable.get_param(name, header="Content-Disposition")


class Octets(email.policy.Compat32):
    def header_fetch_parse(self, name, value):
        return value


form = email.message_from_bytes(
    b"Content-Type: " + sys.argv[1].encode() + b"\r\n\r\n" + sys.stdin.buffer.read(),
    policy=Octets(),
)
parts = [
    {
        "headers": [name for name, _ in part.raw_items()],
        "name": parameter(part, "name"),
        "file_name": parameter(part, "filename"),
        "type": part.get_content_type(),
        "content": part.get_payload(decode=True).hex(),
    }
    for part in form.get_payload()
]
json.dump({"parts": parts, "defects": [repr(defect) for defect in form.defects]}, sys.stdout)
