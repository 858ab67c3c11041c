"""openGauss under a client that connects without a pause: what it notices of a replacement, and when it is restarted."""
import pytest

from gauss_target import (LITE, cert_calls, connecting, drop_package, new, old, until_served,  # noqa: F401
                          watched)
from opengauss import CertificateSet
from postgresql import PROGRAMS
from waiting import until

pytestmark = pytest.mark.skipif(not PROGRAMS, reason="PostgreSQL is not installed")


def replaced(certdrop, cluster, certificates):
    """A client, through a replacement from the drop to the end."""
    with connecting(cluster.nodes[0]) as client:
        until(lambda: client.attempts > 3, "the client does not connect")
        drop_package(certdrop, certificates)
        until_served(certdrop, certificates)
        until(lambda: client.seen[-1:] == [certificates.fingerprint], "the client sees nothing new")
    return client


def tell(capsys, *sentences):
    with capsys.disabled():
        print("", *sentences, sep="\n    ")


def test_under_the_passphrase_in_service_no_connection_is_refused(certdrop, watched, new, authority, capsys):
    """Put in place by certdrop. A connection that falls between the two renames would be refused: so it is tried
    three times, and one such chance is allowed in all."""
    cluster, refused, attempts = watched(settings=LITE), 0, 0
    for certificates in (new, *(CertificateSet(authority, f"{n}.example.com") for n in "ab")):
        client = replaced(certdrop, cluster, certificates)
        refused, attempts = refused + len(client.refused), attempts + client.attempts
    tell(capsys, f"files put in place: {refused} of {attempts} connections were refused")
    assert refused <= 1 and attempts > 20


def test_what_gs_om_itself_refuses_is_over_when_it_ends(certdrop, watched, new, capsys):
    """It removes each file before it copies the new one: connections in between are refused by the server."""
    cluster = watched()
    client = replaced(certdrop, cluster, new)
    tell(capsys, f"gs_om, deployed passphrase: {len(client.refused)} of {client.attempts} connections were refused, "
                 f"over {1000 * client.seconds_refused:.0f} ms")
    assert client.seconds_refused < 5 and cluster.calls("gs_om")[0] == ["-t", "start"]
    assert [call for call in cluster.calls("gs_om")[1:] if "stop" in call or "start" in call] == []


def test_a_new_passphrase_is_refused_from_the_files_to_the_restart_as_by_hand(certdrop, watched, new, authority, capsys):
    """The refusal ends with the restart: so that follows the files at once, with nothing in between that the manual's
    three commands do not have. The times are told; on a busy machine they tell no more than that they are alike."""
    cluster = watched(settings={"passphrase": "new", "restart": "together"})
    mine = replaced(certdrop, cluster, new)
    assert mine.refused and cluster.served() == [new.fingerprint]
    done = [call[1] for call in cluster.calls("gs_om")[1:]]
    assert done[done.index("cert"):done.index("start") + 1] == ["cert", "stop", "start"]

    other = CertificateSet(authority, "hand.example.com", b"Hand@12345")
    with connecting(cluster.nodes[0]) as hand:
        for command in (["-t", "cert", f"--cert-file={cluster.package(other.zip())}"], ["-t", "stop"], ["-t", "start"]):
            assert cluster.run("gs_om", *command).returncode == 0
        until(lambda: hand.seen[-1:] == [other.fingerprint], "the client sees nothing new")
    tell(capsys, f"new passphrase: refused for {mine.seconds_refused:.2f} s by certdrop, "
                 f"for {hand.seconds_refused:.2f} s by the three commands of the manual")
    assert mine.seconds_refused < 5 * hand.seconds_refused + 10


def test_a_server_that_keeps_the_old_certificate_is_given_the_old_files_back(certdrop, watched, new, old):
    """Not as its source says; the handshake decides."""
    cluster = watched(settings={"probe-deadline": "1s"}, prepare=lambda cluster: cluster.set(reads="start"))
    drop_package(certdrop, new)
    receipt = certdrop.until_state("gauss", "rolled-back", seconds=60)
    assert "another certificate" in receipt["reason"] or "serves" in receipt["reason"], receipt["reason"]
    assert cluster.nodes[0].files()["server.crt"] == old.files["server.crt"]
    assert cluster.served() == [old.fingerprint] and "--rollback" in cert_calls(cluster)[-1]


def test_a_restart_takes_the_standbys_first(certdrop, watched, new):
    cluster = watched(settings={"restart": "later"}, nodes=3)
    drop_package(certdrop, new)
    until_served(certdrop, new)

    def stopped():
        return [call[call.index("-h") + 1] for call in cluster.calls("gs_om") if "stop" in call]
    until(lambda: len(stopped()) == 3, lambda: f"restarted were {stopped()}\n{certdrop.log()}", 60)
    assert stopped() == ["node2", "node3", "node1"]
    until(lambda: "done: restart openGauss" in certdrop.log(), certdrop.log)
    assert cluster.served() == [new.fingerprint] * 3
    assert certdrop.run("plan", "gauss").returncode == 0
