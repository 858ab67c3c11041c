"""Waiting for a condition, never for a time."""
import os
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
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
