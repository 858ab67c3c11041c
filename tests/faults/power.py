#!/usr/bin/python3
"""Power cuts: everything certdrop writes lies on a file system that dies in the middle of a pass.

    tests/faults/power.py --build=build-release                a seeded choice of points, as many as fit
    tests/faults/power.py --build=build-release --full         every point
    tests/faults/power.py --build=build-release --only=worker:renameat2/unflushed/noauto_da_alloc:1

State, drop and published files lie on an ext4 of their own, in an image file behind a loop device. A point is (subject,
name of a call / mode / mount option, ordinal): right after that call the program stands still (SIGSTOP by strace), the
file system is shut down by its ioctl (EXT4_IOC_SHUTDOWN, see ext4's own uapi header), everything is killed, the image is
mounted again, and certdrop is started once more, untouched. `flushed` writes the file system's journal out before it
dies, so that names may be there without what they should hold; `unflushed` loses all that was not fsynced.
`noauto_da_alloc` takes away ext4's help for those who rename without fsync (ext4(5)). The call `end` is the moment
in which the receipt says that all is done.

Right is: what is published after the mount is the one pair or the other, and the new one if a receipt or `status` had
said so; the database is whole, the first pass still in it, and it was not begun anew; after the restart the state is
settled with what was dropped, be it that the drop is still there or that certdrop has it.

Needs root and a loop device; where there is none it says so, and nothing fails.
"""
import collections
import contextlib
import ctypes
import fcntl
import json
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import sqlite3
import struct
import subprocess
import time

import common
from lane import STUCK, SUBJECTS, Lane, Reader, handshake
from waiting import until

SHUTDOWN = 0x8004587D  # _IOR('X', 125, __u32)
MODES = {"flushed": 1, "unflushed": 2}
OPTIONS = ("defaults", "noauto_da_alloc")
CUT = ("service", "command", "worker", "service-putting-back", "worker-putting-back")

# Calls that change names on disk, write the journal, or wait for the disk. (What write() has done tells the call after it.)
RELEVANT = re.compile(r"^(rename|link|symlink|unlink|mkdirat|rmdir|f(data)?sync|pwrite)")

# `told`: the receipt had said before the cut that it is done. `at_kill`: what was published after the mount.
Result = collections.namedtuple("Result", "killed at_kill told torn lost anew stuck seconds wrong")


class PowerLane(Lane):
    """A lane whose files lie in an image. The server stays up: it is another machine's."""

    option = "defaults"
    proving_ms = 1500  # nothing is to be put back only because the machine has other work to do

    def prepare(self):
        self.image, self.pristine = self.top / "image", self.top / "pristine"
        with open(self.image, "wb") as image:
            image.truncate(32 << 20)
        subprocess.run(["mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0", str(self.image)],
                       check=True, stdout=subprocess.DEVNULL)
        self.here.mkdir()
        self.mount()
        super().prepare()
        self.unmount()
        self.image.rename(self.pristine)

    def mount(self):
        subprocess.run(["mount", "-t", "ext4", "-o", f"loop,{self.option}", str(self.image), str(self.here)], check=True)

    def unmount(self):
        """Whoever still has something open there is one of ours, or the server for a moment."""
        def unmounted():
            if not os.path.ismount(self.here) or \
                    subprocess.run(["umount", str(self.here)], stderr=subprocess.DEVNULL).returncode == 0:
                return True
            for process in self.users():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
            return False
        until(unmounted, "the file system cannot be unmounted")

    def users(self):
        """All that have a file of it open, but the server."""
        for process in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError):
                held = [os.readlink(f"/proc/{process}/fd/{fd}") for fd in os.listdir(f"/proc/{process}/fd")]
                if any(path.startswith(f"{self.here}/") for path in held) and \
                        int(process) not in (os.getpid(), self.server.pid):
                    yield int(process)

    def rewind(self):
        self.unmount()
        subprocess.run(["cp", "--sparse=always", str(self.pristine), str(self.image)], check=True)
        self.mount()

    def restore(self, back):
        super().restore(back)
        self.flush()

    def flush(self):
        """What the test itself has put there is on disk."""
        directory = os.open(self.here, os.O_RDONLY)
        ctypes.CDLL(None, use_errno=True).syncfs(directory)
        os.close(directory)

    # ---- a pass that is cut ----

    def stopped_pass(self, subject, call, ordinal):
        """Starts a pass and waits until it stands still, or is over: (the process, did it stop?)."""
        process = self.started(subject, ["-e", f"trace={call}", "-e", f"inject={call}:signal=STOP:when={ordinal}"]
                               if call != "end" else ["-e", "trace=none"])
        end = time.monotonic() + STUCK
        while time.monotonic() < end and process.poll() is None:
            if call == "end" and self.is_settled(subject.back):
                return process, True
            if "SIGSTOP" in self.trace_text():
                return process, True
            if call != "end" and subject.command == "run" and self.is_settled(subject.back) and self.is_quiet():
                break
            time.sleep(0.001)
        return process, "SIGSTOP" in self.trace_text()

    def started(self, subject, options):
        wrapper = ()
        if subject.program == "certdrop":
            wrapper = ("strace", "-qq", "-o", str(self.trace), *options)
        else:
            # Its threads, too: they wait for the disk.
            (self.top / f"{subject.program}.strace").write_text(" ".join(["-f", *options]) + "\n")
        return self.start(subject.command, wrapper=wrapper)

    def trace_text(self):
        return self.trace.read_text(errors="replace") if self.trace.exists() else ""

    def is_quiet(self):
        """Nothing was traced for a while: what follows the receipt is over as well."""
        return self.trace.exists() and time.time() - self.trace.stat().st_mtime > 0.05

    def cut(self, process, mode):
        directory = os.open(self.here, os.O_RDONLY)
        try:
            fcntl.ioctl(directory, SHUTDOWN, struct.pack("I", MODES[mode]))
        finally:
            os.close(directory)
        for each in descendants(process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(each, signal.SIGKILL)
        process.wait(STUCK)
        self.unmount()
        self.mount()

    # ---- judging ----

    def attempt_once(self, subject, call, ordinal):
        name, mode, self.option = call.split("/")
        expected = "first" if subject.back else "second"
        self.restore(subject.back)
        process, stopped = self.stopped_pass(subject, name, ordinal)
        told = self.is_settled(subject.back)
        self.cut(process, mode)
        found = self.published()
        os.kill(self.server.pid, signal.SIGHUP)
        anew = list((self.here / "state").glob("*.damaged*"))
        with Reader(self) as reader:
            took = self.recover(subject)
        lost = told and found != expected
        wrong = [sentence for sentence, is_so in (
            (f"published after the cut is {found}", found not in self.pairs),
            (f"told as done was {expected}, and {found} is published", lost),
            (f"the published pair was torn in {reader.torn} of {reader.looks} looks", reader.torn),
            (f"the database was begun anew: {self.begun_anew()}", anew or self.begun_anew()),
            (f"not settled after the restart: {self.receipt()}", took is None),
            (f"published is {self.published()}, not {expected}", self.published() != expected),
            (f"served is not {expected}", handshake(self.port) != self.pairs[expected].fingerprint),
            (f"left in the drop: {self.left_in_drop()}", not subject.back and self.left_in_drop())) if is_so]
        return Result(stopped, found, told, reader.torn + (found not in self.pairs), lost, bool(anew or self.begun_anew()),
                      took is None, took or STUCK, "; ".join(wrong))

    def is_recovered(self, back):
        """A receipt from before the cut may tell of an end that the journal did not get to know any more."""
        return super().is_recovered(back) and self.is_listening() and self.told_state() == self.receipt().get("state")

    def is_listening(self):
        with contextlib.closing(socket.socket(socket.AF_UNIX)) as control:
            return control.connect_ex(str(self.here / "control.sock")) == 0

    def told_state(self):
        told = subprocess.run([self.certdrop, "status", "--json", "--config", self.configuration], check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        try:
            return json.loads(told.stdout)["targets"][0]["state"]
        except ValueError:
            return None

    def begun_anew(self):
        """Why the database is not the one from before, or nothing."""
        aside = [path.name for path in (self.here / "state").glob("*.damaged*")]
        if aside:
            return f"{aside} moved aside"
        with contextlib.closing(sqlite3.connect(self.here / "state" / "journal.db")) as database:
            verdict = database.execute("PRAGMA integrity_check").fetchone()[0]
            applied = database.execute("SELECT count(*) FROM pass WHERE outcome = 'applied'").fetchone()[0]
        if verdict != "ok":
            return verdict
        return "" if applied > 0 else "the first pass is not in it"

    def points(self, subject, passes):
        most = collections.Counter()
        for _ in range(passes):
            self.restore(subject.back)
            process = self.started(subject, ["-e", "trace=all"])
            until(lambda: process.poll() is not None or subject.command == "run" and self.is_settled(subject.back),
                  lambda: f"{subject.name}: the pass does not come to its end: " + self.log.read_text(), STUCK)
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
                process.wait(STUCK)
            # Each thread is counted by itself, by strace as well as here.
            threads = collections.Counter(re.findall(r"^(?:(\d+) +)?(\w+)\(", self.trace_text(), re.MULTILINE))
            for (_, call), count in threads.items():
                most[call] = max(most[call], count)
        calls = [("end", 1)] + sorted(item for item in most.items() if RELEVANT.match(item[0]))
        return [(subject.name, f"{call}/{mode}/{option}", n) for call, count in calls for n in range(1, count + 1)
                for mode in MODES for option in OPTIONS]

    def close(self):
        self.unmount()
        super().close()


def descendants(process):
    found, left = [], [process]
    while left:
        found.append(left.pop())
        for children in pathlib.Path(f"/proc/{found[-1]}/task").glob("*/children"):
            with contextlib.suppress(OSError):
                left += [int(child) for child in children.read_text().split()]
    return found


def chosen(points, seed):
    shuffled = points[:]
    random.Random(seed).shuffle(shuffled)
    return shuffled


def why_not():
    """What is missing here, or nothing."""
    if os.geteuid() != 0:
        return "it needs root to mount a file system"
    if not os.path.exists("/dev/loop-control"):
        return "there is no loop device"
    if not shutil.which("mkfs.ext4"):
        return "there is no mkfs.ext4"
    return ""


HEADS = ("points", "old pair", "new pair", "told", "torn", "lost", "anew", "stuck", "wrong", "missed")


def numbers(results):
    reached = [result for result in results if result.killed]
    found = collections.Counter(result.at_kill for result in reached)
    return (len(reached), found["first"], found["second"], sum(r.told for r in reached), sum(r.torn > 0 for r in results),
            sum(r.lost for r in results), sum(r.anew for r in results), sum(r.stuck for r in results),
            sum(bool(r.wrong) for r in results), len(results) - len(reached))


def main():
    arguments = common.arguments(__doc__, seconds=15)
    return common.run(arguments, "power cuts", PowerLane, [s for s in SUBJECTS if s.name in CUT], chosen,
                      common.Table(HEADS, numbers, lambda point: point[1].partition("/")[2]), why_not())


if __name__ == "__main__":
    raise SystemExit(main())
