"""A shell at a terminal of its own, typed into as an operator would."""
import os
import pty
import select
import signal
import time

from waiting import PATIENCE


class Terminal:
    def __init__(self, arguments, environment):
        self.seen = ""
        self.child, self.terminal = pty.fork()
        if self.child == 0:
            os.execvpe(arguments[0], arguments, environment)

    def type(self, keys):
        """Types, and forgets what was seen before."""
        self.seen = ""
        os.write(self.terminal, keys.encode())

    def until_seen(self, *words, seconds=20):
        """Reads until all of the words have been shown since the last keys; gives what was."""
        end = time.monotonic() + seconds * PATIENCE
        while not all(word in self.seen for word in words):
            ready, _, _ = select.select([self.terminal], [], [], max(0, end - time.monotonic()))
            assert ready, f"not shown: {words}, but {self.seen!r}"
            self.seen += os.read(self.terminal, 65536).decode(errors="replace")
        return self.seen

    def close(self):
        os.kill(self.child, signal.SIGKILL)
        os.waitpid(self.child, 0)
        os.close(self.terminal)
