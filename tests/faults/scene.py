"""What is killed in the kill table of the products: a stand-in, certdrop in front of it, and one kind of pass.

    with Scene(build, authority) as scene:      a first credential is in service by then
        pair = scene.fresh()                    another one, not dropped yet
        scene.drop(pair)
        scene.outcome(pair)                     "new", "old", or None: not settled yet
        scene.wrong(...)                        what is not as it should be then, as sentences

A scene lasts for many passes: the credential of one is the predecessor in the next.
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "e2e"))
from points import Points  # noqa: E402
from service import Certdrop, plain  # noqa: E402
from waiting import until  # noqa: E402

IN_THE_CLEAR = re.compile(rb"-BEGIN (RSA |EC )?PRIVATE KEY-")
QUICK = {"retry-first": "100ms", "retry-cap": "1s", "check": "1s"}


class Scene:
    product = name = None  # how the table calls it
    victims = ("service", "worker", "both")
    expected = "new"       # what a pass comes to when nobody is killed
    target = None          # its name in certdrop's configuration
    follows = False        # something follows when it is in service: certdrop knows when nothing is left to do
    waits = True           # for what is pending: it is done by certdrop, and not left to somebody else

    def __init__(self, build, authority):
        self.scratch = pathlib.Path(tempfile.mkdtemp(prefix="certdrop-", dir="/tmp"))
        self.scratch.chmod(0o755)
        self.authority = authority
        self.certdrop = Certdrop(build, self.scratch)
        self.points = Points(build, self.scratch / "points")
        self.asking = None

    def __enter__(self):
        target = self.raise_stand_in()
        try:
            self.certdrop.configure([target], **QUICK, **self.points.settings())
            self.certdrop.start()
            self.now = self.fresh()
            self.drop(self.now)
            until(lambda: self.outcome(self.now) == "new", self.told, 90)
            self.begin()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.forget_question()
        try:
            self.certdrop.stop()
            self.certdrop.assert_clean()
        finally:
            self.clear()
            shutil.rmtree(self.scratch, ignore_errors=True)

    def told(self):
        return f"{self.certdrop.receipt(self.target)}\nseen: {self.seen()}\n{self.certdrop.log()[-6000:]}"

    def begin(self):
        """The first credential is in service: what fails may fail from now on."""

    def outcome(self, pair):
        """By what certdrop says, and by what everybody else sees, too."""
        receipt = self.certdrop.receipt(self.target)
        if receipt.get("pending") and self.waits:
            return None
        if receipt.get("state") == "in-service" and plain(receipt["fingerprint"]) == pair.fingerprint:
            return "new" if self.is_served(pair) else None
        if receipt.get("state") == "rolled-back" and pair.name in receipt["reason"]:
            return "old" if self.is_served(self.now) else None
        return None

    def is_served(self, pair):
        return self.seen() == {pair.fingerprint} and self.is_whole(pair) and (not self.follows or self.is_idle())

    def is_idle(self):
        """Has certdrop nothing left to do? Its answer waits for a pass that is under way, so nobody waits for it."""
        if not self.asking:
            self.asking = subprocess.Popen([str(self.certdrop.program), "plan", self.target, "--config",
                                            str(self.certdrop.configuration)], stdin=subprocess.DEVNULL,
                                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        code = self.asking.poll()
        if code is not None:
            self.asking = None
        return code == 0

    def forget_question(self):
        """Without the service that it was put to, the command would do the work itself."""
        if self.asking:
            self.asking.kill()
            self.asking.wait()
            self.asking = None

    def seen(self):
        """The fingerprints that are served or installed anywhere: one when nothing is mixed."""
        raise NotImplementedError

    def is_whole(self, pair):
        """Everything that belongs to it is there, and what was to follow is done."""
        return True

    def mark(self):
        """What is remembered at the kill, for wrong()."""

    def wrong(self, pair, outcome, mark, victim):
        return [sentence for sentence, is_so in (
            (f"left in the drop: {self.certdrop.dropped(self.target)}", self.certdrop.dropped(self.target)),
            (f"left behind: {self.left_behind()}", self.left_behind()),
            (f"leases are still held: {self.leases()}", self.leases())) if is_so]

    def own(self):
        """Directories of the product, in which certdrop has nothing to clear up."""
        return ()

    def leases(self):
        return []

    def left_behind(self):
        """Generations that were begun, and private keys in the clear, outside of the store."""
        found = []
        for directory, names, files in os.walk(self.scratch):
            here = pathlib.Path(directory)
            names[:] = [name for name in names if here / name not in (*self.own(), self.certdrop.state / "store")]
            found += [str(here / name) for name in [*names, *files] if name.endswith(".building")]
            found += [str(here / name) for name in files
                      if (here / name).is_file() and IN_THE_CLEAR.search((here / name).read_bytes())]
        return found
