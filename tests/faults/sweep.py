#!/usr/bin/python3
"""The kill sweep: SIGKILL before every system call of a full pass, then a restart, then a look.

    tests/faults/sweep.py --build=build-release                a seeded choice of points, as many as fit
    tests/faults/sweep.py --build=build-release --full         every point
    tests/faults/sweep.py --build=build-release --only=worker:renameat2:2     just that one, with its log

A point is (subject, name of a call, ordinal among the calls of that name): strace counts per name. A subject
is one of the programs in one kind of pass; see SUBJECTS. At each point a target that serves one credential is
given the next one; the subject is killed; then certdrop is started once more, untouched. While all this goes
on, a reader looks at the published pair through its link again and again.

Right is: the reader never sees anything but the one pair or the other; after the restart the state is settled
(in-service with the new pair; where the pass is one that has to be put back, rolled-back with the old one),
the server serves what the state says, and nothing hangs.
"""
import argparse
import collections
import json
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import xml.etree.ElementTree as xml

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "e2e"))
from certificates import Authority  # noqa: E402
from nginx import handshake  # noqa: E402
from service import setting  # noqa: E402
from waiting import PATIENCE, free_port, until  # noqa: E402

STUCK = 20 * PATIENCE  # seconds after which a pass counts as hanging

# What is killed, in which kind of pass, and how certdrop is brought back.
Subject = collections.namedtuple("Subject", "name program command back")
SUBJECTS = [
    Subject("service", "certdrop", "run", False),
    Subject("command", "certdrop", "apply", False),
    Subject("worker", "certdrop-apply", "apply", False),
    Subject("inspector", "certdrop-inspect", "apply", False),
    Subject("service-putting-back", "certdrop", "run", True),
    Subject("worker-putting-back", "certdrop-apply", "apply", True),
]

# Calls whose every ordinal is in the choice: they change what is on disk or what the others know.
TELLING = re.compile(r"^(rename|link|symlink|unlink|mkdir|rmdir|f(data)?sync|pwrite|write|sendmsg|send|fchmod|"
                     r"fchown|ftruncate|fallocate|clone|vfork|fork|kill|connect|flock|chmod)")


class Reader(threading.Thread):
    """Reads the pair through the link, as a server does: the directory is opened once, then both files."""

    def __init__(self, lane):
        super().__init__(daemon=True)
        self.lane, self.stopped, self.torn, self.looks = lane, False, 0, 0

    def run(self):
        while not self.stopped:
            self.looks += 1
            if self.lane.published() == "torn":
                self.torn += 1
            time.sleep(0.0005)


class Lane:
    """One place in which points are tried one after the other."""

    def __init__(self, build, authority, number):
        self.top = pathlib.Path(tempfile.mkdtemp(prefix=f"certdrop-sweep{number}-", dir="/tmp"))
        self.here, self.snapshot = self.top / "s", self.top / "snapshot"
        self.certdrop = build / "controller" / "certdrop" / "certdrop"
        self.programs = {name: build / "controller" / name.removeprefix("certdrop-") / name
                         for name in ("certdrop-apply", "certdrop-inspect")}
        self.configuration = self.top / "certdrop.conf"
        self.pairs = {"first": authority.issue("first.example.com"), "second": authority.issue("second.example.com")}
        self.port = free_port()
        self.trace, self.log = self.top / "trace", self.top / "log"
        self.prepare()

    def prepare(self):
        """The first pair in service, kept as a snapshot that each point starts from."""
        (self.here / "drop" / "web").mkdir(parents=True)
        (self.here / "old").mkdir()
        (self.here / "tls").symlink_to("old")
        self.write(self.here / "old", "first")
        self.server = subprocess.Popen([HERE / "tls-server", str(self.port), str(self.here / "tls")],
                                       stdin=subprocess.DEVNULL)
        until(lambda: handshake(self.port), "the server does not answer")
        reload = self.script("reload", f"kill -HUP {self.server.pid}")
        settings = {
            "drop": self.here / "drop", "state": self.here / "state", "socket": self.here / "control.sock",
            "retry-first": "100ms",
            "apply-program": self.script("certdrop-apply", self.once("certdrop-apply")),
            "inspect-program": self.script("certdrop-inspect", self.once("certdrop-inspect")),
            "targets": [{
                "name": "web", "product": "files", "publish": self.here / "tls",
                "files": [{"name": "fullchain.pem", "content": "fullchain", "mode": "0644"},
                          {"name": "privkey.pem", "content": "key", "mode": "0600"}],
                "reload": [str(reload)], "probe": [f"127.0.0.1:{self.port}"], "probe-deadline": "400ms"}]}
        self.configuration.write_text("".join(f"{k} = {setting(v)};\n" for k, v in settings.items()))
        self.drop("first")
        self.settle("the first pair")
        shutil.copytree(self.here, self.snapshot, symlinks=True)

    def script(self, name, text):
        path = self.top / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
        return path

    def once(self, name):
        """The first start of the program is traced when the file NAME.strace says how; others are not."""
        return (f'[ ! -e {self.top}/{name}.strace ] || read -r options <{self.top}/{name}.strace\n'
                f'if [ -n "$options" ] && mkdir {self.top}/{name}.taken 2>/dev/null; then\n'
                f'\texec strace -qq -o {self.trace} $options {self.programs[name]} "$@"\nfi\n'
                f'exec {self.programs[name]} "$@"')

    def write(self, directory, which):
        (directory / "fullchain.pem").write_bytes(self.pairs[which].fullchain)
        (directory / "privkey.pem").write_bytes(self.pairs[which].key)

    def drop(self, which):
        pair = self.pairs[which]
        (self.here / "drop" / "web" / f"{which}.pem").write_bytes(pair.fullchain + pair.key)

    def restore(self, back):
        shutil.rmtree(self.here, ignore_errors=True)
        shutil.copytree(self.snapshot, self.here, symlinks=True)
        for left in self.top.glob("certdrop-*.*"):
            left.rmdir() if left.is_dir() else left.unlink()
        self.trace.unlink(missing_ok=True)
        self.log.unlink(missing_ok=True)

        def serves_first():
            self.server.send_signal(signal.SIGHUP)
            return handshake(self.port) == self.pairs["first"].fingerprint
        until(serves_first, "the server does not go back to the first pair")
        if back:
            (self.here / "ignore").touch()
        self.drop("second")

    def published(self):
        """"first", "second", "nothing" or "torn"."""
        try:
            directory = os.open(self.here / "tls", os.O_PATH | os.O_DIRECTORY)
        except OSError:
            return "nothing"
        try:
            found = []
            for name in ("fullchain.pem", "privkey.pem"):
                with open(os.open(name, os.O_RDONLY, dir_fd=directory), "rb") as file:
                    found.append(file.read())
        except OSError:
            return "nothing" if not self.here.exists() or not (self.here / "tls").exists() else "torn"
        finally:
            os.close(directory)
        for name, pair in self.pairs.items():
            if found == [pair.fullchain, pair.key]:
                return name
        return "torn"

    def receipt(self):
        try:
            return json.loads((self.here / "drop" / "web" / "receipt.json").read_text())
        except (OSError, ValueError):
            return {}

    # ---- a pass ----

    def start(self, *arguments, wrapper=()):
        log = open(self.log, "ab")
        return subprocess.Popen([*wrapper, str(self.certdrop), *arguments, "--config", str(self.configuration)],
                                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)

    def settle(self, what):
        process = self.start("apply")
        assert process.wait(STUCK) == 0, f"{what} did not go into service: {self.log.read_text()}"

    def killed_pass(self, subject, options):
        """One pass with the subject under strace; true when it came to its end or was killed."""
        wrapper = ()
        if subject.program == "certdrop":
            wrapper = ("strace", "-qq", "-o", str(self.trace), *options)
        else:
            (self.top / f"{subject.program}.strace").write_text(" ".join(options) + "\n")
        process = self.start(subject.command, wrapper=wrapper)
        settled = False
        end = time.monotonic() + STUCK
        while process.poll() is None and time.monotonic() < end and not settled:
            if subject.command == "run":
                settled = self.is_settled(subject.back)
            time.sleep(0.002)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM if settled else signal.SIGKILL)
            process.wait(STUCK)
        return settled or time.monotonic() < end

    def is_settled(self, back):
        receipt = self.receipt()
        if back:
            return receipt.get("state") == "rolled-back"
        return receipt.get("state") == "in-service" and \
            self.pairs["second"].fingerprint in receipt.get("fingerprint", "").replace(":", "").lower()

    def recover(self, subject):
        """Starts certdrop untouched, and gives the seconds until it is settled, or None."""
        for options in self.top.glob("certdrop-*.strace"):
            options.unlink()
        start = time.monotonic()
        process = self.start(subject.command)
        while time.monotonic() < start + STUCK and not (
                self.is_settled(subject.back) if subject.command == "run" else process.poll() is not None):
            time.sleep(0.002)
        took = time.monotonic() - start
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(STUCK)
        return took if self.is_settled(subject.back) else None

    def was_killed(self):
        return self.trace.exists() and "+++ killed by SIGKILL +++" in self.trace.read_text(errors="replace")[-200:]

    def attempt(self, subject, call, ordinal):
        """Tries one point: (outcome, seconds to recover, what is wrong or nothing)."""
        self.restore(subject.back)
        reader = Reader(self)
        reader.start()
        ended = self.killed_pass(subject, ["-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={ordinal}"])
        between = self.published()
        killed = self.was_killed()
        took = self.recover(subject)
        reader.stopped = True
        reader.join()
        expected = "first" if subject.back else "second"
        wrong = [sentence for sentence, is_so in (
            ("the pass hung", not ended),
            (f"the published pair was torn in {reader.torn} of {reader.looks} looks", reader.torn),
            (f"not settled {STUCK:.0f} s after the restart: {self.receipt()}", took is None),
            (f"published is {self.published()}, not {expected}", self.published() != expected),
            (f"served is not {expected}", handshake(self.port) != self.pairs[expected].fingerprint)) if is_so]
        outcome = f"{between}, then {self.published()}" if killed else "not reached"
        return outcome, took or STUCK, "; ".join(wrong)

    def points(self, subject):
        """Every point of a pass, from a run that is only traced."""
        self.restore(subject.back)
        assert self.killed_pass(subject, ["-e", "trace=all"]), \
            f"{subject.name}: the pass to be swept does not come to its end: " + self.log.read_text()
        counts = collections.Counter()
        for line in self.trace.read_text(errors="replace").splitlines():
            name = re.match(r"(\w+)\(", line)
            if name:
                counts[name.group(1)] += 1
        # strace starts the program by execve, and nothing can be killed at its own exit.
        return [(subject, name, n) for name, count in sorted(counts.items())
                if name not in ("execve", "exit_group", "exit") for n in range(1, count + 1)]

    def close(self):
        self.server.kill()
        self.server.wait()
        shutil.rmtree(self.top, ignore_errors=True)


def chosen(points, seed, budget):
    """All telling points first, then others, in an order that only the seed decides."""
    shuffled = points[:]
    random.Random(seed).shuffle(shuffled)
    shuffled.sort(key=lambda point: not TELLING.match(point[1]))
    return shuffled[:budget]


class Sweep:
    def __init__(self, points, seconds):
        self.left = collections.deque(points)
        self.end = time.monotonic() + seconds
        self.results = []

    def work(self, lane):
        while self.left and time.monotonic() < self.end:
            try:
                point = self.left.popleft()
            except IndexError:
                return
            try:
                result = lane.attempt(*point)
            except Exception as error:  # a point that cannot be tried is a failure of that point
                result = ("broken", STUCK, f"{type(error).__name__}: {error}")
            if result[2]:
                print(f"{point[0].name}:{point[1]}:{point[2]}: {result[2]}", flush=True)
            self.results.append((point, result))

    def run(self, lanes):
        threads = [threading.Thread(target=self.work, args=(lane,)) for lane in lanes]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def table(self):
        rows = collections.defaultdict(list)
        for (subject, call, _), result in self.results:
            rows[subject.name, call].append(result)
        order = [subject.name for subject in SUBJECTS]
        print(f"{'killed':<22}{'before':<18}{'points':>7}  {'slowest':>8}  outcomes")
        for (name, call), results in sorted(rows.items(), key=lambda row: (order.index(row[0][0]), row[0][1])):
            outcomes = collections.Counter("WRONG" if wrong else outcome for outcome, _, wrong in results)
            told = ", ".join(f"{count} x {outcome}" for outcome, count in sorted(outcomes.items()))
            print(f"{name:<22}{call:<18}{len(results):>7}  {max(r[1] for r in results):>6.2f} s  {told}")
        took = sorted(result[1] for _, result in self.results)
        if took:
            print(f"recovery after the restart: median {took[len(took) // 2]:.2f} s, slowest {took[-1]:.2f} s, "
                  f"{sum(t > 1 for t in took)} of {len(took)} took more than a second")

    def report(self, path):
        suite = xml.Element("testsuite", name="faults")
        for (subject, call, ordinal), (outcome, took, wrong) in self.results:
            case = xml.SubElement(suite, "testcase", classname=subject.name, name=f"{call}:{ordinal}",
                                  time=f"{took:.3f}")
            if wrong:
                xml.SubElement(case, "failure", message=wrong)
        xml.ElementTree(suite).write(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build-release", type=pathlib.Path)
    parser.add_argument("--full", action="store_true", help="every point, however long it takes")
    parser.add_argument("--seconds", type=float, default=150, help="stop after that time (without --full)")
    parser.add_argument("--points", type=int, default=600, help="at most so many points (without --full)")
    parser.add_argument("--seed", type=int, default=int(time.strftime("%j")), help="decides the choice; by default the day")
    parser.add_argument("--subject", action="append", help="just this one (may be repeated)")
    parser.add_argument("--only", help="SUBJECT:CALL:ORDINAL")
    parser.add_argument("--junit-xml", type=pathlib.Path)
    arguments = parser.parse_args()

    authority = Authority("sweep")
    lanes = [Lane(arguments.build.resolve(), authority, n)
             for n in range(1 if arguments.only else os.cpu_count() or 1)]
    try:
        if arguments.only:
            name, call, ordinal = arguments.only.split(":")
            subject = next(subject for subject in SUBJECTS if subject.name == name)
            print(lanes[0].attempt(subject, call, int(ordinal)), lanes[0].log.read_text(), sep="\n")
            return 0
        every = [point for subject in SUBJECTS
                 if not arguments.subject or subject.name in arguments.subject
                 for point in lanes[0].points(subject)]
        points = every if arguments.full else chosen(every, arguments.seed, arguments.points)
        sweep = Sweep(points, float("inf") if arguments.full else arguments.seconds * PATIENCE)
        sweep.run(lanes)
        sweep.table()
        print(f"{len(sweep.results)} of {len(every)} points tried"
              + ("" if arguments.full else f", chosen by seed {arguments.seed}"))
        if arguments.junit_xml:
            sweep.report(arguments.junit_xml)
        return 1 if any(wrong for _, (_, _, wrong) in sweep.results) or not sweep.results else 0
    finally:
        for lane in lanes:
            lane.close()


if __name__ == "__main__":
    sys.exit(main())
