"""Waiting for a condition, never for a time."""
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


def free_port():
    """Below the ports that the system hands out, so that no client has it by the time its server is (re)started."""
    while True:
        port = random.randrange(15000, 32768)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
