"""Places where a pair is dropped and comes to be served, and how long that takes."""
import os
import pathlib
import re
import select
import signal
import subprocess
import time

from waiting import free_port
from watching import Watch

HERE = pathlib.Path(__file__).resolve().parent


class FilesTarget:
    """A drop for certdrop, a published pair, and the server that serves it."""

    def __init__(self, build, top, first):
        self.top = top
        self.drop, self.published = top / "drop" / "web", top / "tls"
        self.receipt = self.drop / "receipt.json"
        self.drop.mkdir(parents=True)
        (top / "old").mkdir()
        (top / "old" / "fullchain.pem").write_bytes(first.fullchain)
        (top / "old" / "privkey.pem").write_bytes(first.key)
        self.published.symlink_to("old")
        self.port = free_port()
        self.server = subprocess.Popen([build / "tests/bench/bench-server", str(self.port), self.published],
                                       stdout=subprocess.PIPE, text=True)
        self.server.stdout.readline()

    def is_done(self, pair):
        try:
            text = self.receipt.read_bytes()
        except FileNotFoundError:
            return False
        return b'"in-service"' in text and pair.fingerprint.encode() in text

    def first_served(self):
        """When the latest pair was first served, by time.perf_counter()."""
        return int(self.server.stdout.readline()) / 1e9

    def close(self):
        self.server.kill()
        self.server.wait()


class ScriptTarget(FilesTarget):
    """The same for the shell script."""

    def __init__(self, build, top, first):
        super().__init__(build, top, first)
        self.script = subprocess.Popen(
            [HERE / "shell-script", self.drop, self.published, f"127.0.0.1:{self.port}"],
            start_new_session=True, stderr=subprocess.PIPE, text=True)
        while "established" not in self.script.stderr.readline():
            assert self.script.poll() is None, "the shell script has ended"

    def is_done(self, pair):
        done = self.top / "tls.done"
        return done.exists() and pair.fingerprint in done.read_text().replace(":", "").lower()

    def processes(self):
        """Of the script's session; what came and went is in the shells' sums."""
        found = []
        for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
            try:
                session = stat.read_text().rpartition(")")[2].split()[3]
            except OSError:
                continue
            if int(session) == self.script.pid:
                found.append(int(stat.parent.name))
        return found

    def close(self):
        os.killpg(self.script.pid, signal.SIGTERM)
        self.script.wait()
        super().close()


def why_not(place):
    log = place.top / "certdrop.log"
    receipt = place.receipt.read_text() if place.receipt.exists() else ""
    return re.sub(r"^", "    ", (log.read_text() if log.exists() else "") + receipt, flags=re.M)


def drop_one(place, pair):
    """Drops a pair by rename. Gives the seconds until it was published and durable, until a handshake with it was
    complete, and until whoever dropped it could know.

    That the link's flip is durable is known when our own fsync of its directory returns."""
    outside = place.top / "outside.pem"
    outside.write_bytes(pair.fullchain + pair.key)
    before = os.readlink(place.published)
    parent = os.open(place.published.parent, os.O_RDONLY | os.O_DIRECTORY)
    durable = None
    try:
        with Watch(place.published.parent, place.drop) as watch:
            start = time.perf_counter()
            os.rename(outside, place.drop / "bundle.pem")
            while time.perf_counter() < start + 10:
                if durable is None and os.readlink(place.published) != before:
                    os.fsync(parent)
                    durable = time.perf_counter() - start
                if durable and place.is_done(pair):
                    end = time.perf_counter() - start
                    return durable, place.first_served() - start, end
                select.select([watch.descriptor], [], [], 0.05)
                watch.drain()
    finally:
        os.close(parent)
    raise SystemExit("bench: a dropped pair did not arrive within 10 s\n" + why_not(place))
