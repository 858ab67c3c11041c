"""The stand-in for Redis Enterprise itself: what certdrop's tests rely on, and what they could be fooled by."""
import http.client
import json
import os
import pathlib
import shutil
import tempfile
import time

import pytest

from certificates import pem_of
from nginx import handshake
from redis_enterprise import ADMIN, Load, RedisEnterprise, client, exchange, unverified
from waiting import until

VIEWER = {"email": "viewer@example.test", "password": "battery staple", "role": "cluster_viewer"}
MEMBER = {"email": "member@example.test", "password": "staple battery", "role": "cluster_member"}
OLDEST, OLD, MIDDLE, NEW = "6.0.20-80", "7.8.6-13", "7.22.2-14", "8.2.0-25"


def cluster(name, **more):
    return {"name": name, "users": [ADMIN, VIEWER, MEMBER], **more}


@pytest.fixture
def start(scratch):
    """Starts a site of its own with the description given, and stops it when the test is over."""
    sites = []

    def started(*clusters, **more):
        sites.append(RedisEnterprise(scratch, {"clusters": list(clusters), **more}))
        return sites[-1].start()
    yield started
    for site in sites:
        site.stop()


@pytest.fixture(scope="module")
def shared():
    directory = tempfile.mkdtemp(prefix="certdrop-", dir="/tmp")
    with RedisEnterprise(directory, {"clusters": [cluster("east", databases=[{"uid": 1, "name": "orders"}])]}) as site:
        yield site
    shutil.rmtree(directory)


@pytest.fixture
def one(shared):
    """One cluster of three nodes. Another test has had it before: its certificates are any."""
    yield shared
    shared.heal()
    shared.forget()
    shared.set(round_trip_ms=0)
    shared.do("set", cluster="east", settings={"handle_redirects": False})
    shared.do("lead", cluster="east", node=1)


@pytest.fixture
def replica(start):
    return start(cluster("east", databases=[{"uid": 1, "name": "orders"}]),
                 cluster("west", databases=[{"uid": 1, "name": "copy"}]),
                 replicas=[{"source": ["east", 1], "destination": ["west", 1]}])


def entry(name, pair, root=b""):
    return {"name": name, "certificate": (pair.fullchain + root).decode(), "key": pair.key.decode()}


# ---- one cluster ----

def test_every_replaced_certificate_is_served_on_every_node(one, authority):
    ports = {"api": 9443, "cm": 8443, "metrics_exporter": 8070, "proxy": 12001}
    pairs = {name: authority.issue(f"{name}.example.test") for name in ports}
    body = {"certificates": [entry(name, pair) for name, pair in pairs.items()]}
    assert one.rest("east", "PUT", "/v1/cluster/certificates", body)[0] == 200
    for name, port in ports.items():
        assert {one.served("east", port, node) for node in (1, 2, 3)} == {pairs[name].fingerprint}
    shown = one.rest("east", "GET", "/v1/cluster")[1]
    assert shown["proxy_certificate"] == pairs["proxy"].fullchain.decode()
    listed = one.rest("east", "GET", "/v1/cluster/certificates")[1]
    assert listed["api_key"] == pairs["api"].key.decode()


@pytest.mark.parametrize("version, status", [(OLDEST, 405), (OLD, 405), (MIDDLE, 200), (NEW, 200)])
def test_only_newer_versions_have_the_array(start, authority, version, status):
    site = start(cluster("east", version=version, nodes=1))
    whole = entry("cm", authority.issue("cm.example.test"), pem_of(authority.root))
    assert site.rest("east", "PUT", "/v1/cluster/certificates", {"certificates": [whole]})[0] == status
    assert site.rest("east", "PUT", "/v1/cluster/update_cert", whole)[0] == 200
    assert site.rest("east", "GET", "/v1/nodes")[1][0]["software_version"] == version


def test_a_bad_upload_gets_its_status_and_changes_nothing(one, authority):
    good, other = authority.issue("a.example.test"), authority.issue("b.example.test")
    before = one.wanted("east", "proxy")
    cases = {
        403: {**entry("proxy", good), "name": "proxies"},
        400: {**entry("proxy", good), "key": other.key.decode()},
        406: entry("proxy", authority.issue("old.example.test", starts_in_days=-30, days=10)),
    }
    for status, wrong in cases.items():
        for path, body in (("update_cert", wrong),
                           ("certificates", {"certificates": [entry("cm", good), wrong]})):
            assert one.rest("east", "PUT", f"/v1/cluster/{path}", body)[0] == status
    bag = {**entry("proxy", good), "certificate": "Bag Attributes\n" + good.fullchain.decode()}
    assert one.rest("east", "PUT", "/v1/cluster/update_cert", bag)[0] == 400
    assert one.wanted("east", "proxy") == before == one.served("east", 12001)
    assert one.wanted("east", "cm") != good.fingerprint


def test_a_database_can_have_a_certificate_of_its_own(start, authority):
    site = start(cluster("east", version=NEW, databases=[{"uid": 1, "name": "orders"}]))
    own, proxy = whole(authority, "own.example.test"), whole(authority, "proxy.example.test")
    body = {"cert": own.fullchain.decode(), "private_key": own.key.decode()}
    assert site.rest("east", "POST", "/v1/bdbs/1/certificates?dry_run", body) == (200, {})
    assert site.rest("east", "POST", "/v1/bdbs/1/certificates", body)[0] == 200
    assert site.rest("east", "GET", "/v1/bdbs/1/certificates")[1]["cert"] == body["cert"]
    assert site.replace("east", "proxy", proxy)[0] == 200
    assert {site.served("east", 12001, node) for node in (1, 2, 3)} == {own.fingerprint}
    assert site.rest("east", "DELETE", "/v1/bdbs/1/certificates")[0] == 200
    assert {site.served("east", 12001, node) for node in (1, 2, 3)} == {proxy.fingerprint}


@pytest.mark.parametrize("body", [
    b"{", b"[]", b'"proxy"', b'{"certificates": "proxy"}', b'{"certificates": ["proxy"]}',
    b'{"certificates": [{"name": ["proxy"], "certificate": "", "key": ""}]}',
    b'{"certificates": [{"name": "proxy", "certificate": 1, "key": 2}]}',
    b'{"certificates": [], "more": 1}', b"\xff"])
def test_a_body_of_another_shape_is_refused(one, body):
    assert one.rest_raw("east", "PUT", "/v1/cluster/certificates", body).status in (400, 403)
    assert one.rest_raw("east", "PUT", "/v1/cluster/update_cert", body).status in (400, 403)
    assert one.rest_raw("east", "PUT", "/v1/bdbs/1", body).status in (400, 406)


def test_the_newest_version_wants_the_root(start, authority):
    site = start(cluster("east", version=NEW, nodes=1))
    pair = authority.issue("a.example.test")
    status, error = site.replace("east", "proxy", pair)
    assert (status, error["error_code"]) == (400, "CERTIFICATE_VERIFY_FAILED")
    whole = entry("proxy", pair, pem_of(authority.root))
    assert site.rest("east", "PUT", "/v1/cluster/update_cert", whole)[0] == 200


def test_another_node_redirects_to_the_internal_address_of_the_leader(one):
    answer = one.rest_raw("east", "GET", "/v1/cluster?fields=name", node=2)
    internal = one.cluster("east")["nodes"][0]["internal"]
    assert answer.status == 307
    assert answer.getheader("location") == f"https://{internal}:9443/v1/cluster?fields=name"
    one.do("set", cluster="east", settings={"handle_redirects": True})
    assert one.rest("east", "GET", "/v1/cluster?fields=name", node=2) == (200, {"name": one.fqdn("east")})
    one.do("lead", cluster="east", node=2)
    roles = one.rest("east", "GET", "/v1/nodes/status", node=2)[1]
    assert [roles[uid]["role"] for uid in "123"] == ["slave", "master", "slave"]


def test_each_node_tells_how_long_its_certificates_last(one):
    connection = http.client.HTTPSConnection(one.address("east", 2), 8070, timeout=10, context=unverified())
    connection.request("GET", "/v2")
    lines = connection.getresponse().read().decode().splitlines()
    label = 'node_cert_expires_in_seconds{logical_name="syncer",node="2",path="/etc/opt/redislabs/syncer_cert.pem"}'
    assert [line.split()[0] for line in lines if "syncer" in line] == [label]


def test_basic_can_be_switched_off_in_the_newest_version(start):
    off = {"control_plane_basic_authentication": False}
    site = start(cluster("east", nodes=1, version=NEW), cluster("west", nodes=1))
    assert site.rest("east", "PUT", "/v1/cluster", off)[0] == 200
    assert site.rest("east", "GET", "/v1/cluster")[0] == 401
    assert site.run("east", "rladmin", "status").returncode == 0
    assert site.rest("west", "PUT", "/v1/cluster", off)[0] == 406


def test_a_role_without_the_permission_is_refused(one, authority):
    pair = authority.issue("a.example.test")
    assert one.replace("east", "proxy", pair, user=VIEWER)[0] == 403
    assert one.replace("east", "proxy", pair, user=MEMBER)[0] == 403
    assert one.rest("east", "GET", "/v1/cluster", user=VIEWER)[0] == 200
    assert one.rest("east", "PUT", "/v1/bdbs/1", {"name": "renamed"}, user=VIEWER)[0] == 403


def test_five_wrong_passwords_lock_the_account(one):
    wrong = {**ADMIN, "password": "guess"}
    for _ in range(4):
        assert one.rest("east", "GET", "/v1/cluster", user=wrong)[0] == 401
    assert one.rest("east", "GET", "/v1/cluster")[0] == 200
    for _ in range(5):
        assert one.rest("east", "GET", "/v1/cluster", user=wrong)[0] == 401
    assert one.rest("east", "GET", "/v1/cluster")[0] == 401
    assert one.rest("east", "GET", "/v1/cluster", user=VIEWER)[0] == 200
    one.do("unlock", cluster="east", user=ADMIN["email"])
    assert one.rest("east", "GET", "/v1/cluster")[0] == 200


def test_a_bearer_token_is_a_login(one):
    token = one.rest("east", "POST", "/v1/users/authorize", {"ttl": 60})[1]["access_token"]
    bearer = {"authorization": f"Bearer {token}"}
    assert one.rest("east", "GET", "/v1/cluster", user=None, headers=bearer)[0] == 200
    assert one.rest("east", "GET", "/v1/cluster", user=None, headers={"authorization": "Bearer x"})[0] == 401


def test_a_client_certificate_is_a_login(start, scratch, authority):
    robot = authority.issue("robot.example.test")
    (scratch / "robot.crt").write_bytes(robot.fullchain)
    (scratch / "robot.key").write_bytes(robot.key)
    users = [ADMIN, {"email": "robot@example.test", "certificate_subject_line": "CN=robot.example.test"}]
    site = start(cluster("east", nodes=1, users=users, settings={"mtls_certificate_authentication": True}))
    pair = (scratch / "robot.crt", scratch / "robot.key")
    assert site.rest("east", "GET", "/v1/cluster", user=None, pair=pair)[0] == 401
    trusted = {"name": "mtls_trusted_ca", "certificate": pem_of(authority.root).decode()}
    assert site.rest("east", "PUT", "/v1/cluster/certificates", {"certificates": [trusted]})[0] == 200
    assert site.rest("east", "GET", "/v1/cluster", user=None, pair=pair)[0] == 200


# ---- Replica Of ----

def new_source_certificate(site, pair, cluster="west", bdb=1):
    """What the second step sends: every source, complete, with the new certificate."""
    sources = site.rest(cluster, "GET", f"/v1/bdbs/{bdb}")[1]["replica_sources"]
    for source in sources:
        source["server_cert"] = pair.fullchain.decode()
    return {"replica_sources": sources}


def whole(authority, name):
    """A pair whose chain goes up to the root."""
    pair = authority.issue(name)
    pair.fullchain += pem_of(authority.root)
    return pair


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

@pytest.fixture
def active(start):
    return start(*[cluster(name, nodes=2) for name in ("east", "west", "north")],
                 crdbs=[{"name": "carts", "clusters": ["east", "west", "north"]}])


def force(site, name="east", crdb="carts", **more):
    status, task = site.rest(name, "POST", f"/v1/crdbs/{site.guid(crdb)}/updates", {"force_update": True}, **more)
    assert status == 200
    return task["id"]


def task_ends(site, task, name="east"):
    path = f"/v1/crdb_tasks/{task}"
    return until(lambda: site.rest(name, "GET", path)[1]["status"] in ("finished", "failed")
                 and site.rest(name, "GET", path)[1]["status"], "the task does not end")


def refused(site, name):
    """How many links of a cluster have been tried again, and refused for the certificate."""
    sources = site.rest(name, "GET", "/v1/bdbs/1")[1]["crdt_sources"]
    return sum("certificate" in source["last_error"] or "unknown ca" in source["last_error"] for source in sources)


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
    assert task_ends(active, tasks[0]) == "finished"
    assert task_ends(active, force(active)) == "finished"
    report = active.rest("east", "GET", f"/v1/crdbs/{active.guid('carts')}/health_report")[1]
    assert {one["active_config_version"] for one in report} == {3}


def test_a_finished_task_is_forgotten(active):
    task = force(active, headers={"x-task-id": "mine", "x-result-ttl": "1"})
    assert task == "mine"
    assert task_ends(active, task) == "finished"
    until(lambda: active.rest("east", "GET", "/v1/crdb_tasks/mine")[0] == 404, "it is remembered")


# ---- what goes wrong ----

def test_old_workers_show_the_old_certificate_for_a_while(start, authority):
    site = start(cluster("east", version=OLD, databases=[{"uid": 1, "name": "orders"}],
                         behaviour={"old_worker_ms": 1000}))
    old, new = site.wanted("east", "proxy"), authority.issue("new.example.test")
    assert site.replace("east", "proxy", new)[0] == 200
    assert [site.served("east", 12001) for _ in range(4)] == [new.fingerprint, old] * 2
    until(lambda: {site.served("east", 12001) for _ in range(4)} == {new.fingerprint}, "old workers stay")


def test_a_node_can_miss_a_change_and_an_upgrade_can_undo_it(start, authority):
    one = start(cluster("east", databases=[{"uid": 1, "name": "orders"}]))
    old, new = one.wanted("east", "proxy"), authority.issue("new.example.test")
    one.do("keep", cluster="east", node=1)
    status, error = one.replace("east", "proxy", new)
    assert status == 409 and error["description"] == "not all nodes have been updated"
    assert [one.served("east", 12001, node) for node in (1, 2, 3)] == [old, new.fingerprint, new.fingerprint]
    one.fault("skipped-node-is-not-told")
    assert one.replace("east", "proxy", new)[0] == 200
    assert one.served("east", 12001, 1) == old
    one.do("upgrade", cluster="east", software_version=NEW, ms=300)
    assert one.rest("east", "GET", "/v1/cluster?fields=upgrade_in_progress")[1]["upgrade_in_progress"]
    versions = [node["software_version"] for node in one.rest("east", "GET", "/v1/nodes")[1]]
    assert versions[0] == NEW and versions[2] == MIDDLE
    until(lambda: not one.rest("east", "GET", "/v1/cluster")[1]["upgrade_in_progress"], "the upgrade does not end")
    assert {one.served("east", 12001, node) for node in (1, 2, 3)} == {old}
    assert one.rest("east", "GET", "/v1/nodes/2")[1]["software_version"] == NEW


def test_a_request_can_be_answered_with_an_error(one, authority):
    pair = authority.issue("new.example.test")
    one.fault("answer", path="/v1/cluster/*", method="PUT", status=500, form="text", times=1)
    one.fault("answer", path="/v1/cluster/*", method="PUT", status=503, form="empty", times=1)
    assert one.rest_raw("east", "PUT", "/v1/cluster/update_cert", entry("cm", pair)).body == b"upstream connect error"
    assert one.replace("east", "cm", pair) == (503, None)
    assert one.served("east", 8443) != pair.fingerprint
    one.fault("answer", path="/v1/cluster/update_cert", drop=True, after=True, times=1)
    with pytest.raises(ConnectionError):
        one.replace("east", "cm", pair)
    assert one.served("east", 8443) == pair.fingerprint
    assert one.replace("east", "cm", pair)[0] == 200
    statuses = [request["status"] for request in one.requests(method="PUT")]
    assert statuses == [500, 503, None, 200]


def test_a_round_trip_takes_its_time(one):
    one.set(round_trip_ms=50)
    before = time.monotonic()
    assert one.rest("east", "GET", "/v1/cluster")[0] == 200
    assert time.monotonic() - before >= 0.15


def test_a_node_without_power_is_gone(one):
    one.do("node-down", cluster="east", node=2)
    assert one.served("east", 9443, 2) is one.served("east", 12001, 2) is None
    assert one.rest("east", "GET", "/v1/nodes/status")[1]["2"]["node_status"] == "down"
    one.do("node-up", cluster="east", node=2)
    assert one.served("east", 12001, 2) == one.wanted("east", "proxy")


@pytest.mark.parametrize("after", [False, True])
def test_a_node_can_lose_its_power_in_the_middle_of_a_request(start, authority, after):
    site = start(cluster("east"))
    old, new = site.wanted("east", "cm"), authority.issue("new.example.test")
    site.fault("answer", method="PUT", power=True, after=after)
    with pytest.raises(ConnectionError):
        site.replace("east", "cm", new)
    assert site.served("east", 8443, 1) is None
    assert {site.served("east", 8443, node) for node in (2, 3)} == {new.fingerprint if after else old}
    assert site.rest("east", "GET", "/v1/nodes/status", node=2)[1]["2"]["role"] == "master"
    site.heal()
    site.do("node-up", cluster="east", node=1)
    assert site.rest_raw("east", "GET", "/v1/cluster", node=1).status == 307
    assert site.replace("east", "cm", new, node=2)[0] == 200
    assert {site.served("east", 8443, node) for node in (1, 2, 3)} == {new.fingerprint}


def test_the_record_has_no_secrets(replica, authority):
    pair = authority.issue("new.example.test")
    assert replica.replace("east", "proxy", pair)[0] == 200
    assert replica.rest("west", "PUT", "/v1/bdbs/1", new_source_certificate(replica, pair))[0] == 200
    uri = replica.rest("west", "GET", "/v1/bdbs/1")[1]["replica_sources"][0]["uri"]
    put, = replica.requests(method="PUT", path="/v1/cluster/update_cert")
    assert put["body"]["certificates"][0]["certificate"][0] == pair.fingerprint
    assert put["user"] == ADMIN["email"]
    changed, = replica.requests(method="PUT", path="/v1/bdbs/1")
    assert changed["body"]["replica_sources"][0]["server_cert"][0] == pair.fingerprint
    text = json.dumps([replica.requests(), replica.events()])
    password = uri.split(":")[2].split("@")[0]
    for secret in (ADMIN["password"], password, "PRIVATE KEY", "authorization"):
        assert secret not in text


@pytest.mark.parametrize("version, cut", [(OLDEST, True), (MIDDLE, False)])
def test_a_new_syncer_cuts_clients_off_in_the_oldest_version(start, authority, version, cut):
    site = start(cluster("east", version=version, nodes=1, databases=[{"uid": 1, "name": "orders"}]))
    with client(site.address("east"), 12001) as stream:
        assert exchange(stream, "PING") == "PONG"
        assert site.replace("east", "syncer", authority.issue("new.example.test"))[0] == 200
        if cut:
            with pytest.raises(OSError):
                exchange(stream, "PING")
        else:
            assert exchange(stream, "PING") == "PONG"


def test_the_api_can_be_gone_after_a_change(start, authority):
    site = start(cluster("east", nodes=2))
    site.fault("api-restarts")
    old = http.client.HTTPSConnection(site.address("east"), 9443, timeout=10, context=unverified())
    old.connect()
    assert site.replace("east", "api", authority.issue("api.example.test"))[0] == 200
    until(lambda: gone(old), "the connection of before is still there")
    site.fault("internode-silence", ms=300)
    rsa = authority.issue("ccs.example.test", kind="rsa")
    assert site.replace("east", "ccs_internode_encryption", rsa)[0] == 200
    until(lambda: site.served("east", 9443) is None, "9443 still answers")
    until(lambda: site.served("east", 9443), "9443 does not come back")
    assert site.served("east", 8443)


def gone(connection):
    try:
        connection.request("GET", "/v1/bootstrap")
        return not connection.getresponse().read()
    except OSError:
        return True


def test_an_internal_address_can_be_out_of_reach(start):
    site = start(cluster("east", nodes=2, internal_reachable=False))
    internal = site.cluster("east")["nodes"][0]["internal"]
    assert site.rest_raw("east", "GET", "/v1/nodes", node=2).getheader("location").startswith(f"https://{internal}:")
    assert handshake(9443, internal) is None
    assert site.served("east", 9443)


def test_somebody_else_changes_things(replica, authority):
    old, pair = replica.wanted("east", "proxy"), authority.issue("manual.example.test")
    replica.do("replace", cluster="east", certificates={
        "proxy": {"certificate": pair.fullchain.decode(), "key": pair.key.decode()}})
    assert replica.served("east", 12001) == pair.fingerprint != old
    replica.do("revert", cluster="east", name="ccs_internode_encryption")
    replica.do("busy", cluster="west", bdb=1, ms=200)
    assert replica.rest("west", "PUT", "/v1/bdbs/1", {"name": "renamed"})[0] == 409
    until(lambda: replica.rest("west", "PUT", "/v1/bdbs/1", {"name": "renamed"})[0] == 200, "it stays busy")
    replica.do("stop-sync", cluster="west", bdb=1, error="the syncer exited with code 4")
    bdb = replica.rest("west", "GET", "/v1/bdbs/1")[1]
    assert bdb["replica_sync"] == "stopped"
    assert bdb["replica_sources"][0]["last_error"] == "the syncer exited with code 4"


def test_expired_certificates_keep_an_old_version_from_updating(start, authority):
    pair = authority.issue("old.example.test", starts_in_days=-30, days=10)
    ends = {"certificate": pair.fullchain.decode(), "key": pair.key.decode()}
    for version, ending in ((OLDEST, "failed"), (OLD, "finished")):
        site = start(*[cluster(name, nodes=1, version=version)
                       for name in ("east", "west")], crdbs=[{"name": "carts", "clusters": ["east", "west"]}])
        site.do("replace", cluster="east", certificates={"proxy": ends})
        site.do("crdb-update", cluster="east", crdb="carts", forced=True)
        until(lambda: [task["status"] for task in site.rest("east", "GET", "/v1/crdb_tasks")[1]] == ["finished"], "")
        assert task_ends(site, force(site)) == ending


def test_nothing_survives_the_stand_in(scratch):
    site = RedisEnterprise(scratch, {"clusters": [cluster("east", databases=[{"uid": 1, "name": "orders"}])]})
    site.start()
    assert len(processes(site)) == 1
    site.kill()
    until(lambda: not processes(site), lambda: str(processes(site)))


def processes(site):
    """All processes that work below the site's directory."""
    return [path for path in pathlib.Path("/proc").glob("[0-9]*") if works_below(path, site.directory)]


def works_below(process, directory):
    try:
        return os.readlink(process / "cwd").startswith(str(directory))
    except OSError:
        return False


# ---- the tools ----

def test_rladmin_installs_a_certificate(one, scratch, authority):
    pair = authority.issue("new.example.test")
    certificate, key = scratch / "new.pem", scratch / "key.pem"
    certificate.write_bytes(pair.fullchain)
    key.write_bytes(pair.key)
    words = ["cluster", "certificate", "set", "proxy", "certificate_file", str(certificate)]
    assert "key_values_mismatch" not in one.run("east", "rladmin", *words).stdout
    assert one.served("east", 12001) != pair.fingerprint
    done = one.run("east", "rladmin", *words, "key_file", str(key), node=3)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (f"Set proxy certificate to contents of file {certificate}\n"
                           f"Set proxy key to contents of file {key}\n")
    assert one.served("east", 12001, 2) == pair.fingerprint
    again = one.run("east", "rladmin", *words)
    assert again.stdout == f"Set proxy certificate to contents of file {certificate}\n"


def test_rladmin_fails_with_an_error(one, scratch, authority):
    wrong = scratch / "wrong.pem"
    wrong.write_text("not a certificate")
    words = ["cluster", "certificate", "set", "proxy", "certificate_file", str(wrong)]
    failed = one.run("east", "rladmin", *words)
    assert failed.returncode == 1 and failed.stdout == "" and "ERROR" in failed.stderr
    one.fault("tools-exit-0")
    assert one.run("east", "rladmin", *words).returncode == 0
    one.do("node-down", cluster="east", node=2)
    assert one.run("east", "rladmin", *words, node=2).returncode == 1
    one.do("node-up", cluster="east", node=2)


def test_rladmin_shows_the_status(one):
    status = one.run("east", "rladmin", "status", "extra", "all", node=3).stdout
    assert "OK. Cluster master: 1 (127." in status
    assert [line for line in status.splitlines() if line.startswith("*node:3") and " 7.22.2-14 " in line]
    assert "    login_lockout_threshold: 5\n" in one.run("east", "rladmin", "info", "cluster").stdout


def test_crdb_cli_forces_an_update(active, authority):
    listed = active.run("east", "crdb-cli", "crdb", "list").stdout.splitlines()
    assert listed[0].split() == ["CRDB-GUID", "NAME", "REPL-ID", "CLUSTER-FQDN"]
    assert listed[1].split() == [active.guid("carts"), "carts", "1", active.fqdn("east")]
    assert active.replace("east", "proxy", whole(authority, "new.example.test"))[0] == 200
    words = ["crdb", "update", "--crdb-guid", active.guid("carts"), "--force"]
    done = active.run("north", "crdb-cli", *words)
    task = done.stdout.split()[1]
    assert done.returncode == 0
    assert done.stdout == (f"Task {task} created\n  ---> Status changed: queued -> started\n"
                           "  ---> Status changed: started -> finished\n")
    assert active.links_come_up("carts", "east")
    status = active.run("north", "crdb-cli", "task", "status", "--task-id", task).stdout
    assert "Status: finished" in status
    report = json.loads(active.run("west", "crdb-cli", "crdb", "health-report", "--crdb-guid",
                                   active.guid("carts")).stdout)
    assert {one["active_config_version"] for one in report} == {2}
    active.fault("failed-task", times=1)
    failed = active.run("north", "crdb-cli", *words)
    assert failed.returncode == 1 and "started -> failed" in failed.stdout
    assert active.run("north", "crdb-cli", *words, "--no-wait").stdout.count("\n") == 1
