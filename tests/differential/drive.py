"""Drives python-requests through scenarios: one a line on stdin as JSON, one a line on stdout what came of it.

Its argument is the certificate of the authority that sessions trust, in PEM.

No name is looked up and nothing but 127.0.0.1 is dialled: a scenario says which port stands for which `host:port`.
"""

import contextlib
import email.message
import json
import os
import socket
import sys
import tempfile
import types
import warnings

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.auth import HTTPBasicAuth, HTTPDigestAuth
from requests.cookies import extract_cookies_to_jar
from urllib3.util import connection
from urllib3.util.retry import Retry

WANTED = {"requests": ("2.34.2", requests.__version__), "urllib3": ("2.7.0", urllib3.__version__)}
# When an answer counts as late, in seconds.
LATE = 0.3
ENVIRONMENT = ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "requests_ca_bundle", "curl_ca_bundle", "netrc")

dial = connection.create_connection
ports = {}


def dial_scripted(address, *args, **kwargs):
    host, port = address
    place = f"[{host}]:{port}" if ":" in host else f"{host.lower()}:{port}"
    if place not in ports:
        raise socket.gaierror(socket.EAI_NONAME, "no such server in this scenario")
    return dial(("127.0.0.1", ports[place]), *args, **kwargs)


connection.create_connection = dial_scripted


class HookFailed(Exception):
    pass


class Marked(HTTPAdapter):
    """Marks what it sends, and not the request of the session, which a redirect would copy."""

    def __init__(self, mark, **options):
        self.mark = mark
        super().__init__(**options)

    def send(self, request, **options):
        marked = request.copy()
        marked.headers["x-mount"] = self.mark
        response = super().send(marked, **options)
        response.request = request
        return response


def hook_of(spec, log):
    (kind, value), = spec.items() if isinstance(spec, dict) else {spec: None}.items()

    def hook(response, **_):
        if kind == "Note":
            log.append(f"{value} {response.status_code}")
        elif kind == "Set":
            response.headers[value[0]] = value[1]
        elif kind == "Fail":
            raise HookFailed

    return hook


def hooks_of(specs, log):
    return {"response": [hook_of(spec, log) for spec in specs]} if specs else {}


def auth_of(spec):
    if spec is None:
        return None
    (kind, value), = spec.items()
    return {"Basic": HTTPBasicAuth, "Digest": HTTPDigestAuth}[kind](*value)


def content_of(spec):
    if spec is None:
        return {}
    (kind, value), = spec.items()
    if kind == "Bytes":
        return {"data": bytes(value)}
    if kind == "Text":
        return {"data": value}
    if kind == "Form":
        return {"data": [tuple(pair) for pair in value]}
    if kind == "Json":
        return {"json": json.loads(value)}
    if kind == "Stream":
        return {"data": (chunk.encode() for chunk in value)}
    if kind == "WithFiles":
        content, files = value
        return {**content_of(content), "files": [file_of(part) for part in files]}
    if kind == "Multipart":
        fields = [(part["name"], part["content"]) for part in value if part["filename"] is None]
        return {"data": fields, "files": [file_of(part) for part in value if part["filename"] is not None]}
    raise ValueError(kind)


def file_of(part):
    content = part["content"].encode()
    file = (part["filename"], content, part["type"]) if part["type"] else (part["filename"], content)
    return part["name"], file


def received(jar, url, set_cookie):
    """Puts a cookie into the jar as if the server at `url` had sent it."""
    message = email.message.Message()
    message["Set-Cookie"] = set_cookie
    request = requests.Request("GET", url).prepare()
    extract_cookies_to_jar(jar, request, types.SimpleNamespace(_original_response=types.SimpleNamespace(msg=message)))


def session_of(settings, ca, log):
    session = requests.Session()
    session.headers.update({name: value for name, value in settings["headers"]})
    session.params = dict(settings["params"])
    session.auth = auth_of(settings["auth"])
    session.trust_env = not settings["distrust_env"]
    session.proxies = dict(settings["proxies"])
    session.verify = False if settings["unverified"] else True if settings["system_roots"] else ca
    session.hooks = {"response": hooks_of(settings["hooks"], log).get("response", [])}
    if settings["max_redirects"] is not None:
        session.max_redirects = settings["max_redirects"]
    for url, set_cookie in settings["cookies"]:
        received(session.cookies, url, set_cookie)
    options = {}
    if (pool := settings["pool"]) is not None:
        options = {"pool_maxsize": pool["kept"], "pool_block": pool["block"]}
        if pool["origins"] is not None:
            options["pool_connections"] = pool["origins"]
    if (retries := settings["retries"]) is not None:
        options["max_retries"] = Retry(
            total=retries["total"],
            status_forcelist=retries["statuses"],
            allowed_methods=retries["methods"] or Retry.DEFAULT_ALLOWED_METHODS,
            backoff_factor=retries["backoff"],
            raise_on_status=retries["raises"],
        )
    if options:
        session.mount("http://", HTTPAdapter(**options))
        session.mount("https://", HTTPAdapter(**options))
    for prefix, mark in settings["mounts"]:
        session.mount(prefix, Marked(mark, **options))
    return session


def class_of(error):
    """What went wrong, in the words that both clients' errors are put into."""
    cause = error.args[0] if error.args else None
    if isinstance(cause, urllib3.exceptions.MaxRetryError):
        cause = cause.reason
    for kind, word in [
        (HookFailed, "hook"),
        (requests.exceptions.JSONDecodeError, "not json"),
        (requests.exceptions.InvalidJSONError, "not serializable"),
        (requests.exceptions.HTTPError, "status"),
        (requests.exceptions.ConnectTimeout, "connect timeout"),
        (requests.exceptions.ReadTimeout, "read timeout"),
        (requests.exceptions.TooManyRedirects, "too many redirects"),
        (requests.exceptions.MissingSchema, "relative url"),
        (requests.exceptions.InvalidSchema, "unsupported scheme"),
        (requests.exceptions.InvalidProxyURL, "proxy"),
        (requests.exceptions.InvalidURL, "invalid url"),
        (requests.exceptions.InvalidHeader, "invalid header"),
        (requests.exceptions.ChunkedEncodingError, "body"),
        (requests.exceptions.ContentDecodingError, "coding"),
        (requests.exceptions.UnrewindableBodyError, "not replayable"),
        (requests.exceptions.ProxyError, "proxy"),
        (requests.exceptions.SSLError, "tls"),
        (requests.exceptions.RetryError, "retries"),
    ]:
        if isinstance(error, kind):
            return word
    if isinstance(error, requests.exceptions.ConnectionError):
        for kind, word in [
            (urllib3.exceptions.NewConnectionError, "connect"),
            (urllib3.exceptions.ReadTimeoutError, "connection: read timeout"),
            (urllib3.exceptions.ProtocolError, "protocol"),
        ]:
            if isinstance(cause, kind):
                return word
        return f"connection: {type(cause).__name__}"
    if isinstance(error, ValueError) and "timeout" in str(error):
        return "invalid timeout"
    return f"{type(error).__module__}.{type(error).__name__}"


def hop(number, response, last):
    """What came before a hop, and when it came itself."""
    before = len(response.history) if response.history == last.history[:number] else "others"
    seconds = response.elapsed.total_seconds()
    return f"{before} before, {'late' if seconds >= LATE else 'at once' if seconds else 'never'}"


def end_of(attempt):
    """How an attempt that was followed by another ended."""
    if attempt.error is None:
        return str(attempt.status)
    for kind, word in [
        (urllib3.exceptions.ConnectTimeoutError, "connect"),
        (urllib3.exceptions.NewConnectionError, "connect"),
        (urllib3.exceptions.ReadTimeoutError, "read timeout"),
        (urllib3.exceptions.ProtocolError, "protocol"),
    ]:
        if isinstance(attempt.error, kind):
            return word
    return type(attempt.error).__name__


def text_of(content):
    return content.decode("latin-1")


def hops(responses, challenges=True):
    hops = [response for response in responses if challenges or response.status_code < 400]
    return [f"{response.status_code} {response.url}" for response in hops]


def read(response, how, out):
    if how in ("Content", "RaiseForStatus"):
        out["body"] = text_of(response.content)
    elif how == "Text":
        out["text"] = response.text
    elif how == "Json":
        out["json"] = json.dumps(response.json(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    elif how == "Lines":
        out["lines"] = [line.decode() for line in response.iter_lines()]
    elif how == "Links":
        out["links"] = sorted(f"{link.get('rel', '')} {link['url']}" for link in response.links.values())
    elif how == "Nothing":
        response.close()


def timeout_of(spec):
    if spec == "Never":
        return None
    (kind, value), = spec.items()
    return {"Both": float, "Each": tuple, "Total": lambda total: urllib3.Timeout(total=total)}[kind](value)


def params_of(pairs):
    """A mapping where it can be one: only mappings are merged with the session's."""
    return dict(pairs) if len(dict(pairs)) == len(pairs) else [tuple(pair) for pair in pairs]


def send(session, call, log):
    what = {
        "headers": dict(call["headers"]),
        "params": params_of(call["params"]) or None,
        "auth": auth_of(call["auth"]),
        "cookies": dict(call["cookies"]) or None,
        "hooks": hooks_of(call["hooks"], log),
        **content_of(call["content"]),
    }
    how = {"stream": call["read"] in ("Lines", "Nothing", "Later")}
    if call["proxies"]:
        how["proxies"] = dict(call["proxies"])
    if call["timeout"]:
        how["timeout"] = timeout_of(call["timeout"])
    if call["allow_redirects"] is not None:
        how["allow_redirects"] = call["allow_redirects"]
    elif call["method"] == "HEAD":
        # `Session.head`'s default.
        how["allow_redirects"] = False
    if call["unverified"]:
        how["verify"] = False
    if call["prepared"]:
        return session.send(requests.Request(call["method"], call["url"], **what).prepare(), **how)
    return session.request(call["method"], call["url"], **what, **how)


def one(session, call, log, kept_unread):
    out = {}
    if call["after_reading"]:
        while kept_unread:
            _ = kept_unread.pop(0).content
    if call["after_close"]:
        session.close()
    try:
        response = send(session, call, log)
        if call["by_hand"]:
            response = session.send(response.next, allow_redirects=False)
        out["status"] = response.status_code
        out["version"] = f"HTTP/{response.raw.version / 10}"
        out["url"] = response.url
        out["history"] = hops(response.history, call["challenges"])
        out["headers"] = {name: response.headers.get(name) for name in call["show"]}
        if call["show_cookies"]:
            out["cookies"] = sorted(f"{cookie.name}={cookie.value}" for cookie in response.cookies)
        if call["show_hops"]:
            out["hops"] = [hop(number, each, response) for number, each in enumerate([*response.history, response])]
        if call["show_attempts"]:
            out["attempts"] = [end_of(attempt) for attempt in response.raw.retries.history]
        read(response, call["read"], out)
        if call["read"] == "Later":
            kept_unread.append(response)
        if call["read"] == "RaiseForStatus":
            response.raise_for_status()
    except Exception as error:
        if not isinstance(error, requests.exceptions.HTTPError):
            out.clear()
        out["error"] = class_of(error)
        if isinstance(error, requests.exceptions.TooManyRedirects):
            out["followed"] = len(error.response.history)
    return out


def kept(jar):
    """The cookies in a jar: what, where, and whether for that host alone."""
    cookies = []
    for cookie in jar:
        scope = "domain" if cookie.domain_specified else "host"
        domain = cookie.domain.removeprefix(".")
        pair = cookie.name if cookie.value is None else f"{cookie.name}={cookie.value}"
        cookies.append(f"{pair}; {scope} {domain}; {cookie.path}" + ("; secure" if cookie.secure else ""))
    return sorted(cookies)


def found(jar, name):
    """A cookie's value."""
    try:
        return jar[name]
    except requests.cookies.CookieConflictError:
        return "a conflict"
    except KeyError:
        return "none"


@contextlib.contextmanager
def environment(variables, netrc, ca, folder, home):
    before = dict(os.environ)
    for name in before:
        if name.lower() in ENVIRONMENT:
            del os.environ[name]
    os.environ["HOME"] = home
    os.environ.update({name: value.replace("{ca}", ca).replace("{home}", home) for name, value in variables})
    if netrc is not None:
        os.environ["NETRC"] = os.path.join(folder, "netrc")
        with open(os.environ["NETRC"], "w", encoding="utf-8") as file:
            file.write(netrc)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def drive(task, ca, folder):
    ports.clear()
    ports.update(task["ports"])
    scenario, log = task["scenario"], []
    settings = scenario["session"]
    with environment(settings["env"], settings["netrc"], ca, folder, task["home"]):
        session = session_of(settings, ca, log)
        kept_unread = []
        calls = [one(session, call, log, kept_unread) for call in scenario["calls"]]
        session.close()
    defaults = {name.lower(): value for name, value in requests.utils.default_headers().items() if name != "Accept"}
    found_cookies = [found(session.cookies, name) for _, name in scenario["looked_up"]]
    return {"calls": calls, "hooks": log, "jar": kept(session.cookies), "found": found_cookies, "identity": defaults}


def main():
    warnings.simplefilter("ignore")
    for package, (wanted, found) in WANTED.items():
        if wanted != found:
            sys.exit(f"{package} {wanted} is wanted, and {found} is there")
    with tempfile.TemporaryDirectory() as folder:
        ca = os.path.join(folder, "authority.pem")
        with open(ca, "w", encoding="ascii") as file:
            file.write(sys.argv[1])
        for line in sys.stdin:
            print(json.dumps(drive(json.loads(line), ca, folder)), flush=True)


main()
