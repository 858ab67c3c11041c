"""One place in which points of the kill sweep are tried, one after the other."""
import collections
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "e2e"))
from nginx import handshake  # noqa: E402
from service import setting  # noqa: E402
from waiting import PATIENCE, free_port, until  # noqa: E402

STUCK = 20 * PATIENCE  # seconds after which a pass counts as hanging

# What is killed, in which kind of pass, and how certdrop is brought back. `all`: whoever started it dies with it, as
# in a power cut, so that nobody can put things right before the restart.
Subject = collections.namedtuple("Subject", "name program command back all", defaults=[False])
SUBJECTS = [
    Subject("service", "certdrop", "run", False),
    Subject("command", "certdrop", "apply", False),
    Subject("worker", "certdrop-apply", "apply", False),
    Subject("inspector", "certdrop-inspect", "apply", False),
    Subject("service-putting-back", "certdrop", "run", True),
    Subject("worker-putting-back", "certdrop-apply", "apply", True),
    Subject("all-at-once", "certdrop-apply", "apply", False, True),
    Subject("all-at-once-putting-back", "certdrop-apply", "apply", True, True),
]

# Calls that change what is on disk or what the others know.
TELLING = re.compile(r"^(rename|link|symlink|unlink|mkdir|rmdir|f(data)?sync|pwrite|write|sendmsg|send|fchmod|"
                     r"fchown|ftruncate|fallocate|clone|vfork|fork|kill|connect|flock|chmod)")

# What came of a point. `killed`: the call was reached, so that the point counts. `at_kill` and `after` are what was
# published then and after the restart; `torn` counts the reader's looks that found neither pair.
Result = collections.namedtuple("Result", "killed at_kill after torn stuck seconds wrong")


class Reader(threading.Thread):
    """Reads the pair through the link, as a server does: the directory is opened once, then both files."""

    def __init__(self, lane):
        super().__init__(daemon=True)
        self.lane, self.stopped, self.torn, self.looks = lane, False, 0, 0

    def run(self):
        while not self.stopped:
            self.looks += 1
            if self.lane.published() not in self.lane.pairs:
                self.torn += 1
            time.sleep(0.0005)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *unused):
        self.stopped = True
        self.join()


class Lane:
    """One place in which points are tried one after the other."""

    proving_ms = 400

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
        """The first pair in service, kept as a snapshot that each point starts from.

        How long proving may take is cut down to what this server needs: it answers at once, or never will."""
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
                "reload": [str(reload)], "probe": [f"127.0.0.1:{self.port}"], 
                "probe-deadline": f"{int(self.proving_ms * PATIENCE)}ms", "settle": "10ms"}]}
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
                f'\t[ -e {self.top}/{name}.all ] || exec strace -qq -o {self.trace} $options {self.programs[name]} "$@"\n'
                f'\tstrace -qq -o {self.trace} $options {self.programs[name]} "$@"\n'
                f'\tcode=$?\n\t[ $code != 137 ] || kill -9 $PPID\n\texit $code\nfi\n'
                f'exec {self.programs[name]} "$@"')

    def write(self, directory, which):
        (directory / "fullchain.pem").write_bytes(self.pairs[which].fullchain)
        (directory / "privkey.pem").write_bytes(self.pairs[which].key)

    def drop(self, which):
        pair = self.pairs[which]
        (self.here / "drop" / "web" / f"{which}.pem").write_bytes(pair.fullchain + pair.key)

    def rewind(self):
        """The files of the snapshot again."""
        shutil.rmtree(self.here, ignore_errors=True)
        shutil.copytree(self.snapshot, self.here, symlinks=True)

    def restore(self, back):
        self.rewind()
        for left in self.top.glob("certdrop-*.*"):
            left.rmdir() if left.is_dir() else left.unlink()
        self.trace.unlink(missing_ok=True)
        self.log.unlink(missing_ok=True)

        def serves_first():
            os.kill(self.server.pid, signal.SIGHUP)
            return handshake(self.port) == self.pairs["first"].fingerprint
        until(serves_first, "the server does not go back to the first pair")
        if back:
            (self.here / "ignore").touch()
        self.drop("second")

    def published(self):
        """"first", "second", or what is wrong with the pair that is read through the link."""
        with contextlib.ExitStack() as stack:
            try:
                directory = os.open(self.here / "tls", os.O_PATH | os.O_DIRECTORY)
                stack.callback(os.close, directory)
                found = [stack.enter_context(open(os.open(name, os.O_RDONLY, dir_fd=directory), "rb")).read()
                         for name in ("fullchain.pem", "privkey.pem")]
            except OSError as error:
                return f"torn ({error})"
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
        until(lambda: self.start("apply").wait(STUCK) == 0,
              lambda: f"{what} did not go into service: {self.log.read_text()}", STUCK)

    def killed_pass(self, subject, options):
        """One pass with the subject under strace; true when it came to its end or was killed."""
        wrapper = ()
        if subject.program == "certdrop":
            wrapper = ("strace", "-qq", "-o", str(self.trace), *options)
        else:
            (self.top / f"{subject.program}.strace").write_text(" ".join(options) + "\n")
            if subject.all:
                (self.top / f"{subject.program}.all").touch()
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

    def is_recovered(self, back):
        return self.is_settled(back)

    def is_settled(self, back):
        receipt = self.receipt()
        if back:
            return receipt.get("state") == "rolled-back" and bool(receipt.get("reason"))
        return receipt.get("state") == "in-service" and \
            self.pairs["second"].fingerprint in receipt.get("fingerprint", "").replace(":", "").lower()

    def recover(self, subject):
        """Starts certdrop untouched, and gives the seconds until it is settled, or None."""
        for options in self.top.glob("certdrop-*.strace"):
            options.unlink()
        start = time.monotonic()
        process = self.start(subject.command)
        while time.monotonic() < start + STUCK and not (
                self.is_recovered(subject.back) if subject.command == "run" else process.poll() is not None):
            time.sleep(0.002)
        took = time.monotonic() - start
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(STUCK)
        return took if self.is_settled(subject.back) else None

    def was_killed(self, call, ordinal):
        """Did the Nth call of that name come about, and was it the last? Other deaths do not count."""
        trace = self.trace.read_text(errors="replace") if self.trace.exists() else ""
        return trace.endswith("+++ killed by SIGKILL +++\n") and \
            len(re.findall(rf"^{call}\(", trace, re.MULTILINE)) == ordinal

    def left_in_drop(self):
        return sorted({path.name for path in (self.here / "drop" / "web").iterdir()} - {"receipt.json"})

    def attempt(self, subject, call, ordinal):
        """What comes of a point; one that is missed is tried again, because another worker may have had the work."""
        for _ in range(3):
            result = self.attempt_once(subject, call, ordinal)
            if result.killed or result.wrong:
                break
        return result

    def attempt_once(self, subject, call, ordinal):
        self.restore(subject.back)
        expected = "first" if subject.back else "second"
        with Reader(self) as reader:
            ended = self.killed_pass(
                subject, ["-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={ordinal}"])
            at_kill = self.published()
            took = self.recover(subject)
        after = self.published()
        wrong = [sentence for sentence, is_so in (
            ("the pass hung", not ended),
            (f"the published pair was torn in {reader.torn} of {reader.looks} looks", reader.torn),
            (f"not settled after the restart: {self.receipt()}", took is None),
            (f"published is {after}, not {expected}", after != expected),
            (f"served is not {expected}", handshake(self.port) != self.pairs[expected].fingerprint),
            (f"left in the drop: {self.left_in_drop()}", not subject.back and self.left_in_drop())) if is_so]
        return Result(self.was_killed(call, ordinal), at_kill, after, reader.torn, took is None or not ended,
                      took or STUCK, "; ".join(wrong))

    def points(self, subject):
        """Every point of a pass, from runs that are only traced: which of the workers does what differs a little."""
        most = collections.Counter()
        for _ in range(4):
            self.restore(subject.back)
            assert self.killed_pass(subject._replace(all=False), ["-e", "trace=all"]), \
                f"{subject.name}: the pass to be swept does not come to its end: " + self.log.read_text()
            most |= collections.Counter(re.findall(r"^(\w+)\(", self.trace.read_text(errors="replace"), re.MULTILINE))
        # strace starts the program by execve, and nothing can be killed at its own exit. When all die with the worker,
        # only what it has changed can make a difference.
        return [(subject.name, name, n) for name, count in sorted(most.items())
                if name not in ("execve", "exit_group", "exit") and (TELLING.match(name) or not subject.all)
                for n in range(1, count + 1)]

    def close(self):
        self.server.kill()
        self.server.wait()
        shutil.rmtree(self.top, ignore_errors=True)
