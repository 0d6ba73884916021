"""The peer from PyPI: the same job, given as JSON, and the same measurements back."""
import json
import sys
import threading
import time

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import SKIP_HEADER

probe = json.loads(sys.argv[1])
setup, job = probe["setup"], probe["job"]["Warm"]
threads = job["in_flight"]

session = requests.Session()
session.trust_env = False
session.headers = requests.structures.CaseInsensitiveDict(setup["headers"])
# Else urllib3 would add one that the others do not send.
session.headers["accept-encoding"] = SKIP_HEADER
session.mount("http://", HTTPAdapter(pool_maxsize=threads))


def drive(count):
    def worker():
        for _ in range(count // threads):
            assert session.get(setup["url"]).content == b"hello world"

    workers = [threading.Thread(target=worker) for _ in range(threads)]
    for each in workers:
        each.start()
    for each in workers:
        each.join()


drive(job["warm_up"])
wall, cpu = time.perf_counter(), time.process_time()
drive(job["requests"])
wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
print(json.dumps({"done": job["requests"], "seconds": wall, "cpu_seconds": cpu}))
