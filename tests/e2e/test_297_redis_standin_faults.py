"""The stand-in for Redis Enterprise itself: what it can be told to do wrong."""
import http.client
import json
import os
import pathlib
import time

import pytest

from nginx import handshake
from redis_enterprise import ADMIN, RedisEnterprise, client, exchange, unverified
from redis_sites import (MIDDLE, NEW, OLD, OLDEST, cluster, entry, force, new_source_certificate, one, replica,
                         shared, start, task_ends)
from waiting import until


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
