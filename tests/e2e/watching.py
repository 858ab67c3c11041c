"""A little inotify, to be woken when something changes in a directory."""
import ctypes
import os

IN_MOVED_TO, IN_CREATE, IN_CLOSE_WRITE, IN_DELETE = 0x80, 0x100, 0x8, 0x200
libc = ctypes.CDLL(None, use_errno=True)


class Watch:
    def __init__(self, *directories):
        self.descriptor = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        for directory in directories:
            mask = IN_MOVED_TO | IN_CREATE | IN_CLOSE_WRITE | IN_DELETE
            if libc.inotify_add_watch(self.descriptor, os.fsencode(directory), mask) < 0:
                raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), directory)

    def drain(self):
        try:
            os.read(self.descriptor, 65536)
        except BlockingIOError:
            pass

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        os.close(self.descriptor)
