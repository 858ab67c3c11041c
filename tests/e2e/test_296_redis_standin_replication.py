"""The stand-in for Redis Enterprise itself: how replication breaks, and what heals it."""
import pytest

from redis_enterprise import Load
from redis_sites import (active, cluster, force, new_source_certificate, refused, replica, start, task_ends, whole)
from waiting import until


# ---- Replica Of ----

def test_replication_breaks_until_the_destination_knows_the_new_certificate(replica, authority):
    """The old and the new certificate are of one authority, and still the old one does not do."""
    assert replica.replace("east", "proxy", whole(authority, "first.example.test"))[0] == 200
    first = replica.certificate("east", "proxy")[0]
    assert replica.source_status("west", 1) == ["out-of-sync"]
    sources = replica.rest("west", "GET", "/v1/bdbs/1")[1]["replica_sources"]
    sources[0]["server_cert"] = first
    assert replica.rest("west", "PUT", "/v1/bdbs/1", {"replica_sources": sources})[0] == 200
    assert replica.comes_in_sync("west", 1)
    second = whole(authority, "second.example.test")
    with Load(replica, "east", 1) as load:
        assert replica.replace("east", "proxy", second)[0] == 200
        assert replica.source_status("west", 1) == ["out-of-sync"]
        written = load.acknowledged
        until(lambda: load.acknowledged > written, "clients are cut off")
        error = replica.rest("west", "GET", "/v1/bdbs/1")[1]["replica_sources"][0]["last_error"]
        assert "certificate" in error
        status, bdb = replica.rest("west", "PUT", "/v1/bdbs/1", new_source_certificate(replica, second))
        assert (status, bdb["status"]) == (200, "active-change-pending")
        assert replica.comes_in_sync("west", 1)
    until(lambda: replica.redis("west", 1, "LLEN", "load") == str(load.acknowledged),
          lambda: f"{replica.redis('west', 1, 'LLEN', 'load')} of {load.acknowledged} writes arrived")
    assert len(replica.outages()) == 2
    assert not replica.events(event="full-resynchronisation")


def test_a_change_in_progress_is_a_conflict(replica, authority):
    replica.set(action_ms=300)
    change = {"replica_sources": replica.rest("west", "GET", "/v1/bdbs/1")[1]["replica_sources"]}
    status, bdb = replica.rest("west", "PUT", "/v1/bdbs/1", change)
    assert status == 200
    action = f"/v1/actions/{bdb['action_uid']}"
    assert replica.rest("west", "GET", action)[1]["status"] == "active"
    assert replica.rest("west", "PUT", "/v1/bdbs/1", change)[0] == 409
    until(lambda: replica.rest("west", "GET", action)[1]["status"] == "completed", "the action does not end")
    assert replica.rest("west", "PUT", "/v1/bdbs/1?dry_run", change)[0] == 200
    assert replica.rest("west", "GET", "/v1/bdbs/1")[1]["status"] == "active"


def test_what_was_masked_is_not_a_configuration(replica):
    """Written back, the masked password takes the source away: a syncer that cannot log in stops for good."""
    replica.do("set", cluster="west", settings={"mask_bdb_credentials": True})
    bdb = replica.rest("west", "GET", "/v1/bdbs/1")[1]
    assert bdb["replica_sources"][0]["uri"].split("@")[0] == "redis://admin:******"
    assert replica.rest("west", "PUT", "/v1/bdbs/1", {"replica_sources": bdb["replica_sources"]})[0] == 200
    until(lambda: replica.rest("west", "GET", "/v1/bdbs/1")[1]["replica_sync"] == "stopped", "it goes on")
    assert "authenticating" in replica.rest("west", "GET", "/v1/bdbs/1")[1]["replica_sources"][0]["last_error"]


def test_an_edit_can_start_from_the_beginning(replica, authority):
    replica.redis("east", 1, "SET", "before", "1")
    replica.fault("resync-on-edit", cluster="west")
    pair = whole(authority, "new.example.test")
    assert replica.replace("east", "proxy", pair)[0] == 200
    assert replica.rest("west", "PUT", "/v1/bdbs/1", new_source_certificate(replica, pair))[0] == 200
    until(lambda: replica.events(event="full-resynchronisation"), "nothing was resynchronised")
    assert replica.comes_in_sync("west", 1)
    assert replica.redis("west", 1, "GET", "before") == "1"


def test_a_source_that_asks_for_certificates_knows_the_old_syncer_only(start, authority):
    """Its list takes old and new side by side, so that there need not be a gap."""
    site = start(cluster("east", databases=[{"uid": 1, "name": "orders"}]),
                 cluster("west", databases=[{"uid": 1, "name": "copy"}]),
                 replicas=[{"source": ["east", 1], "destination": ["west", 1]}])
    old = {"client_cert": site.certificate("west", "syncer")[0]}
    enforced = {"enforce_client_authentication": "enabled", "authentication_ssl_client_certs": [old]}
    assert site.rest("east", "PUT", "/v1/bdbs/1", enforced)[0] == 200
    until(lambda: site.events(event="bdb-changed", cluster="east"), "the source is not changed")
    site.do("cut", cluster="west")
    assert site.comes_in_sync("west", 1)
    new = whole(authority, "syncer.example.test")
    assert site.replace("west", "syncer", new)[0] == 200
    until(lambda: "unknown ca" in site.rest("west", "GET", "/v1/bdbs/1")[1]["replica_sources"][0]["last_error"],
          "the new syncer certificate is not refused")
    assert site.source_status("west", 1) == ["out-of-sync"]
    both = {"authentication_ssl_client_certs": [old, {"client_cert": new.leaf.decode()}]}
    assert site.rest("east", "PUT", "/v1/bdbs/1", both)[0] == 200
    assert site.comes_in_sync("west", 1)
    until(lambda: site.rest("east", "GET", "/v1/bdbs/1")[1]["status"] == "active", "the source stays busy")
    twice = {"authentication_ssl_client_certs": [old, old]}
    status, error = site.rest("east", "PUT", "/v1/bdbs/1", twice)
    assert (status, error["error_code"]) == (406, "duplicated_certs")


def test_several_destinations_have_one_source(start, authority):
    names = ["one", "two", "three"]
    site = start(cluster("east", databases=[{"uid": 1, "name": "orders"}]),
                 *[cluster(name, nodes=1, databases=[{"uid": 1, "name": "copy"}]) for name in names],
                 replicas=[{"source": ["east", 1], "destination": [name, 1]} for name in names])
    pair = whole(authority, "new.example.test")
    with Load(site, "east", 1) as load:
        assert site.replace("east", "proxy", pair)[0] == 200
        for name in names:
            assert site.rest(name, "PUT", "/v1/bdbs/1", new_source_certificate(site, pair, name))[0] == 200
        assert all(site.comes_in_sync(name, 1) for name in names)
    until(lambda: {site.redis(name, 1, "LLEN", "load") for name in names} == {str(load.acknowledged)},
          "writes are lost")
    assert len(site.outages()) == 3


def test_each_source_of_a_destination_stands_alone(start, authority):
    site = start(cluster("east", nodes=1, databases=[{"uid": 1, "name": "orders"}]),
                 cluster("north", nodes=1, databases=[{"uid": 1, "name": "items"}]),
                 cluster("west", nodes=1, databases=[{"uid": 1, "name": "copy"}]),
                 replicas=[{"source": [name, 1], "destination": ["west", 1]} for name in ("east", "north")])
    pair = whole(authority, "new.example.test")
    assert site.replace("north", "proxy", pair)[0] == 200
    assert site.source_status("west", 1) == ["in-sync", "out-of-sync"]
    sources = site.rest("west", "GET", "/v1/bdbs/1")[1]["replica_sources"]
    assert [source["uid"] for source in sources] == [1, 2]
    sources[1]["server_cert"] = pair.fullchain.decode()
    assert site.rest("west", "PUT", "/v1/bdbs/1", {"replica_sources": sources})[0] == 200
    assert site.comes_in_sync("west", 1)
    assert [event["source"] for event in site.events(event="replication-down")] == [2]
    until(lambda: site.rest("west", "GET", "/v1/bdbs/1")[1]["status"] == "active", "it stays busy")
    assert site.rest("west", "PUT", "/v1/bdbs/1", {"replica_sources": sources[1:]})[0] == 200
    until(lambda: site.source_status("west", 1) == ["in-sync"], "the array is not replaced as a whole")


def test_a_full_backlog_means_to_start_again(start, authority):
    site = start(cluster("east", nodes=1, databases=[{"uid": 1, "name": "orders", "repl_backlog_size": 16384}]),
                 cluster("west", nodes=1, databases=[{"uid": 1, "name": "copy"}]),
                 replicas=[{"source": ["east", 1], "destination": ["west", 1]}])
    pair = whole(authority, "new.example.test")
    assert site.replace("east", "proxy", pair)[0] == 200
    for key in range(40):
        site.redis("east", 1, "SET", key, "x" * 1000)
    assert site.rest("west", "PUT", "/v1/bdbs/1", new_source_certificate(site, pair))[0] == 200
    assert site.comes_in_sync("west", 1)
    assert site.redis("west", 1, "DBSIZE") == "40"
    assert "sync_full:2" in site.redis("east", 1, "INFO", "stats")


# ---- Active-Active ----

@pytest.mark.parametrize("slot, broken", [
    ("proxy", {("west", "east"), ("north", "east")}),
    ("syncer", {("west", "east"), ("north", "east"), ("east", "west"), ("east", "north")})])
def test_links_break_until_the_crdb_is_forced(active, authority, slot, broken):
    for name in ("east", "west", "north"):
        active.redis(name, 1, "INCR", "before")
    assert active.replace("east", slot, whole(authority, "new.example.test"))[0] == 200
    expected = {(active.fqdn(near), active.fqdn(far)) for near, far in broken}

    def down():
        return {link for link, state in active.links("carts", "west").items() if state == "down"}
    for near in {near for near, _ in broken}:
        refusals = sum(one == near for one, _ in broken)
        until(lambda: refused(active, near) == refusals, lambda: f"{near}: {refused(active, near)}")
    assert down() == expected
    for name in ("east", "west", "north"):
        active.redis(name, 1, "INCR", "meanwhile")
    assert task_ends(active, force(active)) == "finished"
    assert active.links_come_up("carts", "west")
    assert down() == set()
    until(lambda: all(active.redis(name, 1, "GET", key) == "3" for name in ("east", "west", "north")
                      for key in ("before", "meanwhile")), "writes are lost")
    report = active.rest("north", "GET", f"/v1/crdbs/{active.guid('carts')}/health_report")[1]
    assert {one["active_config_version"] for one in report} == {2}
    assert {one["configurations"][0]["status"] for one in report} == {"commit-completed"}


def test_an_update_without_force_changes_nothing(active, authority):
    assert active.replace("east", "proxy", whole(authority, "new.example.test"))[0] == 200
    task = active.rest("east", "PATCH", f"/v1/crdbs/{active.guid('carts')}", {})[1]["id"]
    assert task_ends(active, task) == "finished"
    report = active.rest("east", "GET", f"/v1/crdbs/{active.guid('carts')}/health_report")[1]
    assert {one["active_config_version"] for one in report} == {1}
    until(lambda: refused(active, "west") == 1, lambda: str(active.links("carts", "east")))
    assert [entry["forced"] for entry in active.events(event="crdb-update")] == [False]


def test_a_task_can_be_stuck_and_fail(active):
    number = active.fault("stuck-task", crdb=active.guid("carts"))
    task = force(active)
    path = f"/v1/crdb_tasks/{task}"
    until(lambda: active.rest("east", "GET", path)[1]["status"] == "started", "it does not start")
    assert [one["id"] for one in active.rest("east", "GET", "/v1/crdb_tasks")[1]] == [task]
    active.heal(number)
    assert task_ends(active, task) == "finished"
    active.fault("failed-task", times=1)
    assert task_ends(active, force(active)) == "failed"
    for node in (1, 2):
        active.do("node-down", cluster="north", node=node)
    task = force(active)
    assert task_ends(active, task) == "failed"
    errors = active.rest("east", "GET", f"/v1/crdb_tasks/{task}")[1]["errors"]
    assert errors[0]["cluster_name"] == active.fqdn("north")
    report = active.rest("east", "GET", f"/v1/crdbs/{active.guid('carts')}/health_report")[1]
    assert [one["connection_error"] for one in report][2]


def test_two_updates_are_made_one_after_the_other(active):
    active.set(task_ms=200)
    tasks = [force(active), force(active, "west")]
    states = [active.rest(name, "GET", f"/v1/crdb_tasks/{task}")[1]["status"]
              for name, task in zip(("east", "west"), tasks)]
    assert states[1] == "queued"
    path = f"/v1/crdb_tasks/{tasks[1]}/actions/cancel"
    assert active.rest("west", "POST", path)[1]["status"] == "failed"
    assert active.rest("west", "POST", path)[0] == 406
    tasks.append(force(active, "north"))
    assert task_ends(active, tasks[2], "north") == "finished"
    first, third = active.events(event="crdb-updated")
    assert (first["task"], third["task"]) == (tasks[0], tasks[2])
    assert third["at"] - first["at"] >= 0.2
    report = active.rest("east", "GET", f"/v1/crdbs/{active.guid('carts')}/health_report")[1]
    assert {one["active_config_version"] for one in report} == {3}


def test_a_finished_task_is_forgotten(active):
    task = force(active, headers={"x-task-id": "mine", "x-result-ttl": "1"})
    assert task == "mine"
    assert task_ends(active, task) == "finished"
    until(lambda: active.rest("east", "GET", "/v1/crdb_tasks/mine")[0] == 404, "it is remembered")
