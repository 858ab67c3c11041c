"""Replica Of: destinations are told of their source's new certificate at once, and come into sync again."""
import json
import pathlib
import subprocess

import pytest

from certificates import pem_of
from nginx import handshake
from redis_enterprise import ADMIN, Load, RedisEnterprise
from redis_targets import Targets, cluster_of, drop, thorough
from waiting import until

BY_HAND = pathlib.Path(__file__).parent / "replica-of-by-hand"
COPIES = ["west", "north", "south"]
QUICK = {"retry-first": "100ms", "retry-cap": "1s"}


@pytest.fixture
def backlog():
    """What is special about the source database: nothing."""
    return {}


@pytest.fixture
def copies(scratch, authority, backlog):
    """A source cluster, three destinations in clusters of their own: (RedisEnterprise, Targets)."""
    clusters = [cluster_of(authority, name, nodes=2, databases=[{"uid": 1, "name": "orders", **more}])
                for name, more in [("east", backlog), *((name, {}) for name in COPIES)]]
    replicas = [{"source": ["east", 1], "destination": [name, 1]} for name in COPIES]
    with RedisEnterprise(scratch, {"clusters": clusters, "replicas": replicas}) as site:
        yield site, Targets(scratch, authority, site)


@pytest.fixture
def east(certdrop, copies):
    """The target "east-proxy", running, and nothing dropped yet: (certdrop, RedisEnterprise, Targets)."""
    site, targets = copies
    replicas = [{**targets.access(name), "database": 1} for name in COPIES]
    certdrop.configure([targets.target("east", "proxy", replicas=replicas, **{"sync-deadline": "20s"})], **QUICK)
    certdrop.start()
    return certdrop, site, targets


def certificates_of(site):
    """What each destination believes of its source."""
    return {name: site.rest(name, "GET", "/v1/bdbs/1")[1]["replica_sources"][0]["server_cert"] for name in COPIES}


def uploads(site):
    return [r for r in site.requests(method="PUT", cluster="east") if r["path"].startswith("/v1/cluster")]


def arrived(site, load):
    return {site.redis(name, 1, "LLEN", "load") for name in COPIES} == {str(load.acknowledged)}


def test_all_destinations_recover_and_no_write_is_lost(east):
    certdrop, site, targets = east
    pair = targets.pair("east")
    with Load(site, "east", 1) as load:
        drop(certdrop, "east-proxy", pair)
        certdrop.until_in_service("east-proxy", pair, seconds=40)
        for name in COPIES:
            assert set(site.source_status(name, 1)) == {"in-sync"}
    until(lambda: arrived(site, load), "writes are lost")
    assert {handshake(12001, address) for address in site.addresses("east")} == {pair.fingerprint}
    assert all(text.startswith(pair.leaf.decode()) for text in certificates_of(site).values())
    assert len(site.outages()) == len(COPIES)
    assert not site.events(event="full-resynchronisation")
    assert "gap" in certdrop.run("history", "east-proxy").stdout


@thorough
def test_nothing_changes_where_nothing_changed(east):
    certdrop, site, targets = east
    pair = targets.pair("east")
    drop(certdrop, "east-proxy", pair)
    certdrop.until_in_service("east-proxy", pair, seconds=40)
    before = len(site.requests(method="PUT"))
    assert certdrop.run("apply").returncode == 0
    assert len(site.requests(method="PUT")) == before


def fails(east, reason):
    """A drop that does not even begin: nothing was written anywhere."""
    certdrop, site, targets = east
    drop(certdrop, "east-proxy", targets.pair("east"))
    receipt = certdrop.until_state("east-proxy", "failed")
    assert reason in receipt["reason"], receipt["reason"]
    assert not uploads(site)
    assert not [r for r in site.requests(method="PUT") if "dry_run" not in r["query"]]


def test_masked_credentials_are_not_written_back(east):
    east[1].do("set", cluster="north", settings={"mask_bdb_credentials": True})
    fails(east, "masked")
    assert set(east[1].source_status("north", 1)) == {"in-sync"}


def test_an_unreachable_destination_is_found_before_anything_is_changed(east):
    for node in (1, 2):
        east[1].do("node-down", cluster="south", node=node)
    fails(east, east[1].address("south", 2))


@thorough
def test_a_stopped_replication_is_told_and_left_alone(east):
    east[1].do("stop-sync", cluster="west", bdb=1, error="the syncer exited with code 4")
    fails(east, "the syncer exited with code 4")
    assert east[1].rest("west", "GET", "/v1/bdbs/1")[1]["replica_sync"] == "stopped"


@thorough
def test_a_role_that_may_not_write_is_found_before_anything_is_changed(east):
    certdrop, site, targets = east
    site.fault("answer", cluster="west", method="PUT", path="/v1/bdbs/1", status=403, code="forbidden",
               text="the role lacks update_bdb")
    fails(east, "the role lacks update_bdb")


def test_a_busy_destination_is_waited_for(east):
    certdrop, site, targets = east
    site.fault("answer", cluster="north", method="PUT", path="/v1/bdbs/1", status=409, code="bdb_busy", times=4)
    pair = targets.pair("east")
    drop(certdrop, "east-proxy", pair)
    certdrop.until_in_service("east-proxy", pair, seconds=40)
    assert len(uploads(site)) == 1
    assert site.comes_in_sync("north", 1)


@pytest.mark.parametrize("backlog", [{"repl_backlog_size": 65536}])
def test_a_change_that_would_outlast_the_backlog_is_held(east):
    certdrop, site, targets = east
    slow = site.fault("answer", cluster="south", method="GET", path="/v1/bdbs/1", delay_ms=4000)
    pair = targets.pair("east")
    with Load(site, "east", 1, padding=1000):
        drop(certdrop, "east-proxy", pair)
        receipt = certdrop.until_state("east-proxy", "held", seconds=40)
        assert "the replication backlog of the database orders" in receipt["reason"], receipt["reason"]
        assert not uploads(site)
        site.heal(slow)
        assert certdrop.run("apply", "east-proxy").returncode == 0
    assert len(uploads(site)) == 1
    # The 64 KiB are full in less than a second, and tries are made for 5 s all the same.
    assert certdrop.receipt("east-proxy")["gap_budget_ms"] == 5000


def test_a_destination_that_a_crash_left_out_is_told(east):
    """Everything of certdrop is killed between the two steps."""
    certdrop, site, targets = east
    fault = site.fault("answer", cluster="south", method="GET", path="/v1/bdbs/1", delay_ms=1000)
    pair = targets.pair("east")
    with Load(site, "east", 1) as load:
        drop(certdrop, "east-proxy", pair)
        until(lambda: uploads(site), certdrop.log)
        certdrop.kill()
        site.heal(fault)
        certdrop.start()
        certdrop.until_in_service("east-proxy", pair, seconds=40)
        for name in COPIES:
            assert site.comes_in_sync(name, 1)
    until(lambda: arrived(site, load), "writes are lost")


@thorough
def test_no_password_leaves_the_worker(east):
    certdrop, site, targets = east
    pair = targets.pair("east")
    drop(certdrop, "east-proxy", pair)
    certdrop.until_in_service("east-proxy", pair, seconds=40)
    passwords = [site.rest(name, "GET", "/v1/bdbs/1")[1]["authentication_admin_pass"] for name in ["east", *COPIES]]
    secrets = [*passwords, ADMIN["password"], *pair.key.decode().splitlines()[1:2]]
    certdrop.stop()
    for path in certdrop.state.rglob("*"):
        if path.is_file() and "credentials" not in path.parts and "store" not in path.parts:
            content = path.read_bytes()
            assert not [secret for secret in secrets if secret.encode() in content], path
    assert not [secret for secret in secrets if secret in certdrop.log()]


def test_a_source_knows_the_new_syncer_before_it_is_used(certdrop, copies):
    """Sources that ask their clients for a certificate: the replication is not refused at any moment."""
    site, targets = copies
    old = site.certificate("west", "syncer")
    enforced = {"enforce_client_authentication": "enabled",
                "authentication_ssl_client_certs": [{"client_cert": site.certificate(name, "syncer")[0]}
                                                    for name in COPIES]}
    assert site.rest("east", "PUT", "/v1/bdbs/1", enforced)[0] == 200
    until(lambda: site.events(event="bdb-changed", cluster="east"), "the source is not changed")
    certdrop.configure([targets.target("west", "syncer", soak="1s", check="1s",
                                       sources=[{**targets.access("east"), "database": 1}])], **QUICK)
    certdrop.start()
    pair = targets.pair("west")
    drop(certdrop, "west-syncer", pair)
    certdrop.until_in_service("west-syncer", pair, seconds=40)
    assert site.comes_in_sync("west", 1)
    written = [r["path"] for r in site.requests(method="PUT") if "dry_run" not in r["query"]]
    assert written[1:] == ["/v1/bdbs/1", "/v1/cluster/certificates"]
    assert {old[0], pair.leaf.decode()} < set(known_to(site))

    # The next one stands beside it for a while, and then in its place; what was there before is not ours.
    following = targets.pair("west")
    drop(certdrop, "west-syncer", following)
    until(lambda: following.leaf.decode() in known_to(site), certdrop.log)
    assert pair.leaf.decode() in known_to(site)
    until(lambda: pair.leaf.decode() not in known_to(site), certdrop.log, seconds=40)
    assert site.certificate("west", "syncer")[1] == following.fingerprint
    assert {old[0], following.leaf.decode()} < set(known_to(site))
    site.do("cut", cluster="west")
    assert site.comes_in_sync("west", 1)


def known_to(site):
    """The clients' certificates that the source lets in."""
    return [one["client_cert"] for one in site.rest("east", "GET", "/v1/bdbs/1")[1]["authentication_ssl_client_certs"]]


def by_hand(site, scratch, targets):
    """The same change by a shell script: the gap in milliseconds."""
    pair = targets.pair("east")
    (scratch / "chain.pem").write_bytes(pair.fullchain + targets.root)
    (scratch / "key.pem").write_bytes(pair.key)
    done = subprocess.run([BY_HAND, f"{ADMIN['email']}:{ADMIN['password']}", site.address("east"),
                           scratch / "chain.pem", scratch / "key.pem", *[site.address(name) for name in COPIES]],
                          capture_output=True, text=True, check=True, timeout=120)
    assert all(site.comes_in_sync(name, 1) for name in COPIES)
    return int(done.stdout.split()[-1])


def last_gap(certdrop):
    passes = certdrop.json("history", "east-proxy")["passes"]
    return next(one["gap_ms"] for one in passes if one.get("gap_ms") is not None)


@pytest.mark.parametrize("delay", [pytest.param(0, marks=thorough), 20, pytest.param(100, marks=thorough)])
def test_the_gap_is_shorter_than_by_hand(east, scratch, delay):
    certdrop, site, targets = east
    site.set(round_trip_ms=delay, syncer_retry_ms=50 + 15 * delay)  # A try must not end the one before it.
    script = by_hand(site, scratch, targets)
    by_script = max(site.outages())
    site.forget()
    pair = targets.pair("east")
    drop(certdrop, "east-proxy", pair)
    certdrop.until_in_service("east-proxy", pair, seconds=60)
    gap = last_gap(certdrop)
    print(f"\n{delay} ms of delay: gap {gap} ms, by hand {script} ms; "
          f"longest without replication {1000 * max(site.outages()):.0f} ms, by hand {1000 * by_script:.0f} ms")
    assert gap < script
