"""The stand-in for Redis Enterprise itself: what certdrop's tests rely on, and what they could be fooled by."""
import pytest

from certificates import pem_of
from redis_enterprise import ADMIN, RedisEnterprise

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


@pytest.fixture
def one(start):
    return start(cluster("east", databases=[{"uid": 1, "name": "orders"}]))


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
