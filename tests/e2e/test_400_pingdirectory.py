"""The certificates of PingDirectory servers: a topology of three, by operations and by the tool."""
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from certificates import pem_of
from ping_target import (assert_everywhere, by_tool, drop, identities, needs_java, reached, reason,  # noqa: F401
                         shared, target, thorough, topology)
from pingdirectory import PASSWORD, PIN, READER, READER_PASSWORD, Identity, put
from service import plain
from waiting import until

pytestmark = needs_java


# ---- replacing, and purging what is retired ----

@pytest.mark.parametrize("route, name", [("ldap", "ds1"), ("key-store", "ds2"), ("tool", "ds3")])
def test_it_is_replaced_everywhere_and_what_is_retired_goes_after_the_soak(certdrop, shared, identities, route, name):
    ways = {"ldap": {}, "tool": by_tool(shared, name), "key-store": {
        "send": "key-store", "store-format": "pkcs12",
        "store-password-file": shared.password_file("a-store-password", "store-password")}}
    old, new = shared[name].presented(), identities[int(name[2:]) - 1]
    certdrop.configure([target(shared, name, soak="1h", **ways[route])])
    certdrop.start()
    drop(certdrop, new, name)
    certdrop.until_in_service(name, new, seconds=40)
    assert shared[name].presented() == shared[name].in_store() == new.fingerprint
    assert_everywhere(shared, [old, new.fingerprint], name)
    until(lambda: f"purge what is retired of {name}" in certdrop.run("status", name).stdout,
          lambda: f"no purge is pending: {certdrop.receipt(name)}\n" + certdrop.log())
    certdrop.run("apply", name)
    assert_everywhere(shared, [old, new.fingerprint], name)

    certdrop.configure([target(shared, name, soak="0s", **ways[route])])
    certdrop.restart()
    until(lambda: shared.registered(name, at="ds3") == [new.fingerprint], certdrop.log)
    assert_everywhere(shared, [new.fingerprint], name)
    shared.reset()
    until(shared.whole, lambda: f"not connected: {shared.links()}")
    assert "a-store-password" not in str(shared.calls()) and PASSWORD not in str(shared.calls())


def test_a_java_key_store_is_a_drop_like_any_other(certdrop, shared, identities, scratch):
    passphrases = scratch / "passphrases"
    put(passphrases, f"{PIN}\n".encode())
    certdrop.configure([target(shared, passphrases=passphrases)])
    certdrop.start()
    certdrop.drop("ds1", {"new.jks": identities[3].jks()})
    certdrop.until_in_service("ds1", identities[3], seconds=40)
    assert shared["ds1"].presented() == identities[3].fingerprint


def test_a_listener_certificate_is_replaced_where_clients_meet_it(certdrop, topology, authority, scratch):
    pair = authority.issue("localhost")
    trusted = scratch / "trusted.pem"
    put(trusted, topology.identities["ds1", "server-cert"].pem + pem_of(authority.root))
    more = {"certificate": "listener", "ca-file": trusted, "server-name": "localhost", "key-manager-provider": "JKS",
            "trust-manager-provider": "JKS", "authorities": trusted, "soak": "0s",
            "probe": [f"127.0.0.1:{topology['ds1'].ldaps}"], "probe-starttls": [f"127.0.0.1:{topology['ds1'].ldap}"]}
    certdrop.configure([{key: value for key, value in target(topology, **more).items() if key != "pin"}])
    certdrop.start()
    certdrop.drop("ds1", {"fullchain.pem": pair.fullchain + pem_of(authority.root), "key.pem": pair.key})
    certdrop.until_in_service("ds1", pair, seconds=40)
    assert topology["ds1"].listener() == pair.fingerprint
    until(lambda: topology.registered("ds1", "listener", at="ds3") == [pair.fingerprint], certdrop.log)


def test_a_pin_that_another_target_makes_stale_is_named_and_can_be_told_of(certdrop, topology, authority, identities,
                                                                          scratch):
    pair, trusted = authority.issue("localhost"), scratch / "trusted.pem"
    put(trusted, topology.identities["ds3", "server-cert"].pem + pem_of(authority.root))
    more = {"certificate": "listener", "ca-file": trusted, "server-name": "localhost",
            "key-manager-provider": "JKS", "trust-manager-provider": "JKS", "authorities": trusted, "purge": False,
            "probe": [f"127.0.0.1:{topology['ds3'].ldaps}"]}
    listener = {**target(topology, "ds3", **more), "name": "ds3-listener"}
    del listener["pin"]
    others = {name: reached(topology, name) for name in ("ds2", "ds3")}
    certdrop.configure([listener, target(topology, check="1s", peers=tuple(others.values()))])
    certdrop.start()
    certdrop.drop("ds3-listener", {"fullchain.pem": pair.fullchain + pem_of(authority.root), "key.pem": pair.key})
    certdrop.until_in_service("ds3-listener", pair, seconds=40)
    drop(certdrop, identities[0])
    reason(certdrop, "held", f"its certificate is not the one with the fingerprint {others['ds3']['pin'][:16]}; "
                             "if it was replaced, so must be the pin")

    others["ds3"]["replaced-by"] = ["ds3-listener"]
    certdrop.configure([listener, target(topology, peers=tuple(others.values()))])
    certdrop.restart()
    certdrop.until_in_service("ds1", identities[0], seconds=40)


# ---- what is found before anything is changed ----

def test_a_server_that_is_another_instance_is_named_and_nothing_tried(certdrop, shared):
    """Its own key pair would be overwritten, and what is put back would be the other one's."""
    asked, old = len(shared.records()), {name: shared[name].in_store() for name in ("ds1", "ds2")}
    certdrop.configure([target(shared, **{**reached(shared, "ds2"), "peers": tuple(
        reached(shared, name) for name in ("ds1", "ds3"))})])
    certdrop.start()
    drop(certdrop, Identity("another.example.com"))
    reason(certdrop, "failed", f"ldaps://127.0.0.1:{shared['ds2'].ldaps} is the server instance ds2, not ds1")
    assert {name: shared[name].in_store() for name in old} == old
    assert "extended" not in {line.get("operation") for line in shared.records()[asked:]}


def test_a_server_of_the_topology_that_is_no_peer_holds_the_change_and_any_purge(certdrop, shared):
    old, new = shared.registered("ds1"), Identity("another.example.com")
    some = {"peers": (reached(shared, "ds2"),), "soak": "0s", "check": "1s"}
    says = "ds3 of the topology is not among `peers`, and would be left behind"
    certdrop.configure([target(shared, **some)])
    certdrop.start()
    drop(certdrop, new)
    reason(certdrop, "held", says)
    assert shared.registered("ds1") == old

    certdrop.configure([target(shared, **some, offline="go-on")])
    certdrop.restart()
    certdrop.until_in_service("ds1", new, seconds=40)
    until(lambda: says in certdrop.run("status", "ds1").stdout,
          lambda: certdrop.run("status", "ds1").stdout + certdrop.log())
    assert_everywhere(shared, [*old, new.fingerprint])


def test_a_peer_that_is_offline_holds_the_change(certdrop, topology, identities):
    old = topology["ds1"].presented()
    certdrop.configure([target(topology, check="1s")])
    topology.stop("ds3")
    certdrop.start()
    drop(certdrop, identities[0])
    reason(certdrop, "held", "could not be asked, and would be left behind: ")
    assert topology["ds1"].presented() == old and topology.registered("ds1") == [old]
    topology.start("ds3")
    certdrop.until_in_service("ds1", identities[0], seconds=40)


def test_a_server_without_the_handler_is_named_and_not_tried(certdrop, shared):
    asked = len(shared.records())
    shared.set(handler={"enabled": False})
    certdrop.configure([target(shared)])
    certdrop.start()
    drop(certdrop, Identity("another.example.com"))
    reason(certdrop, "failed", "does not know the operation 1.3.6.1.4.1.30221.2.6.69")
    shared.set(handler=None)
    assert "extended" not in {line.get("operation") for line in shared.records()[asked:]}


def test_a_topology_without_a_primary_is_named_and_not_tried(certdrop, topology, identities):
    certdrop.configure([target(topology, "ds2", offline="go-on")])
    topology.stop("ds1")
    certdrop.start()
    drop(certdrop, identities[0], "ds2")
    reason(certdrop, "failed", "has no primary now", "ds2")
    assert "extended" not in {line.get("operation") for line in topology.records()}


def test_a_user_without_the_privilege_is_named_and_nothing_tried(certdrop, shared):
    asked = len(shared.records())
    certdrop.configure([target(shared, **{
        "bind-dn": READER, "password-file": shared.password_file(READER_PASSWORD, "reader")})])
    certdrop.start()
    drop(certdrop, Identity("another.example.com"))
    reason(certdrop, "failed", f"{READER} does not have the privilege permit-replace-certificate-request")
    assert "extended" not in {line.get("operation") for line in shared.records()[asked:]}


def test_what_another_server_has_is_refused_and_stays_in_the_drop(certdrop, shared):
    asked, old = len(shared.records()), shared["ds1"].presented()
    certdrop.configure([target(shared)])
    certdrop.start()
    key, (certificate,) = shared["ds2"].pair("inter-server")
    pair = pem_of(certificate) + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    says = "server instance ds2 has this certificate already; PingDirectory inter-server certificates allow no sharing"
    certdrop.drop("ds1", {"pair.pem": pair})
    reason(certdrop, "refused", says)
    certdrop.restart()
    reason(certdrop, "refused", says)
    assert certdrop.dropped("ds1") == ["pair.pem"]
    # Another in its place is taken, and only for that one the server is asked to do anything.
    good = Identity("another.example.com")
    drop(certdrop, good)
    certdrop.until_in_service("ds1", good, seconds=40)
    assert certdrop.dropped("ds1") == [] and shared["ds1"].presented() == good.fingerprint != old
    assert sum(line.get("operation") == "extended" for line in shared.records()[asked:]) == 1


def test_what_breaks_the_rules_is_refused_before_any_tool_runs(certdrop, shared):
    asked = len(shared.records())
    certdrop.configure([target(shared)])
    certdrop.start()
    for identity, says in ((Identity("a", bits=4096), "RSA key has 4096 bits; PingDirectory inter-server certificates"),
                           (Identity("b", bits=1024), "1024 bits"), (Identity("c", kind="ec"), "RSA")):
        drop(certdrop, identity)
        reason(certdrop, "refused", says)
    assert "extended" not in {line.get("operation") for line in shared.records()[asked:]}


# ---- what goes wrong on the way ----

@pytest.fixture
def first(certdrop, topology, identities):
    """The first identity was dropped and is in service. What fails is not tried again during the test."""
    certdrop.configure([target(topology, soak="1h")], **{"retry-first": "10m"})
    certdrop.start()
    drop(certdrop, identities[0])
    certdrop.until_in_service("ds1", identities[0], seconds=40)
    return topology


def test_what_the_server_cannot_finish_is_put_back(certdrop, first, identities):
    """The key store has the new one already when the registry cannot be written."""
    first.order("registry:ds1", "fail-once")
    drop(certdrop, identities[1])
    reason(certdrop, "failed", "cannot update the topology registry")
    assert first["ds1"].presented() == first["ds1"].in_store() == identities[0].fingerprint
    assert first.lost() == []


def test_the_first_time_it_is_tried_until_it_is_done(certdrop, topology, identities):
    """There is no key to go back to, and the key store has the new one already."""
    topology.order("registry:ds1", "fail-once")
    certdrop.configure([target(topology, soak="1h")])
    certdrop.start()
    drop(certdrop, identities[0])
    reason(certdrop, "failed", "cannot update the topology registry")
    assert certdrop.run("apply", "ds1").returncode == 0
    assert topology["ds1"].presented() == topology["ds1"].in_store() == identities[0].fingerprint
    assert "failed: CN=first.example.com" in certdrop.run("history", "ds1").stdout


def test_the_predecessor_comes_back_on_demand(certdrop, first, identities):
    drop(certdrop, identities[1])
    certdrop.until_in_service("ds1", identities[1], seconds=40)
    until(lambda: certdrop.run("rollback", "ds1").returncode == 0, certdrop.log)
    assert first["ds1"].presented() == first["ds1"].in_store() == identities[0].fingerprint
    assert "ds1: what is wanted is installed" in certdrop.run("explain", "ds1").stdout


@thorough
def test_the_predecessor_comes_back_by_the_tool(certdrop, shared):
    one, other = (Identity(f"{each}.example.com") for each in ("one", "other"))
    certdrop.configure([target(shared, "ds2", soak="1h", **by_tool(shared, "ds2"))])
    certdrop.start()
    for each in (one, other):
        drop(certdrop, each, "ds2")
        certdrop.until_in_service("ds2", each, seconds=60)
    until(lambda: certdrop.run("rollback", "ds2").returncode == 0, certdrop.log)
    assert shared["ds2"].presented() == shared["ds2"].in_store() == one.fingerprint
    assert "replace-inter-server-certificate" in shared.calls()[-1]


def test_killed_in_the_middle_it_ends_in_one_of_both(certdrop, first, identities):
    first.order("registry:ds1", "hang")
    drop(certdrop, identities[1])
    until(lambda: "registry:ds1" in first.points()[1:] and first["ds1"].in_store() == identities[1].fingerprint,
          certdrop.log)
    certdrop.kill()
    first.order("registry:ds1", None)
    certdrop.start()
    receipt = certdrop.until_state("ds1", "in-service", "rolled-back", seconds=60, where=lambda receipt: plain(
        receipt["fingerprint"]) == first["ds1"].presented())
    assert first["ds1"].in_store() == first["ds1"].presented()
    assert receipt["state"] != "in-service" or first["ds1"].presented() in first.registered("ds1", at="ds3")
    assert first.whole()
