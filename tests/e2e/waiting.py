"""Waiting for a condition, never for a time."""
import itertools
import os
import random
import socket
import time

# A slow machine may be given more time: every deadline is multiplied by this.
PATIENCE = float(os.environ.get("PATIENCE", "1"))


def until(condition, what, seconds=20):
    """Returns the first true value of condition(); fails with what() or what after the deadline."""
    end = time.monotonic() + seconds * PATIENCE
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"after {seconds} s: {what() if callable(what) else what}")
        time.sleep(0.01)


def ports_of_this_process():
    """Below the ports that the system hands out, so that no client has one by the time its server is (re)started. Test
    processes that run side by side have ports of their own: between the choice of a port and its use, another might
    choose the same."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    ports = list(range(15000, 32768))[worker::workers]
    random.shuffle(ports)
    return itertools.cycle(ports)


PORTS = ports_of_this_process()


def free_port():
    while True:
        port = next(PORTS)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
