#!/usr/bin/python3
"""A disk that is really full: state, drop and published files lie on a small tmpfs with so many pages left.

    tests/faults/full.py --build=build-release                a seeded choice of points, as many as fit
    tests/faults/full.py --build=build-release --full         every point
    tests/faults/full.py --build=build-release --only=service:pages:3

A point is (subject, "pages", how many of them are free): 0 is a disk that is full before the drop is taken in, each more
lets the pass come a little further, up to the first number with which it comes to its end. Once it is told that it does not
work, or is settled in spite of it, space is made again.

Right is: it is told (the receipt, if there is room for one, `status`, the exit code), and never told to be done when it is
not; the dropped file stays until it is safe; the pair that is published is one or the other whenever it is looked at; and
once there is space it goes into service by itself: the service without a restart, the command when it is run again.

Needs root to mount; where it may not it says so, and nothing fails.
"""
import contextlib
import os
import re
import shutil
import subprocess
import time

import common
import errors
from lane import STUCK, SUBJECTS, handshake
from power import PowerLane, chosen
from waiting import until

PAGE = 4096
SIZE = 4 << 20
FEW = 24  # never enough
TOLD = re.compile(r"No space left|disk is full|database or disk is full|cannot be written")


class FullLane(errors.ErrorLane):
    users, unmount = PowerLane.users, PowerLane.unmount

    def prepare(self):
        self.here.mkdir()
        self.mount()
        super().prepare()

    def mount(self):
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "certdrop", str(self.here)], check=True)

    def rewind(self):
        self.unmount()
        self.mount()
        shutil.copytree(self.snapshot, self.here, symlinks=True, dirs_exist_ok=True)

    def fill(self, pages):
        """All of it but so many pages."""
        with open(self.here / "filler", "wb", buffering=0) as filler, contextlib.suppress(OSError):
            while filler.write(bytes(PAGE)):
                pass
        size = (self.here / "filler").stat().st_size
        os.truncate(self.here / "filler", max(0, size // PAGE - pages) * PAGE)

    def says_so(self):
        return bool(TOLD.search(self.log.read_text())) if self.log.exists() else False

    def run_full(self, subject, pages):
        """A pass on the full disk: the process, and whether it came to its end all the same."""
        dropped = self.here / "drop" / "web" / "second.pem"
        hidden = dropped.with_name(".second.pem")
        dropped.rename(hidden)
        process = None
        if subject.command == "run":
            process = self.start("run")
            until((self.here / "control.sock").exists, lambda: "it does not start: " + self.log.read_text(), STUCK)
        self.fill(pages)
        hidden.rename(dropped)
        process = process or self.start("apply")
        end = time.monotonic() + STUCK
        while time.monotonic() < end and process.poll() is None and not (
                subject.command == "run" and (self.is_settled(False) or self.says_so())):
            time.sleep(0.002)
        return process

    def attempt_once(self, subject, call, ordinal):
        self.restore(False)
        with errors.Watcher(self, subject) as watcher:
            process = self.run_full(subject, ordinal)
            settled, ended = self.is_settled(False), process.poll() is not None
            told = settled or self.says_so()
            at_kill = self.published()
            start = time.monotonic()
            (self.here / "filler").unlink()
            self.until_over(subject, process)
            hung = process.poll() is None and not self.is_settled(False)
            code = self.stop(process)
            done = self.is_settled(False) and (subject.command == "run" or code == 0)
            took = time.monotonic() - start if done else self.recover(subject)
        false = watcher.lies + (subject.command == "apply" and code == 0 and at_kill != "second")
        crashes = self.crashes(subject, call, code)
        wrong = [sentence for sentence, is_so in (
            (f"crashed: {crashes}", crashes),
            ("it was not told that the disk is full: " + self.log.read_text(), not told),
            ("it did not settle by itself when there was space again", hung),
            (f"the service ended with {code}", subject.command == "run" and code != 0),
            (f"it was said to be done, and was not: exit code {code}", false),
            (f"the published pair was torn in {watcher.torn} of {watcher.looks} looks", watcher.torn),
            (f"not settled afterwards: {self.receipt()}", took is None),
            (f"published is {self.published()}", self.published() != "second"),
            ("served is not second", handshake(self.port) != self.pairs["second"].fingerprint),
            ("the database was moved aside", list((self.here / "state").glob("*.damaged*"))),
            (f"left in the drop: {self.left_in_drop()}", self.left_in_drop()),
            ("the journal does not know it", took is not None and self.start("status").wait(STUCK) != 0)) if is_so]
        return errors.Result(not settled or self.says_so(), at_kill, ended and not settled, watcher.torn, bool(crashes),
                             bool(false), hung or took is None, took or STUCK, "; ".join(wrong))

    def points(self, subject, passes):
        """Up to the first number of free pages that is enough; to look for it takes too long for a choice."""
        if passes == 1:
            return [(subject.name, "pages", pages) for pages in range(FEW)]
        low, high = 0, 1
        while not self.is_enough(subject, high):
            low, high = high, 2 * high
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if self.is_enough(subject, middle) else (middle, high)
        return [(subject.name, "pages", pages) for pages in range(high)]

    def is_enough(self, subject, pages):
        self.restore(False)
        process = self.run_full(subject, pages)
        enough = self.is_settled(False) and not self.says_so()
        self.stop(process)
        return enough

    def close(self):
        self.unmount()
        super().close()


def main():
    arguments = common.arguments(__doc__, seconds=10)
    why_not = "" if os.geteuid() == 0 else "it needs root to mount a file system"
    return common.run(arguments, "full disk", FullLane, [s for s in SUBJECTS if s.name in ("service", "command")], chosen,
                      common.Table(errors.HEADS, errors.numbers, lambda point: point[1]), why_not)


if __name__ == "__main__":
    raise SystemExit(main())
