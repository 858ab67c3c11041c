"""openGauss: the restart that is still to come, one that somebody else does, and one that turns out to be needed."""
import datetime

import pytest

from gauss_target import (cert_calls, drop_package, new, old, target, thorough, until_served,  # noqa: F401
                          watched)
from opengauss import CertificateSet, OpenGauss
from postgresql import PROGRAMS
from waiting import until

pytestmark = pytest.mark.skipif(not PROGRAMS, reason="PostgreSQL is not installed")


def shut():
    """A window that opens in three hours, and when that is."""
    opens = datetime.datetime.now(datetime.timezone.utc).replace(second=0, microsecond=0) + datetime.timedelta(hours=3)
    closes = opens + datetime.timedelta(hours=1)
    return {"from": opens.strftime("%H:%M"), "to": closes.strftime("%H:%M"), "zone": "UTC"}, opens


def restarts(cluster):
    """How certdrop, or whoever, stopped and started; the start of the beginning left out."""
    return [call[1] for call in cluster.calls("gs_om")[1:] if call[1] in ("stop", "start")]


def pending(certdrop):
    return certdrop.receipt("gauss").get("pending")


def test_a_pending_restart_is_told_with_its_time_and_one_by_hand_ends_it(certdrop, watched, new):
    window, opens = shut()
    cluster = watched(settings={"restart": "later", "windows": [window], "check": "1s"}, nodes=2)
    drop_package(certdrop, new)
    until_served(certdrop, new)
    told = until(lambda: pending(certdrop), certdrop.log)
    assert "restart openGauss" in told["text"] and told["at"] == opens.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert "pending: restart openGauss" in certdrop.run("status", "gauss").stdout
    assert restarts(cluster) == []

    for action in ("stop", "start"):
        assert cluster.run("gs_om", "-t", action).returncode == 0
    # While it is down it is told as failed.
    certdrop.until_state("gauss", "in-service", seconds=30, where=lambda receipt: receipt["pending"] is None)
    assert certdrop.run("plan", "gauss").returncode == 0
    assert restarts(cluster) == ["stop", "start"]


@thorough
def test_one_that_is_somebody_elses_is_pending_until_that_one_has_done_it(certdrop, watched, new):
    cluster = watched(settings={"restart": "never", "check": "1s"})
    drop_package(certdrop, new)
    until_served(certdrop, new)
    told = until(lambda: pending(certdrop), certdrop.log)
    assert told["reason"] == 'restart is "never", so it is left to somebody else'
    assert certdrop.run("status", "gauss").returncode == 0
    for action in ("stop", "start"):
        assert cluster.run("gs_om", "-t", action).returncode == 0
    certdrop.until_state("gauss", "in-service", seconds=30, where=lambda receipt: receipt["pending"] is None)


def test_what_is_not_served_without_a_restart_is_served_with_one(certdrop, watched, new):
    """Not as the server's source says: it keeps what it loaded. The old files go back, and the new ones come again
    together with the restart."""
    cluster = watched(settings={"restart": "later", "probe-deadline": "1s"},
                      prepare=lambda cluster: cluster.set(reads="start"))
    drop_package(certdrop, new)
    until_served(certdrop, new)
    assert cluster.served() == [new.fingerprint]
    done = [call[2].partition("=")[0] if call[1] == "cert" else call[1] for call in cluster.calls("gs_om")[1:]
            if call[1] in ("cert", "stop", "start")]
    assert done == ["--cert-file", "--rollback", "--cert-file", "stop", "start"]
    until(lambda: certdrop.run("plan", "gauss").returncode == 0, certdrop.log)


@thorough
def test_until_its_window_opens_the_old_one_is_served_and_it_is_said_why(certdrop, watched, new, old):
    window, _ = shut()
    cluster = watched(settings={"restart": "later", "probe-deadline": "1s", "windows": [window]},
                      prepare=lambda cluster: cluster.set(reads="start"))
    drop_package(certdrop, new)
    receipt = certdrop.until_state("gauss", "held", seconds=60)
    assert "it was put back (see it served at" in receipt["reason"]
    assert "is tried again with a restart of openGauss: its next window for restart" in receipt["reason"]
    assert cluster.served() == [old.fingerprint] and restarts(cluster) == []
    certdrop.restart()
    certdrop.until_state("gauss", "held", seconds=60)
    assert len(cert_calls(cluster)) == 2


@thorough
def test_what_is_not_served_with_a_restart_either_is_given_up(certdrop, watched, new, old):
    """A node that does not come up again with the new files, and does with the old ones. With a cluster manager the
    start that failed says so in passing, and exits with 0."""
    cluster = watched(cm=True, settings={"restart": "later", "probe-deadline": "1s", "restart-timeout": "10s"},
                      prepare=lambda cluster: cluster.set(reads="start"))
    cluster.order("start:node1", "fail-once")
    drop_package(certdrop, new)
    receipt = certdrop.until_state("gauss", "rolled-back", seconds=90)
    assert "start the cluster" in receipt["reason"]
    until(lambda: cluster.served() == [old.fingerprint], certdrop.log)
    assert len(cert_calls(cluster)) == 4


@thorough
def test_an_expired_certificate_that_is_served_is_told(certdrop, scratch, authority):
    """openGauss serves it without a word, and warns only before it ends."""
    late = CertificateSet(authority, "late.example.com")
    late.server = authority.issue("late.example.com", starts_in_days=-20, days=10)
    late.files.update({"server.crt": late.server.fullchain, "server.key": late.server.key_encrypted(late.passphrase)})
    cluster = OpenGauss(scratch, late).start()
    certdrop.configure([target(cluster, scratch)])
    certdrop.start()
    until(lambda: "has ended" in certdrop.run("status", "gauss").stdout, lambda: certdrop.run("status", "gauss").stdout)
    cluster.stop()
