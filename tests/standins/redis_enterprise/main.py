"""The program: redis-enterprise DESCRIPTION DIRECTORY

DESCRIPTION is a JSON file, or "-" for a first line of standard input. When everything runs, one line of JSON on
standard output says where (Site.describe). It ends with its standard input, or on SIGTERM, and takes
everything that it started with it; the redis-servers die even when it is killed. DIRECTORY is empty at first, is
for it alone, and has a short name, because Unix sockets are made below it.

    {"clusters": [{"name": "east", "version": "7.22.2-14", "nodes": 3,
                   "users": [{"email": "admin@example.test", "password": "...", "role": "admin"}],
                   "settings": {"mask_bdb_credentials": true},
                   "certificates": {"proxy": {"certificate": "...", "key": "..."}},
                   "behaviour": {"old_worker_ms": 500}, "internal_reachable": false,
                   "databases": [{"uid": 1, "name": "orders", "repl_backlog_size": 1000000}]}, ...],
     "replicas": [{"source": ["east", 1], "destination": ["west", 1]}],
     "crdbs": [{"name": "carts", "clusters": ["east", "west"]}],
     "settings": {"round_trip_ms": 20}}

Only the names of the clusters are needed; of a user, either a password or a certificate_subject_line."""
import asyncio
import json
import os
import pathlib
import signal
import sys

from . import background, tools
from .control import Control
from .site import Site


async def run(description, directory):
    ending = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, ending.set)
    site = Site(description, directory)
    try:
        await site.start()
        await site.settle(10 * float(os.environ.get("PATIENCE", "1")))
        tools.write(site)
        await asyncio.start_server(Control(site).serve, sock=site.control_socket)
        loop.add_reader(sys.stdin.fileno(), lambda: None if os.read(0, 1024) else ending.set())
        print(json.dumps(site.describe()), flush=True)
        await ending.wait()
    finally:
        background.cancel()
        await site.stop()


def main(arguments):
    if len(arguments) != 2:
        sys.exit(f"usage: redis-enterprise DESCRIPTION DIRECTORY\n\n{__doc__}")
    text = sys.stdin.readline() if arguments[0] == "-" else pathlib.Path(arguments[0]).read_text()
    asyncio.run(run(json.loads(text), arguments[1]))
