"""Whoever may write to a drop or a source, and however quickly he exchanges names: nothing outside is read, and the
service does not wait for him.

So many files are looked into under attack: INTAKES in the environment. strace is there for the first tenth of them; the
times of the last read of what must not be read tell for all. How long a request takes and what memory is used is
printed, and judged when there were 100,000; on a machine with other work to do, `chrt --rr 1` before the command
measures certdrop instead of the queue for a processor."""
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import time

import pytest

from waiting import PATIENCE, until

INTAKES = int(os.environ.get("INTAKES", "3000"))
MANY = 100000
OPENED = re.compile(r"openat2\(\d+<([^>]*)>, \"([^\"]*)\".*\) = \d+<([^>]*)>")
READ = re.compile(r"(?:read|pread64|readv|preadv|copy_file_range|sendfile|splice)\(\d+<([^>]*)>")


class Audit:
    """strace on the service itself: what it opens beneath a directory, and what it reads."""

    def __init__(self, certdrop, path):
        self.certdrop, self.path = certdrop, path
        self.file, self.rest = None, ""
        self.opened, self.read = set(), set()

    def __enter__(self):
        self.strace = subprocess.Popen(
            ["strace", "-y", "-s", "0", "-qq", "-o", self.path, "-e", "signal=none", "-e",
             "trace=openat2,read,pread64,readv,preadv,copy_file_range,sendfile,splice",
             f"-p{self.certdrop.process.pid}"], stderr=subprocess.PIPE, text=True)
        until(self.path.exists, "strace does not begin")
        return self

    def __exit__(self, *unused):
        self.strace.send_signal(signal.SIGINT)
        self.strace.communicate()
        self.look()

    def look(self):
        """Reads what was written since; many lines, of which only what is new is kept."""
        self.file = self.file or open(self.path, encoding="utf-8", errors="replace")
        whole, _, self.rest = (self.rest + self.file.read()).rpartition("\n")
        self.opened.update(path for _, _, path in OPENED.findall(whole))
        self.read.update(READ.findall(whole))


class Pulse:
    """How long the event loop takes to hear a request, that is, how long it stood still: each goes over a connection that
    was made at the beat before, because to be connected and to be heard are two turns of the loop."""

    def __init__(self, certdrop):
        self.certdrop = certdrop
        self.took = []
        self.next = self.connected()

    def connected(self):
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(60 * PATIENCE)
        connection.connect(str(self.certdrop.socket))
        return connection

    def beat(self):
        with self.next as connection:
            self.next = self.connected()
            began = time.monotonic()
            connection.sendall(b'{"command": "status", "targets": ["web"]}\n')
            assert b"heard" in connection.recv(64)
        self.took.append((time.monotonic() - began) * 1000)

    def at(self, share):
        return sorted(self.took)[int(len(self.took) * share)]


def resident(certdrop):
    text = pathlib.Path(f"/proc/{certdrop.process.pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+) kB", text).group(1)) / 1024


def is_sanitized(certdrop):
    return "libasan" in pathlib.Path(f"/proc/{certdrop.process.pid}/maps").read_text()


@pytest.fixture
def field(certdrop, authority, scratch):
    """(certdrop, a source, what lies outside, the credential that lies there): one target each."""
    source, outside = scratch / "source", scratch / "outside"
    (source / "..1").mkdir(parents=True)
    (outside / "generation").mkdir(parents=True)
    canary = authority.issue("canary.example.com")
    for path in (outside / "canary.pem", outside / "generation" / "tls.crt"):
        path.write_bytes(canary.fullchain + canary.key)
        os.utime(path, (1000000000, time.time()))  # the next read would change the time of the last
    (source / "..1" / "tls.crt").write_bytes(b"no certificate")
    (source / "..data").symlink_to("..1")
    (source / "linked.pem").symlink_to("..1/tls.crt")
    (source / "tls.crt").symlink_to("..data/tls.crt")
    certdrop.configure([{"name": name, "product": "files", "publish": str(scratch / "published" / name),
                         "files": [{"name": "all.pem", "content": "fullchain"}], **more}
                        for name, more in (("web", {}), ("tree", {"source": str(source)}))], rescan="1s")
    (scratch / "published").mkdir()
    certdrop.start()
    return certdrop, source, outside, canary


def control_is_sound(scratch):
    """Does a read change that time here?"""
    path = scratch / "control"
    path.write_text("read me")
    os.utime(path, (1000000000, time.time()))
    path.read_text()
    return path.stat().st_atime != 1000000000


class Attack:
    """The swapper, at work for as long as the with-block lasts."""

    def __init__(self, certdrop, source, outside):
        self.certdrop, self.swaps = certdrop, 0
        self.command = [sys.executable, str(pathlib.Path(__file__).with_name("swapper.py")), certdrop.drops / "web",
                        source, outside, "1"]

    def __enter__(self):
        # Never at real-time priority, whatever this test has.
        self.swapper = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        preexec_fn=lambda: os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0)))
        assert self.swapper.stdout.readline() == "ready\n"
        return self

    def __exit__(self, *unused):
        self.swaps = int(self.swapper.communicate("", timeout=60 * PATIENCE)[0])

    def looked_into(self):
        return self.certdrop.json("status")["watching"]["files"]

    def go_on(self, until_files, pulse=None):
        last, since = -1, time.monotonic()
        while (files := self.looked_into()) < until_files:
            for _ in range(40 if pulse else 0):
                pulse.beat()
                time.sleep(0.005)  # requests that follow each other would be a load of their own
            if files != last:
                last, since = files, time.monotonic()
            assert time.monotonic() - since < 120 * PATIENCE, "nothing is taken\n" + self.certdrop.log()[-4000:]
        return resident(self.certdrop)


def test_nothing_outside_is_read(field, authority, scratch):
    certdrop, source, outside, canary = field
    idle, busy = Pulse(certdrop), Pulse(certdrop)
    for _ in range(50):
        idle.beat()
    with Attack(certdrop, source, outside) as attack:
        with Audit(certdrop, scratch / "trace") as audit:
            before = attack.go_on(INTAKES // 10)
        after = attack.go_on(INTAKES, busy)
        files = attack.looked_into()
    print(f"\n{files} intakes under {attack.swaps} swaps; a request is heard after {idle.at(0.5):.1f} ms when idle; under "
          f"attack after {busy.at(0.5):.1f} ms, 99 of 100 within {busy.at(0.99):.1f} ms ({len(busy.took)} requests); "
          f"resident {before:.1f} MiB, then {after:.1f} MiB; strace saw {len(audit.opened)} names opened and "
          f"{len(audit.read)} read")
    drop = str(certdrop.drops / "web")
    beneath = [path for path in audit.opened | audit.read if path.startswith(drop)]
    assert beneath, "the audit has seen nothing"
    # While the drop and a link have changed places, the drop itself is shown by the name .evil.
    evil = str(certdrop.drops / ".evil/")
    astray = {path for path in audit.opened if not path.startswith((drop, evil, str(source)))}
    assert not astray, astray
    assert not {path for path in audit.opened | audit.read if path.startswith(str(outside))}
    if control_is_sound(scratch):
        for path in (outside / "canary.pem", outside / "generation" / "tls.crt"):
            assert path.stat().st_atime == 1000000000, f"{path} was read, by whatever name"
    assert canary.fingerprint[:16] not in certdrop.log()
    assert canary.fingerprint not in certdrop.run("status", "--json").stdout
    if INTAKES >= MANY and not is_sanitized(certdrop):
        assert after < before + 8, "memory grows"
        assert busy.at(0.99) - idle.at(0.5) < 20 * PATIENCE, "the event loop stalls"
    # And it is none the worse for it.
    pair = authority.issue("web.example.com")
    certdrop.drop("web", {"all.pem": pair.fullchain + pair.key})
    certdrop.until_in_service("web", pair, seconds=60)
