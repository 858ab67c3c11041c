"""Redis Enterprise: what answers in the cluster's place is not taken for a cluster that has nothing."""
import pytest

from redis_enterprise import RedisEnterprise
from redis_targets import Targets, cluster_of, drop, thorough
from waiting import until

QUICK = {"retry-first": "100ms", "retry-cap": "1s", "check": "1s"}
PAGE = "<html>be right back</html>"


@pytest.fixture
def active(scratch, authority):
    """Two clusters that share a database: (RedisEnterprise, Targets)."""
    names = ["east", "west"]
    clusters = [cluster_of(authority, name, nodes=2 if name == "east" else 1) for name in names]
    with RedisEnterprise(scratch, {"clusters": clusters, "crdbs": [{"name": "carts", "clusters": names}]}) as site:
        yield site, Targets(scratch, authority, site)


@pytest.fixture
def start(certdrop, active, scratch):
    """Starts certdrop with one target that is in service: (certdrop, RedisEnterprise, Targets)."""
    site, targets = active
    certdrop.configure([targets.target("east", "proxy", lease={"store": "local", "directory": scratch / "leases"},
                                       **{"probe-deadline": "2s", "sync-deadline": "20s"})], **QUICK)
    certdrop.start()
    drop(certdrop, "east-proxy", targets.pair("east"))
    until(lambda: certdrop.receipt("east-proxy").get("state") == "in-service", certdrop.log, seconds=40)
    drop(certdrop, "east-proxy", pair := targets.pair("east"))
    certdrop.until_in_service("east-proxy", pair, seconds=40)
    return certdrop, site, targets, pair


def answer(site, path, text):
    site.forget()
    return site.fault("answer", cluster="east", method="GET", path=path, status=200, form="text", text=text, times=10000)


STRANGE = [("/v1/nodes", "[]"), ("/v1/cluster", "{}"), ("/v1/crdbs", PAGE)]
MORE = [("/v1/nodes", '[{"uid": 1, "software_version": "nonsense"}]'), ("/v1/nodes", PAGE), ("/v1/cluster", ""),
        ("/v1/crdbs", "{}")]


@pytest.mark.parametrize("path, text", STRANGE + [pytest.param(*more, marks=thorough) for more in MORE])
def test_nothing_is_changed_for_its_sake(start, path, text):
    """Neither while nothing is wanted, nor when something was dropped; and it goes on once the cluster answers."""
    certdrop, site, targets, pair = start
    fault = answer(site, path, text)
    until(lambda: len(site.requests(method="GET", path=path)) > 2, certdrop.log, seconds=40)
    drop(certdrop, "east-proxy", new := targets.pair("east"))
    certdrop.until_state("east-proxy", "failed", seconds=40, where=lambda receipt: "answers" in receipt["reason"] and
                         receipt["fingerprint"] == new.fingerprint)
    assert not site.requests(method="PUT") and not site.requests(method="POST")
    assert site.wanted("east", "proxy") == pair.fingerprint
    site.heal(fault)
    certdrop.until_in_service("east-proxy", new, seconds=40)
    assert site.wanted("east", "proxy") == new.fingerprint
    assert len(site.events(event="crdb-update")) == 1


def test_a_node_that_is_down_is_named_and_nothing_is_sent_again(start):
    certdrop, site, _, pair = start
    site.forget()
    site.do("node-down", cluster="east", node=2)
    until(lambda: certdrop.receipt("east-proxy").get("state") == "failed", certdrop.log, seconds=60)
    assert site.address("east", 2) in certdrop.receipt("east-proxy")["reason"]
    assert not site.requests(method="PUT")
    site.do("node-up", cluster="east", node=2)
    certdrop.until_in_service("east-proxy", pair, seconds=60)
    assert not site.requests(method="PUT")
