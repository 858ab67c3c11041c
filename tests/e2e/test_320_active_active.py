"""Active-Active: one forced update for each database and no other in between, whoever is stopped meanwhile.

RUNS=200 in the environment repeats the race of two controllers with that many seeds."""
import fcntl
import os
import random
import signal
import time

import pytest

from etcd import Etcd
from redis_enterprise import RedisEnterprise
from redis_targets import Targets, cluster_of, drop, thorough
from service import Certdrop
from waiting import PATIENCE, until

CLUSTERS = ["east", "west", "north"]
DATABASES = ["carts", "likes", "scores", "seats", "stock"]
QUICK = {"retry-first": "100ms", "retry-cap": "1s", "check": "1s"}
RUNS = int(os.environ.get("RUNS", "1"))


@pytest.fixture
def active(scratch, authority):
    """Three clusters that share five databases: (RedisEnterprise, Targets)."""
    clusters = [cluster_of(authority, name, nodes=1) for name in CLUSTERS]
    crdbs = [{"name": name, "clusters": CLUSTERS} for name in DATABASES]
    with RedisEnterprise(scratch, {"clusters": clusters, "crdbs": crdbs}) as site:
        yield site, Targets(scratch, authority, site)


@pytest.fixture
def start(certdrop, active, scratch):
    """Starts certdrop with one target: start("proxy", ...) gives (certdrop, RedisEnterprise, Targets)."""
    site, targets = active

    def start(certificate, **more):
        lease = {"store": "local", "directory": scratch / "leases"}
        certdrop.configure([targets.target("east", certificate, **{"sync-deadline": "20s", "lease": lease, **more})],
                           **QUICK)
        certdrop.start()
        return certdrop, site, targets
    return start


def updates(site, **narrow):
    """How often each database was updated since the record was emptied."""
    events = site.events(event="crdb-update", **narrow)
    return {name: sum(event["crdb"] == site.guid(name) for event in events) for name in DATABASES}


def all_up(site):
    return all(set(site.links(name, "east").values()) == {"up"} for name in DATABASES)


ONCE = {name: 1 for name in DATABASES}
NEVER = {name: 0 for name in DATABASES}


@pytest.mark.parametrize("certificate, way", [
    ("proxy", "rest"), ("syncer", "crdb-cli"), pytest.param("syncer", "rest", marks=thorough),
    pytest.param("proxy", "crdb-cli", marks=thorough)])
def test_each_database_is_updated_once(start, active, certificate, way):
    tool = active[0].tool("east", "crdb-cli")
    certdrop, site, targets = start(certificate, **{"active-active": way, "crdb-cli": tool})
    pair = targets.pair("east")
    drop(certdrop, f"east-{certificate}", pair)
    certdrop.until_in_service(f"east-{certificate}", pair, seconds=40)
    assert site.wanted("east", certificate) == pair.fingerprint
    assert updates(site, forced=True) == updates(site) == ONCE
    assert all_up(site)
    assert "gap" in certdrop.run("history").stdout


@thorough
def test_an_update_of_somebody_else_is_waited_for(start, active):
    peers = [active[1].access(name) for name in CLUSTERS[1:]]
    certdrop, site, targets = start("proxy", peers=peers)
    fault = site.fault("stuck-task", cluster="west", crdb=site.guid("likes"))
    site.do("crdb-update", cluster="west", crdb="likes", forced=False)
    pair = targets.pair("east")
    drop(certdrop, "east-proxy", pair)
    certdrop.until_state("east-proxy", "failed", where=lambda receipt: "likes" in receipt["reason"])
    assert not site.events(event="certificates-replaced")
    site.heal(fault)
    certdrop.until_in_service("east-proxy", pair, seconds=40)
    assert updates(site, forced=True) == ONCE


def test_a_peer_that_is_down_is_found_before_anything_is_changed(start):
    certdrop, site, targets = start("proxy")
    site.do("node-down", cluster="north", node=1)
    drop(certdrop, "east-proxy", targets.pair("east"))
    receipt = certdrop.until_state("east-proxy", "failed")
    assert site.fqdn("north") in receipt["reason"]
    assert not site.events(event="certificates-replaced") and updates(site) == NEVER


def test_a_lost_reply_does_not_update_twice(start):
    certdrop, site, targets = start("proxy")
    site.fault("answer", cluster="east", method="POST", path="/v1/crdbs/*/updates", drop=True, after=True, times=2)
    pair = targets.pair("east")
    drop(certdrop, "east-proxy", pair)
    certdrop.until_in_service("east-proxy", pair, seconds=40)
    assert updates(site) == ONCE and all_up(site)


def test_a_task_that_fails_is_started_anew(start):
    certdrop, site, targets = start("proxy")
    site.fault("failed-task", cluster="east", crdb=site.guid("scores"), times=1)
    pair = targets.pair("east")
    drop(certdrop, "east-proxy", pair)
    until(lambda: updates(site)["scores"] == 2, certdrop.log)
    certdrop.until_in_service("east-proxy", pair, seconds=40)
    until(lambda: all_up(site), lambda: str(site.links("scores", "east")))
    assert updates(site) == {**ONCE, "scores": 2}


def test_an_update_that_a_crash_left_out_is_made_up_for(start):
    """Everything of certdrop is killed between the two steps."""
    certdrop, site, targets = start("proxy")
    fault = site.fault("answer", cluster="east", method="POST", path="/v1/crdbs/*/updates", status=503, times=1000)
    pair = targets.pair("east")
    drop(certdrop, "east-proxy", pair)
    until(lambda: site.events(event="certificates-replaced"), certdrop.log)
    certdrop.kill()
    site.heal(fault)
    assert updates(site) == NEVER
    certdrop.start()
    until(lambda: all_up(site), lambda: str(site.links("carts", "east")) + certdrop.log())
    certdrop.until_in_service("east-proxy", pair, seconds=40)
    assert updates(site, forced=True) == updates(site) == ONCE
    assert len(site.events(event="certificates-replaced")) == 1


@thorough
def test_somebody_who_holds_a_lease_is_waited_for(start, scratch):
    certdrop, site, targets = start("proxy")
    (scratch / "leases").mkdir(mode=0o700, exist_ok=True)
    with open(scratch / "leases" / f"crdb-{site.guid('seats')}", "w") as lease:
        lease.write("a colleague")
        lease.flush()
        fcntl.flock(lease, fcntl.LOCK_EX)
        pair = targets.pair("east")
        drop(certdrop, "east-proxy", pair)
        certdrop.until_state("east-proxy", "failed", where=lambda receipt: "a colleague" in receipt["reason"])
        assert not site.events(event="certificates-replaced")
    certdrop.until_in_service("east-proxy", pair, seconds=40)


def test_without_etcd_nothing_is_touched(start, scratch, authority):
    etcd = Etcd(scratch, authority)
    certdrop, site, targets = start("proxy", lease=etcd.lease())
    pair = targets.pair("east")
    drop(certdrop, "east-proxy", pair)
    certdrop.until_state("east-proxy", "failed")
    assert not site.events(event="certificates-replaced") and updates(site) == NEVER
    with etcd:
        certdrop.until_in_service("east-proxy", pair, seconds=40)
        certdrop.stop()
    assert updates(site, forced=True) == ONCE


@thorough
def test_an_etcd_that_dies_in_between_is_waited_for(start, scratch, authority):
    """What holds a lease that it cannot renew is ended, and goes on when there is an etcd again."""
    with Etcd(scratch, authority) as etcd:
        certdrop, site, targets = start("proxy", lease=etcd.lease())
        fault = site.fault("answer", cluster="east", method="POST", path="/v1/crdbs/*/updates", status=503, times=10000)
        pair = targets.pair("east")
        drop(certdrop, "east-proxy", pair)
        until(lambda: site.events(event="certificates-replaced"), certdrop.log)
        etcd.stop()
        until(lambda: "ended by signal 9" in certdrop.log() or "the lease is lost" in certdrop.log(), certdrop.log)
        site.heal(fault)
        assert updates(site) == NEVER
        etcd.start()
        certdrop.until_in_service("east-proxy", pair, seconds=40)
        until(lambda: all_up(site), certdrop.log)
        certdrop.stop()
    assert updates(site, forced=True) == updates(site) == ONCE


@thorough
def test_what_cannot_be_finished_within_its_budget_is_put_back(start):
    certdrop, site, targets = start("proxy", **{"gap-budget": "1s", "sync-deadline": "3s"})
    first, second = targets.pair("east"), targets.pair("east")
    drop(certdrop, "east-proxy", first)
    certdrop.until_in_service("east-proxy", first, seconds=40)
    fault = site.fault("answer", cluster="east", method="POST", path="/v1/crdbs/*/updates", status=500, times=10000)
    drop(certdrop, "east-proxy", second)
    until(lambda: len(site.events(event="certificates-replaced")) == 3, certdrop.log, seconds=40)
    site.heal(fault)
    certdrop.until_state("east-proxy", "rolled-back", seconds=60)
    assert site.wanted("east", "proxy") == first.fingerprint
    until(lambda: all_up(site), certdrop.log)


def test_proxy_and_syncer_do_not_wait_for_each_others_leases(certdrop, active, scratch):
    """Both were dropped together, and each database is updated after each of them."""
    site, targets = active
    lease = {"store": "local", "directory": scratch / "leases"}
    names = ["syncer", "proxy"]
    pairs = {name: targets.pair("east") for name in names}
    certdrop.configure([targets.target("east", name, lease=lease) for name in names], **QUICK)
    for name in names:
        drop(certdrop, f"east-{name}", pairs[name])
    certdrop.start()
    for name in names:
        certdrop.until_in_service(f"east-{name}", pairs[name], seconds=60)
    assert "east-proxy comes first" in certdrop.log() and "is held by" not in certdrop.log(), certdrop.log()
    assert updates(site, forced=True) == updates(site) == {name: 2 for name in DATABASES}


def test_the_same_certificate_put_there_once_more_is_no_news(start):
    """It breaks the links; but everybody has been told of it, and they come back by themselves."""
    certdrop, site, targets = start("proxy")
    pair = targets.pair("east")
    drop(certdrop, "east-proxy", pair)
    certdrop.until_in_service("east-proxy", pair, seconds=40)
    site.set(syncer_retry_ms=60000)
    site.replace("east", "proxy", pair)
    assert not all_up(site)
    asked = len(site.requests(method="GET"))
    until(lambda: len(site.requests(method="GET")) > asked + 60, certdrop.log, seconds=40)  # twice, at least
    assert updates(site, forced=True) == updates(site) == ONCE


# ---- two controllers ----

class Second(Certdrop):
    """A controller with everything of its own."""

    def __init__(self, build, scratch):
        (scratch / "second").mkdir()
        super().__init__(build, scratch / "second")


@pytest.fixture
def two(certdrop, build, scratch, authority, active):
    """Two controllers with the same target and an etcd: (controllers, RedisEnterprise, Targets)."""
    site, targets = active
    second = Second(build, scratch)
    with Etcd(scratch, authority) as etcd:
        for controller in (certdrop, second):
            controller.configure([targets.target("east", "proxy", lease=etcd.lease(), **{"sync-deadline": "20s"})],
                                 **QUICK)
            controller.start()
        yield (certdrop, second), site, targets
        certdrop.stop()
        second.stop()
        second.assert_clean()


def stop_for(controller, seconds):
    """The controller and all of its workers, as they are."""
    processes = controller.processes()
    for process in processes:
        os.kill(process, signal.SIGSTOP)
    time.sleep(seconds)
    for process in processes:
        try:
            os.kill(process, signal.SIGCONT)
        except ProcessLookupError:
            pass


@pytest.mark.parametrize("seed", range(RUNS))
def test_two_controllers_one_of_them_stopped_update_once(two, seed):
    """One is stopped at some point of its work, for longer than its lease lasts."""
    controllers, site, targets = two
    chance = random.Random(seed)
    pair = targets.pair("east")
    for controller in controllers:
        drop(controller, "east-proxy", pair)
    victim = controllers[seed % 2]
    until(lambda: victim.receipt("east-proxy").get("state") in ("applying", "failed", "in-service"), victim.log)
    time.sleep(chance.uniform(0, 0.8))
    stop_for(victim, 3 * PATIENCE)
    for controller in controllers:
        controller.until_in_service("east-proxy", pair, seconds=60)
    until(lambda: all_up(site), lambda: str(site.links("carts", "east")))
    assert site.wanted("east", "proxy") == pair.fingerprint
    assert updates(site, forced=True) == updates(site) == ONCE, "\n".join(
        [str(event) for event in site.events() if event["event"].startswith("crdb")]
        + [controller.log() for controller in controllers])
