"""Whatever puts files there, in whatever order, however much of it, and with a queue of events that overflows all
the time: each content is taken in, once, and the last one of each target is in service.

How many contents: DROPS in the environment."""
import fcntl
import os
import pathlib
import queue
import random
import re
import tempfile
import threading
import time

import pytest

from producers import Certbot, Drop, Git, InPlace, Kubernetes, Mint
from waiting import PATIENCE, until

DROPS = int(os.environ.get("DROPS", "900"))
TARGETS, PRODUCERS, SILENCE = 60, 4, 120
TOOLS_SHARE = 0.01  # of the drops are made by the tools themselves, which take long to start
SOURCES = (Kubernetes, Kubernetes, Certbot, Certbot, InPlace, InPlace, Git)
QUEUE = pathlib.Path("/proc/sys/fs/inotify/max_queued_events")
TAKEN = re.compile(r"target (\S+): (taken in|in service): .*\(sha256 ([0-9a-f]{16})\)")


class Lane:
    """A target, and what is dropped for it: the next content when the one before was taken in or is in service."""

    def __init__(self, name, produce):
        self.name, self.produce = name, produce
        self.contents, self.kinds = [], []
        self.wait_for = None
        self.producing = False
        self.lock = threading.Lock()

    def __repr__(self):
        history = ", ".join(f"{kind} {fingerprint}" for kind, fingerprint in zip(self.kinds, self.contents))
        return f"{self.name} (waits for {self.wait_for} after {history[-400:]})"


class Ledger:
    """Reads the log as it grows, and counts what was taken in."""

    def __init__(self, path, lanes):
        self.path = path
        self.lanes = {lane.name: lane for lane in lanes}
        self.count = {}
        self.ready = queue.Queue()
        self.file, self.rest = None, ""

    def read(self):
        self.file = self.file or open(self.path, encoding="utf-8", errors="replace")
        text = self.rest + self.file.read()
        whole, _, self.rest = text.rpartition("\n")
        for name, what, fingerprint in TAKEN.findall(whole):
            lane = self.lanes[name]
            if what == "taken in":
                self.count[fingerprint] = self.count.get(fingerprint, 0) + 1
            with lane.lock:
                if lane.wait_for == (what, fingerprint):
                    lane.wait_for = None
                    if not lane.producing:
                        self.ready.put(lane)


class Storm:
    """Some threads that produce, and the ledger."""

    def __init__(self, lanes, ledger, seed):
        self.lanes, self.ledger = lanes, ledger
        self.random = random.Random(seed)
        self.mint = Mint()
        self.lock = threading.Lock()
        self.left = 0
        self.failures = []
        self.kinds = {}

    def next_content(self, lane):
        with self.lock:
            if self.left == 0:
                return None
            self.left -= 1
            content = self.mint.issue()
            lane.contents.append(content.fingerprint[:16])
            # Either as soon as it is known: while the one before is still being put into service.
            what = "taken in" if self.random.random() < 0.7 else "in service"
            lane.wait_for = (what, content.fingerprint[:16])
            lane.producing = True
            return content

    def work(self):
        while (lane := self.ledger.ready.get()):
            content = self.next_content(lane)
            if not content:
                continue
            try:
                kind = lane.produce(content)
                lane.kinds.append(kind)
                with self.lock:
                    self.kinds[kind] = self.kinds.get(kind, 0) + 1
                with lane.lock:
                    lane.producing = False
                    if not lane.wait_for:
                        self.ledger.ready.put(lane)
            except Exception as failure:  # a thread that dies would only be waited for
                self.failures.append(f"{lane}: {failure!r}")

    def run(self, drops):
        """Until all have been taken in."""
        self.left = drops
        threads = [threading.Thread(target=self.work) for _ in range(PRODUCERS)]
        for thread in threads:
            thread.start()
        for lane in self.lanes:
            self.ledger.ready.put(lane)
        try:
            self.until_quiet()
        finally:
            self.left = 0
            for _ in threads:
                self.ledger.ready.put(None)
            for thread in threads:
                thread.join()

    def until_quiet(self):
        last, since = None, time.monotonic()
        while self.left or any(lane.wait_for for lane in self.lanes):
            self.ledger.read()
            state = (self.left, sum(self.ledger.count.values()))
            if state != last:
                last, since = state, time.monotonic()
            assert not self.failures, self.failures
            assert time.monotonic() - since < SILENCE * PATIENCE, (
                f"nothing was taken in for {SILENCE} s; {self.left} to come, these wait: "
                f"{[lane for lane in self.lanes if lane.wait_for]}")
            time.sleep(0.002)


def drop_lane(name, directory, elsewhere, other, seed, rescanned):
    drop = Drop(directory, elsewhere, other, seed)
    kinds = Drop.CALLS + (Drop.RESCANNED if rescanned else ())

    def produce(content):
        tool = drop.random.random() < TOOLS_SHARE
        kind = drop.random.choice(Drop.TOOLS if tool else kinds)
        kind(drop, content)
        return kind.__name__
    return Lane(name, produce)


def source_lane(name, source):
    def produce(content):
        source.write(content)
        return type(source).__name__
    return Lane(name, produce)


class Field:
    """certdrop with many targets, most of them fed by drops, and what is dropped there."""

    def __init__(self, certdrop, scratch, other, seed, rescanned):
        for name in ("elsewhere", "sources", "published"):
            (scratch / name).mkdir()
        self.certdrop, self.scratch = certdrop, scratch
        self.targets, self.lanes, self.storm = [], [], None
        sources = [kind(self.directory("sources", f"s{i}")) for i, kind in enumerate(SOURCES)]
        for i, source in enumerate(sources):
            self.target(f"s{i}", source=str(source.source), **{"source-root": str(scratch / "sources" / f"s{i}")})
            self.lanes.append(source_lane(f"s{i}", source))
        for i in range(TARGETS - len(sources)):
            name = f"d{i}"
            self.target(name)
            self.lanes.append(drop_lane(name, certdrop.drops / name, scratch / "elsewhere", other, seed * 1000 + i,
                                        rescanned))
        self.ledger = Ledger(certdrop.log_path, self.lanes)
        self.storm = Storm(self.lanes, self.ledger, seed)

    def directory(self, *names):
        path = self.scratch.joinpath(*names)
        path.mkdir()
        return path

    def target(self, name, **more):
        self.targets.append({"name": name, "product": "files", "publish": str(self.scratch / "published" / name),
                             "files": [{"name": "fullchain.pem", "content": "fullchain"}], "keep": 1, **more})

    def start(self, **settings):
        """With room for so few events that they overflow: that is read when certdrop asks for a queue."""
        self.certdrop.configure(self.targets, **settings)
        if os.geteuid() != 0:
            self.certdrop.start()
            return
        with open(QUEUE, encoding="ascii") as alone:  # or another test would put back what this one has set
            fcntl.flock(alone, fcntl.LOCK_EX)
            usual = QUEUE.read_text()
            try:
                QUEUE.write_text("4")
                self.certdrop.start()
            finally:
                QUEUE.write_text(usual)

    def watching(self):
        return self.certdrop.json("status")["watching"]

    def check(self):
        storm, ledger = self.storm, self.ledger
        everything = [fingerprint for lane in self.lanes for fingerprint in lane.contents]
        assert len(set(everything)) == len(everything)
        wrong = {(lane, fingerprint): ledger.count.get(fingerprint, 0) for lane in self.lanes
                 for fingerprint in lane.contents if ledger.count.get(fingerprint, 0) != 1}
        assert not wrong, f"taken in another number of times than once: {wrong}"
        assert set(ledger.count) == set(everything), "something was taken in that nobody dropped"
        done = self.certdrop.run("status", "--wait", "60", seconds=90)
        assert done.returncode == 0, done.stdout[-4000:]
        for target in self.certdrop.json("status")["targets"]:
            lane = ledger.lanes[target["target"]]
            if lane.contents:
                assert target["wanted"]["fingerprint"].startswith(lane.contents[-1]), lane
                assert target["installed"]["fingerprint"].startswith(lane.contents[-1]), lane
        for lane in self.lanes:
            if lane.name.startswith("d"):
                until(lambda name=lane.name: not self.certdrop.dropped(name),
                      lambda lane=lane: f"left in {lane}: {self.certdrop.dropped(lane.name)}")
        return len(everything)


@pytest.fixture
def scratch():
    """In memory: what is tried is to lose something, not the disk."""
    with tempfile.TemporaryDirectory(prefix="certdrop-", dir="/dev/shm") as directory:
        yield pathlib.Path(directory)


@pytest.fixture
def other():
    with tempfile.TemporaryDirectory(prefix="certdrop-other-", dir="/tmp") as directory:
        yield pathlib.Path(directory)


def report(field, began):
    number = field.check()
    watching = field.watching()
    seconds = time.monotonic() - began
    print(f"\n{number} contents, each taken in once, in {seconds:.0f} s; {watching}")
    print("by kind: " + ", ".join(f"{kind} {count}" for kind, count in sorted(field.storm.kinds.items())))
    return watching


def test_nothing_is_lost_when_only_events_tell(certdrop, scratch, other):
    """No rescan comes to help, and the queue of events overflows."""
    field = Field(certdrop, scratch, other, 1, rescanned=False)
    field.start(rescan="1d", check="1d")
    began = time.monotonic()
    field.storm.run(DROPS * 2 // 3)
    watching = report(field, began)
    assert watching["rescans"] <= 1, "a rescan may have helped"
    if os.geteuid() == 0:
        assert watching["overflows"] > DROPS // 20, watching


def test_nothing_is_lost_or_mistaken_for_silence_when_rescans_look_too(certdrop, scratch, other):
    """With what only rescans find; and the events are trusted to the end, because none is missing."""
    field = Field(certdrop, scratch, other, 2, rescanned=True)
    field.start(rescan="1s", check="1d")
    began = time.monotonic()
    field.storm.run(DROPS // 3)
    watching = report(field, began)
    assert watching["silent_changes"] == 0, watching
    assert certdrop.json("status")["degraded"] == []
