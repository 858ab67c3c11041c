"""openGauss: each package that gs_om would have installed, or choked on half way, is refused before gs_om is called."""
import pathlib
import shutil
import tempfile

import pytest

from gauss_packages import SPOILED, spoiled
from gauss_target import cert_calls, target, until_served
from opengauss import CertificateSet, OpenGauss
from postgresql import PROGRAMS
from service import Certdrop
from waiting import until

pytestmark = pytest.mark.skipif(not PROGRAMS, reason="PostgreSQL is not installed")


class Site:
    """A cluster, certdrop in front of it, and two good packages: for all tests here, because each leaves it as it was."""

    def __init__(self, build, scratch, authority):
        self.cluster = OpenGauss(scratch, CertificateSet(authority, "old.example.com"))
        self.good = CertificateSet(authority, "good.example.com")
        self.certdrop = Certdrop(build, scratch)
        self.certdrop.configure([target(self.cluster, scratch)], **{"retry-first": "1s"})
        self.certdrop.start()
        self.files = self.cluster.nodes[0].files()
        self.scratch = scratch

    def place(self, name):
        return self.certdrop.drops / "gauss" / name

    def drop(self, content, name="package.zip"):
        """Whole from the beginning."""
        beside = self.scratch / "beside"
        beside.write_bytes(content)
        beside.rename(self.place(name))

    def clear(self):
        """The next one's receipt must not be taken for this one's."""
        for name in self.certdrop.dropped("gauss"):
            self.place(name).unlink()
        until(lambda: self.certdrop.receipt("gauss")["state"] not in ("refused", "waiting"),
              lambda: f"it is still told: {self.certdrop.receipt('gauss')}")

    def assert_untouched(self):
        """Nothing ran but questions, and nothing was changed."""
        assert all("status" in call for call in self.cluster.calls("gs_om")), self.cluster.calls("gs_om")
        assert self.cluster.calls("gs_ctl") == self.cluster.calls("gs_guc") == []
        assert self.cluster.nodes[0].files() == self.files


@pytest.fixture(scope="module")
def site(build, authority):
    scratch = pathlib.Path(tempfile.mkdtemp(prefix="certdrop-", dir="/tmp"))
    scratch.chmod(0o755)
    made = Site(build, scratch, authority)
    yield made
    made.certdrop.stop()
    made.cluster.stop()
    made.certdrop.assert_clean()
    shutil.rmtree(scratch, ignore_errors=True)


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("name", SPOILED)
def test_it_is_refused_and_nothing_is_run(site, authority, name):
    content, file, rule = spoiled(name, authority, site.good)
    site.drop(content)
    receipt = site.certdrop.until_state("gauss", "refused", where=lambda found: rule in (found["reason"] or ""))
    assert file in receipt["reason"]
    assert site.certdrop.dropped("gauss") == ["package.zip"]
    site.assert_untouched()
    site.clear()


def test_what_stops_half_way_is_waited_for_as_for_an_upload(site):
    """Of a truncated archive nobody can tell whether the rest is on its way: it is said what is missing."""
    site.drop(site.good.zip()[:-30])
    receipt = site.certdrop.until_state("gauss", "waiting")
    assert receipt["reason"] == "package.zip: stops before the end record of the archive"
    site.assert_untouched()
    site.clear()


def test_inspect_says_the_same_before_it_is_dropped(site, authority):
    """In the words of the receipt, which come from the same place: so a few will do."""
    package = site.scratch / "package.zip"
    for name in ("nine times the word garbage", "another letter case", "a version 1 server certificate"):
        content, file, rule = spoiled(name, authority, site.good)
        package.write_bytes(content)
        done = site.certdrop.run("inspect", str(package), "--for", "gauss")
        assert done.returncode == 1 and rule in done.stdout and file in done.stdout, f"{name}: {done.stdout}"
    package.write_bytes(site.good.zip())
    assert site.certdrop.run("inspect", str(package), "--for", "gauss").returncode == 0


def test_another_name_for_the_archive_and_a_file_too_many_are_no_harm(site):
    """The name is a convention, and gs_om passes over what it does not know: so does certdrop, and says so. The good
    package takes the place of those before it."""
    site.cluster.start()
    package = site.scratch / "certificates of 2026.zip"
    package.write_bytes(site.good.zip(**{"README.txt": b"how these were made\n"}))
    done = site.certdrop.run("inspect", str(package), "--for", "gauss")
    assert done.returncode == 0 and "README.txt is no part of openGauss packages and is left out" in done.stdout
    site.drop(package.read_bytes(), package.name)
    until_served(site.certdrop, site.good)
    (call,) = cert_calls(site.cluster)
    assert call[2].endswith("/db-cert-replacement.zip")
    until(lambda: site.certdrop.dropped("gauss") == [], site.certdrop.log)
