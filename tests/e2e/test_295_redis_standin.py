"""The stand-in for Redis Enterprise itself: a cluster's REST API and its tools."""
import http.client
import json

import pytest

from certificates import pem_of
from redis_enterprise import ADMIN, unverified
from redis_sites import (MEMBER, MIDDLE, NEW, OLD, OLDEST, VIEWER, active, cluster, entry, one, shared, start,
                         whole)


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
