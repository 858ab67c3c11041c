"""Coroutines that run beside everything else. asyncio itself does not keep them alive."""
import asyncio
import sys
import traceback

_running = set()
_ending = asyncio.Event()


def run(coroutine):
    """Starts a coroutine and returns its task. A test finds it on standard error when it fails."""
    task = asyncio.ensure_future(coroutine)
    _running.add(task)
    task.add_done_callback(_ended)
    return task


def _ended(task):
    _running.discard(task)
    if not task.cancelled() and task.exception() and not _ending.is_set():
        traceback.print_exception(task.exception(), file=sys.stderr)


def cancel():
    """Ends all of them. What one says that finds its server gone before it is told is no complaint."""
    _ending.set()
    for task in list(_running):
        task.cancel()
