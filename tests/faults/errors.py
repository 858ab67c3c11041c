#!/usr/bin/python3
"""Every error: each call of a pass fails once, each allocation, and each write does only half of its work.

    tests/faults/errors.py --build=build-release                a seeded choice of points, as many as fit
    tests/faults/errors.py --build=build-release --full         every point
    tests/faults/errors.py --build=build-release --only=worker:renameat2=EIO:1      just that one, with its log

A point is (subject, name of a call = error, ordinal): strace makes the Nth call of that name fail with that error,
once. `allocation`, `short-write` and `short-read` come from trouble.c, preloaded: the Nth allocation gets no memory, the
Nth write or read does only half of what it was asked for. The ordinals are those of a whole pass, so that every fault
that can come has come. In the service time runs ten times as fast, for what it tries again "in 5 s".

Right is: nobody crashes; nobody says that it is done when it is not (the receipt, the exit code of the command); the pair
that is published is one or the other, whenever it is looked at; and it goes into service by itself: the service
without a restart, the command when it is run again. At the end the journal knows it, too (`certdrop status`
without the service exits with 0).

Out of memory ends a process on purpose (controller/base/arena.h): after a failed allocation a program may end by
SIGABRT, and where the event loop cannot have what it is made of, libuv ends it so; never else, but for libconfig, which
does not look whether it gets memory: while the configuration is read, SIGSEGV is as good. It is then started again, as by
a service manager, and everything has to be right. A service that
cannot start says so by its exit code, and is started again as well.
"""
import collections
import contextlib
import os
import pathlib
import random
import re
import signal
import subprocess
import time

import common
from lane import HERE, STUCK, SUBJECTS, Lane, Reader, handshake

FAILING = ("service", "command", "worker", "inspector", "service-putting-back", "worker-putting-back")

ALL = ("EIO", "ENOSPC", "EDQUOT", "EINTR", "EMFILE", "ENOMEM")
# What can go wrong with which call; the first that matches. What is not here never fails, or takes no part.
FAULTS = [(re.compile(rf"^({calls})$"), errors) for calls, errors in (
    (r"open|openat|creat|memfd_create|write|pwrite64|pwritev|writev|f(data)?sync|rename\w*|link|linkat|symlink\w*|"
     r"unlink\w*|mkdir\w*|rmdir|ftruncate|fallocate|fch?mod\w*|chmod|fchown\w*|utimensat|sync_file_range", ALL),
    (r"read|pread64|readv|recvmsg|sendmsg|sendto|recvfrom", ("EIO", "EINTR", "ENOMEM")),
    (r"openat2|stat|fstat|newfstatat|statx|getdents64|readlink\w*|lseek|access|faccessat2?|ioctl", ("EIO", "ENOMEM")),
    (r"fcntl", ("EIO", "EINTR", "EMFILE", "ENOMEM")),
    (r"socket|socketpair|pipe2|eventfd2|inotify_init1|epoll_create1|dup\w*|accept4?", ("EMFILE", "ENOMEM")),
    (r"bind|listen|connect|inotify_add_watch", ("EIO", "ENOMEM", "ENOSPC", "EINTR")),
    (r"clone3?|v?fork", ("ENOMEM",)),
    (r"mmap|mremap", ("ENOMEM",)))]  # brk fails in a way of its own
MEMORY = re.compile(r"^(allocation|(mmap|mremap)=ENOMEM)$")
# The event loop cannot do without these, and libuv ends the process when they fail; or a signal to end is lost.
LOOPS_OWN = re.compile(r"^((read|write|ioctl)\(\d+<(pipe:|anon_inode:)|epoll_create1\(|eventfd2\(|pipe2\(|ioctl\(\d+<socket)"
                       r".*\(INJECTED\)$", re.MULTILINE)
TROUBLES = ("allocation", "short-write", "short-read")
SPEED = 10

# `ended`: it ended and was started again. `said`: by exit code or receipt, that it had not worked yet.
Result = collections.namedtuple("Result", "killed at_kill ended torn crashed false stuck seconds wrong")


class Watcher(Reader):
    """Reads the receipt as well: what it says must be so."""

    def __init__(self, lane, subject):
        super().__init__(lane)
        self.back, self.lies = subject.back, 0

    def run(self):
        while not self.stopped:
            said = self.lane.is_settled(self.back)
            found = self.lane.published()
            self.looks += 1
            self.torn += found not in self.lane.pairs
            self.lies += said and found != ("first" if self.back else "second")
            time.sleep(0.001)


class ErrorLane(Lane):
    proving_ms = 1500  # nothing is to be put back only because the machine has other work to do

    def prepare(self):
        self.trouble, self.facts = self.top / "trouble.so", self.top / "facts"
        subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", str(self.trouble), str(HERE / "trouble.c")], check=True)
        super().prepare()
        with open(self.configuration, "a") as configuration:
            configuration.write('check = "10s";\nrescan = "10s";\nretry-cap = "5s";\n')

    def once(self, name):
        """The first start of the program has what stands in NAME.before in front; others do not."""
        return (f'[ ! -e {self.top}/{name}.before ] || read -r before <{self.top}/{name}.before\n'
                f'if [ -n "$before" ] && mkdir {self.top}/{name}.taken 2>/dev/null; then\n'
                f'\texec $before {self.programs[name]} "$@"\nfi\nexec {self.programs[name]} "$@"')

    def start(self, *arguments, wrapper=()):
        """The service lives ten times as fast."""
        if arguments[0] == "run" and not wrapper:
            wrapper = ("env", *self.environment("none"))
        return super().start(*arguments, wrapper=wrapper)

    def environment(self, trouble):
        return (f"LD_PRELOAD={self.trouble}", f"TROUBLE_FACTS={self.facts}", f"TROUBLE={trouble}",
                f"TROUBLE_SPEED={SPEED}")

    def before(self, subject, kind, ordinal):
        """What stands before the program so that it has this trouble; no ordinal: none, but it is traced."""
        fast = subject.command == "run" and subject.program == "certdrop"
        if kind in TROUBLES:
            environment = self.environment(f"{kind}:{ordinal}")
            return ("env", *(environment if fast else environment[:-1]))
        call, _, error = kind.partition("=")
        options = ["-e", f"trace={call}"] + (["-e", f"inject={call}:error={error}:when={ordinal}"] if error else [])
        preload = [word for setting in self.environment("none") for word in ("-E", setting)] if fast else []
        return ("strace", "-qq", "-y", "-o", str(self.trace), *preload, *options)

    def started(self, subject, kind, ordinal=0):
        self.facts.write_bytes(bytes(40))
        before = self.before(subject, kind, ordinal)
        if subject.program == "certdrop":
            return self.start(subject.command, wrapper=before)
        (self.top / f"{subject.program}.before").write_text(" ".join(before) + "\n")
        return self.start(subject.command)

    def facts_now(self):
        """How many allocations, writes, reads there were; whether trouble has come, and the configuration is read."""
        found = self.facts.read_bytes()
        return [int.from_bytes(found[at:at + 8], "little") for at in range(0, 40, 8)]

    def trace_text(self):
        return self.trace.read_text(errors="replace") if self.trace.exists() else ""

    def has_come(self, kind):
        return bool(self.facts_now()[3]) if kind in TROUBLES else "(INJECTED)" in self.trace_text()

    # ---- a pass with a fault in it ----

    def until_over(self, subject, process):
        """Until it is settled, or has ended, or hangs."""
        end = time.monotonic() + STUCK
        while process.poll() is None and time.monotonic() < end and not (
                subject.command == "run" and self.is_settled(subject.back)):
            time.sleep(0.002)

    def stop(self, process):
        """How the program ended: 0 for a service that was told to."""
        if process.poll() is None:
            # strace passes no signal on: it is the tracee that has to get it.
            for child in self.children(process.pid) or [process.pid]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child, signal.SIGTERM)
        try:
            return process.wait(STUCK)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return "it did not end on SIGTERM"

    def children(self, process):
        if pathlib.Path(f"/proc/{process}/comm").read_text().strip() != "strace":
            return []
        return [int(child) for child in pathlib.Path(f"/proc/{process}/task/{process}/children").read_text().split()]

    def crashes(self, subject, kind, code):
        """Ends that are no answer to this kind of trouble."""
        allowed = {signal.SIGKILL}  # a worker that went wrong is killed on purpose
        if MEMORY.match(kind) or LOOPS_OWN.search(self.trace_text()):
            allowed.add(signal.SIGABRT)
        if kind == "allocation" and subject.program == "certdrop" and not self.facts_now()[4]:
            allowed.add(signal.SIGSEGV)
        signals = [int(number) for number in re.findall(r"was ended by signal (\d+)", self.log.read_text())]
        if isinstance(code, int) and code < 0:
            signals.append(-code)
        return [signal.Signals(number).name for number in signals if number not in allowed]

    def attempt_once(self, subject, call, ordinal):
        expected = "first" if subject.back else "second"
        self.restore(subject.back)
        with Watcher(self, subject) as watcher:
            start = time.monotonic()
            process = self.started(subject, call, ordinal)
            self.until_over(subject, process)
            settled, ended = self.is_settled(subject.back), process.poll() is not None
            hung = not settled and not ended
            code = self.stop(process)
            at_kill, come = self.published(), self.has_come(call)
            crashes = self.crashes(subject, call, code)
            for left in self.top.glob("certdrop-*.before"):
                left.unlink()
            took = time.monotonic() - start if settled else self.recover(subject)
            # The command tries nothing again by itself, and a service that the loop has ended not any more.
            again = self.left_in_drop() or code != 0
            if settled and (subject.command == "apply" and again or LOOPS_OWN.search(self.trace_text())):
                took = self.recover(subject)
        lies = watcher.lies + (subject.command == "apply" and not subject.back and code == 0 and at_kill != expected)
        wrong = [sentence for sentence, is_so in (
            (f"crashed: {crashes}", crashes),
            ("it hung, and did not settle by itself", hung),
            (f"the service ended with {code}", subject.command == "run" and not crashes and
             (code != 0 if not ended else code == 0) and not LOOPS_OWN.search(self.trace_text())),
            (f"it was said to be done, and was not: {watcher.lies} times by the receipt, exit code {code}", lies),
            (f"the published pair was torn in {watcher.torn} of {watcher.looks} looks", watcher.torn),
            (f"not settled afterwards: {self.receipt()}", took is None),
            (f"published is {self.published()}, not {expected}", self.published() != expected),
            (f"served is not {expected}", handshake(self.port) != self.pairs[expected].fingerprint),
            (f"the database was moved aside: {self.log.read_text()}", list((self.here / "state").glob("*.damaged*"))),
            (f"left in the drop: {self.left_in_drop()}", not subject.back and self.left_in_drop()),
            ("the journal does not know it", not subject.back and took is not None and
             self.start("status").wait(STUCK) != 0)) if is_so]
        return Result(come, at_kill, ended and not settled, watcher.torn, bool(crashes), bool(lies), hung or took is None,
                      took or STUCK, "; ".join(wrong))

    def points(self, subject, passes):
        most = collections.Counter()
        for _ in range(passes):
            for kind in ("all", "allocation"):
                self.restore(subject.back)
                process = self.started(subject, kind)
                self.until_over(subject, process)
                assert process.poll() is not None or self.is_settled(subject.back), self.log.read_text()
                self.stop(process)
                if kind == "all":
                    most |= collections.Counter(re.findall(r"^(\w+)\(", self.trace_text(), re.MULTILINE))
                else:
                    most |= collections.Counter(dict(zip(TROUBLES, self.facts_now())))
        kinds = [(f"{call}={error}", count) for call, count in sorted(most.items()) if call not in TROUBLES
                 for error in errors_of(call)]
        return [(subject.name, kind, n) for kind, count in kinds + [(kind, most[kind]) for kind in TROUBLES]
                for n in range(1, count + 1)]


def errors_of(call):
    return next((errors for pattern, errors in FAULTS if pattern.match(call)), ())


def chosen(points, seed):
    """As many of each call and error as of each other, as long as there are any."""
    shuffled = points[:]
    random.Random(seed).shuffle(shuffled)
    kinds = collections.defaultdict(collections.deque)
    for point in shuffled:
        kinds[point[:2]].append(point)
    order = []
    while kinds:
        for kind in list(kinds):
            order.append(kinds[kind].popleft())
            if not kinds[kind]:
                del kinds[kind]
    return order


HEADS = ("faults", "ended", "old pair", "new pair", "torn", "crashed", "false", "stuck", "wrong", "missed")


def numbers(results):
    reached = [result for result in results if result.killed]
    found = collections.Counter(result.at_kill for result in reached)
    return (len(reached), sum(r.ended for r in reached), found["first"], found["second"],
            sum(r.torn > 0 for r in results), sum(r.crashed for r in results), sum(r.false for r in results),
            sum(r.stuck for r in results), sum(bool(r.wrong) for r in results), len(results) - len(reached))


def main():
    arguments = common.arguments(__doc__, seconds=15)
    return common.run(arguments, "errors", ErrorLane, [s for s in SUBJECTS if s.name in FAILING], chosen,
                      common.Table(HEADS, numbers, lambda point: point[1].partition("=")[2] or point[1]))


if __name__ == "__main__":
    raise SystemExit(main())
