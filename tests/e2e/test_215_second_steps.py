"""The second step of a change, on other sites: taken in time, taken back, or taken up again after a crash."""
import pytest

from redis_enterprise import RedisEnterprise
from redis_targets import Targets, cluster_of, drop
from waiting import until

COPIES = ["west", "north"]
QUICK = {"retry-first": "100ms", "retry-cap": "1s"}


@pytest.fixture
def east(certdrop, scratch, authority):
    """A cluster "east" with a first certificate in service, and two that replicate from it."""
    clusters = [cluster_of(authority, name, nodes=1, databases=[{"uid": 1, "name": "orders"}])
                for name in ["east", *COPIES]]
    replicas = [{"source": ["east", 1], "destination": [name, 1]} for name in COPIES]
    with RedisEnterprise(scratch, {"clusters": clusters, "replicas": replicas}) as site:
        targets = Targets(scratch, authority, site)
        copies = [{**targets.access(name), "database": 1} for name in COPIES]
        certdrop.configure([targets.target("east", "proxy", replicas=copies,
                                           **{"sync-deadline": "20s", "gap-budget": "3s"})], **QUICK)
        certdrop.start()
        pair = targets.pair("east")
        drop(certdrop, "east-proxy", pair)
        certdrop.until_in_service("east-proxy", pair, seconds=40)
        site.forget()
        yield certdrop, site, targets, pair


def writes(site, cluster, path):
    return [r for r in site.requests(method="PUT", cluster=cluster)
            if r["path"].startswith(path) and "dry_run" not in r["query"]]


def drop_and_wait_for_the_upload(east):
    """The upload takes a second: what happens meanwhile comes after everything was prepared."""
    certdrop, site, targets, _ = east
    pair = targets.pair("east")
    site.fault("answer", cluster="east", method="PUT", path="/v1/cluster/*", delay_ms=1000, after=True, times=1)
    drop(certdrop, "east-proxy", pair)
    until(lambda: all(any("dry_run" in r["query"] for r in site.requests(method="PUT", cluster=name))
                      for name in COPIES), certdrop.log)
    until(lambda: certdrop.receipt("east-proxy").get("state") == "applying", certdrop.log)
    return pair


def latest(certdrop):
    return certdrop.json("history", "east-proxy")["passes"][0]


def test_what_cannot_be_finished_in_time_is_taken_back(east):
    certdrop, site, targets, first = east
    drop_and_wait_for_the_upload(east)
    site.fault("answer", cluster="north", method="PUT", path="/v1/bdbs/1", status=409, code="bdb_busy")
    receipt = certdrop.until_state("east-proxy", "rolled-back", seconds=40)
    assert "give the new certificate to" in receipt["reason"], receipt["reason"]
    assert receipt["gap_budget_ms"] == 3000
    site.heal()
    assert all(site.comes_in_sync(name, 1) for name in COPIES)
    assert {site.served("east", port) for port in targets.ports("east")} == {first.fingerprint}
    assert latest(certdrop)["outcome"] == "undone"


def test_a_second_step_that_a_crash_cut_off_is_taken_up_again(east):
    certdrop, site, targets, _ = east
    pair = drop_and_wait_for_the_upload(east)
    site.fault("answer", cluster="north", method="PUT", path="/v1/bdbs/1", delay_ms=60000)
    until(lambda: writes(site, "west", "/v1/bdbs/1"), certdrop.log)
    certdrop.kill()
    site.heal()
    certdrop.start()
    certdrop.until_in_service("east-proxy", pair, seconds=40)
    assert "is taken up again" in certdrop.log()
    assert all(site.comes_in_sync(name, 1) for name in COPIES)
    assert len(writes(site, "east", "/v1/cluster")) == 1, "the first step is not taken again"
    assert len(writes(site, "west", "/v1/bdbs/1")) == 1, "nor is what was done of the second"
    passes = certdrop.json("history", "east-proxy")["passes"]
    gap = next(one for one in passes if one["gap_ms"] is not None)
    assert gap["outcome"] == "applied" and gap["gap_budget_ms"] == 3000
    assert gap["gap_ms"] > 0
