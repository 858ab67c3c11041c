"""openGauss: what fails is put back on all nodes, and whatever dies when, all nodes serve one set."""
import pytest

from gauss_target import cert_calls, drop_package, new, old, thorough, until_served, watched  # noqa: F401
from opengauss import CertificateSet
from postgresql import PROGRAMS
from waiting import until

pytestmark = pytest.mark.skipif(not PROGRAMS, reason="PostgreSQL is not installed")
SERVER_FILES = ("cacert.pem", "server.crt", "server.key", "server.key.cipher", "server.key.rand")


def assert_one_set(cluster, certificates):
    """All nodes serve it, and none has a file of another set."""
    assert cluster.served() == [certificates.fingerprint] * len(cluster.nodes)
    sets = [{name: node.files()[name] for name in SERVER_FILES} for node in cluster.nodes]
    assert all(each == sets[0] for each in sets)


def test_the_second_of_three_nodes_fails_half_way(certdrop, watched, new, old):
    cluster = watched(nodes=3)
    cluster.order("copy:node2:server.key", "fail")
    drop_package(certdrop, new)
    receipt = certdrop.until_state("gauss", "rolled-back", seconds=60)
    assert "GAUSS-50216" in receipt["reason"]
    assert_one_set(cluster, old)
    assert [call[2] for call in cert_calls(cluster)][1:] == ["--rollback"]


def test_a_flag_that_was_left_behind_is_understood(certdrop, watched, authority, new, old):
    """gs_om failed and was rolled back: it makes no new backup until a replacement succeeds."""
    cluster = watched(nodes=3)
    cluster.order("copy:node2:server.key", "fail")
    drop_package(certdrop, new)
    certdrop.until_state("gauss", "rolled-back", seconds=60)
    assert (cluster.nodes[1].data / "certFlag").exists()
    second = CertificateSet(authority, "second.example.com")
    drop_package(certdrop, second)
    certdrop.until_state("gauss", "rolled-back", seconds=60, where=lambda found: "second" in found["reason"])
    assert_one_set(cluster, old)
    cluster.order("copy:node2:server.key", None)
    third = CertificateSet(authority, "third.example.com")
    drop_package(certdrop, third)
    until_served(certdrop, third)
    assert_one_set(cluster, third)


def test_without_a_backup_nothing_is_rolled_back(certdrop, watched, new, old):
    """gs_om --rollback -L would delete what is in share/sslcert, and report success."""
    cluster = watched(settings={"local": True})
    cluster.order("backup:node1", "fail")
    drop_package(certdrop, new)
    certdrop.until_state("gauss", "rolled-back", seconds=60)
    assert all("--rollback" not in call for call in cert_calls(cluster))
    for component in ("om", "cm"):
        held = {name: (cluster.nodes[0].sslcert(component) / name).read_bytes() for name in old.files}
        assert held == old.files
    assert_one_set(cluster, old)


def test_a_backup_of_an_earlier_replacement_is_not_gone_back_to(certdrop, watched, authority, new, old):
    """A run that fails before it makes one has changed nothing, and the backup there is older than what is served."""
    cluster = watched(settings={"local": True})
    drop_package(certdrop, new)
    until_served(certdrop, new)
    cluster.order("backup:node1", "fail")
    drop_package(certdrop, CertificateSet(authority, "second.example.com"))
    certdrop.until_state("gauss", "rolled-back", seconds=60)
    assert all("--rollback" not in call for call in cert_calls(cluster))
    assert_one_set(cluster, new)


def test_more_than_one_level_can_be_undone(certdrop, scratch, watched, authority, new, old):
    """gs_om has one backup; certdrop has its own predecessors, and installs them like anything else."""
    cluster = watched(nodes=2)
    drop_package(certdrop, new)
    until_served(certdrop, new)
    second = CertificateSet(authority, "second.example.com")
    drop_package(certdrop, second)
    until_served(certdrop, second)
    # It may still be looking whether anything remains to be done.
    until(lambda: certdrop.run("rollback", "gauss", seconds=90).returncode == 0, certdrop.log, 60)
    assert_one_set(cluster, new)
    assert all("--rollback" not in call for call in cert_calls(cluster))
    # Of notes and packages only those stay that count, and the predecessor's.
    stores = list((scratch / "spool").glob(".*.certdrop"))
    assert len(stores) == 3
    for store in stores:
        assert len(list(store.iterdir())) <= 3, list(store.iterdir())
    assert len(list((scratch / "spool").glob(".gauss.certdrop/*/*.zip"))) <= 2


# ---- kill -9 ----

@pytest.mark.parametrize("point", [
    "backup:node1", pytest.param("copy:node1:server.key", marks=thorough), "copy:node2:server.crt",
    pytest.param("copy:om:client.key", marks=thorough)])
def test_killed_while_gs_om_is_at_work(certdrop, watched, new, old, point):
    """The service and its worker die, gs_om does not: nobody else's gs_om may run until it has ended."""
    cluster = watched(nodes=2)
    cluster.order(point, "hang")
    drop_package(certdrop, new)
    until(lambda: point in cluster.points(), certdrop.log)
    certdrop.kill()
    certdrop.start()
    cluster.order(point, None)
    receipt = certdrop.until_state("gauss", "in-service", "rolled-back", seconds=90)
    settled = new if receipt["state"] == "in-service" and receipt["fingerprint"] == new.fingerprint else old
    until(lambda: cluster.served() == [settled.fingerprint] * 2, certdrop.log)
    assert_one_set(cluster, settled)


def test_killed_while_it_is_rolled_back(certdrop, watched, new, old):
    cluster = watched(nodes=2)
    cluster.order("copy:node2:server.key", "fail")
    cluster.order("unpack:node2", "hang")
    drop_package(certdrop, new)
    until(lambda: "unpack:node2" in cluster.points(), certdrop.log)
    certdrop.kill()
    cluster.order("copy:node2:server.key", None)
    certdrop.start()
    cluster.order("unpack:node2", None)
    receipt = certdrop.until_state("gauss", "in-service", "rolled-back", seconds=90)
    settled = new if receipt["state"] == "in-service" and receipt["fingerprint"] == new.fingerprint else old
    until(lambda: cluster.served() == [settled.fingerprint] * 2, certdrop.log)
    assert_one_set(cluster, settled)
