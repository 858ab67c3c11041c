"""Redis Enterprise: the certificates of a cluster, by REST and by rladmin, on each version."""
import datetime

import pytest

from certificates import pem_of
from nginx import handshake
from redis_enterprise import RedisEnterprise
from redis_targets import Targets, cluster_of, drop, thorough
from waiting import free_port, until

VERSIONS = ["6.0.20-80", "7.8.6-13", "7.22.2-14", "8.2.0-25"]
SERVED = {"api": 9443, "cm": 8443, "metrics_exporter": 8070, "proxy": 12001}
QUICK = {"retry-first": "100ms", "retry-cap": "1s"}


def on_each_version(*usually):
    """The others only in thorough runs."""
    return pytest.mark.parametrize("east", [version if version in usually else pytest.param(version, marks=thorough)
                                            for version in VERSIONS], indirect=True)


@pytest.fixture
def east(scratch, authority, request):
    """A running cluster of three nodes with one database: (RedisEnterprise, Targets)."""
    facts = cluster_of(authority, "east", version=getattr(request, "param", "7.22.2-14"),
                       databases=[{"uid": 1, "name": "orders"}])
    with RedisEnterprise(scratch, {"clusters": [facts]}) as site:
        yield site, Targets(scratch, authority, site)


def shown(site, certificate):
    """What each node shows to a real client."""
    return {handshake(SERVED[certificate], address) for address in site.addresses("east")}


def installed(certdrop):
    return {target["target"]: (target["installed"] or {}).get("fingerprint")
            for target in certdrop.json("status")["targets"]}


def serve(certdrop, targets, *wanted):
    certdrop.configure(list(wanted), **QUICK)
    certdrop.start()
    pairs = {}
    for target in wanted:
        pairs[target["certificate"]] = targets.pair("east", kind="rsa" if target["certificate"] == "internode" else "ec")
        drop(certdrop, target["name"], pairs[target["certificate"]])
    for target in wanted:
        certdrop.until_in_service(target["name"], pairs[target["certificate"]], seconds=60)
    return pairs


@on_each_version("6.0.20-80", "8.2.0-25")
def test_each_certificate_is_replaced_by_rest(certdrop, east):
    site, targets = east
    names = ["proxy", "syncer", "api", "cm", "metrics_exporter"]
    pairs = serve(certdrop, targets, *[targets.target("east", name) for name in names])
    for name in SERVED:
        assert shown(site, name) == {pairs[name].fingerprint}, name
    for node in site.cluster("east")["nodes"]:
        assert node["served"]["syncer"] == pairs["syncer"].fingerprint
    certdrop.stop()
    certdrop.start()
    until(lambda: installed(certdrop) == {f"east-{name}": pairs[name].fingerprint for name in names}, certdrop.log)


@on_each_version("8.2.0-25")
def test_each_certificate_is_replaced_by_rladmin(certdrop, east):
    site, targets = east
    names = ["proxy", "syncer", "api", "cm", "metrics_exporter"]
    if site.cluster("east")["version"].startswith(("7.22", "8.")):
        names.append("internode")
    tool = site.tool("east", "rladmin")
    pairs = serve(certdrop, targets, *[targets.target("east", name, method="rladmin", rladmin=tool)
                                       for name in names])
    for name in SERVED:
        assert shown(site, name) == {pairs[name].fingerprint}, name
    assert not [r for r in site.requests(method="PUT") if r["authentication"] != "local"]


# ---- who is talked to ----

def test_a_wrong_password_is_not_tried_on_everybody(certdrop, east, scratch):
    """A few wrong ones lock the user: a pass ends with the first."""
    site, targets = east
    wrong = scratch / "wrong"
    wrong.write_text("not the password\n")
    certdrop.configure([targets.target("east", "cm", **{"password-file": wrong})], **QUICK)
    plan = certdrop.run("plan", "east-cm")
    assert plan.returncode == 1 and "401" in plan.stdout, plan.stdout + plan.stderr
    certdrop.start()
    drop(certdrop, "east-cm", targets.pair("east"))
    receipt = certdrop.until_state("east-cm", "failed")
    assert "401" in receipt["reason"]
    assert {(r["node"], r["path"]) for r in site.requests()} == {(1, "/v1/nodes")}
    again = datetime.datetime.fromisoformat(certdrop.json("status")["targets"][0]["retry_at"].rstrip("Z"))
    assert again - datetime.datetime.utcnow() > datetime.timedelta(minutes=4)


@thorough
def test_the_leader_is_talked_to_directly(certdrop, east):
    site, targets = east
    site.do("lead", cluster="east", node=2)
    serve(certdrop, targets, targets.target("east", "proxy", hosts=[node["internal"] for node in
                                                                    site.cluster("east")["nodes"]]))
    assert {r["node"] for r in site.requests(method="PUT")} == {2}


def test_a_redirect_is_followed_within_the_cluster(certdrop, east):
    site, targets = east
    site.do("lead", cluster="east", node=3)
    internal = [node["internal"] for node in site.cluster("east")["nodes"]]
    first = f"https://{site.address('east')}:9443"
    serve(certdrop, targets, targets.target("east", "syncer", api=[first], hosts=internal))
    assert [r["status"] for r in site.requests(method="PUT")] == [307, 200]


@thorough
def test_a_redirect_elsewhere_is_not_followed(certdrop, east):
    site, targets = east
    site.do("lead", cluster="east", node=3)
    certdrop.configure([targets.target("east", "syncer", api=[f"https://{site.address('east')}:9443"])], **QUICK)
    certdrop.start()
    drop(certdrop, "east-syncer", targets.pair("east"))
    assert "known hosts" in certdrop.until_state("east-syncer", "failed")["reason"]


def test_the_next_node_is_asked_when_the_first_is_down(certdrop, east):
    site, targets = east
    site.do("lead", cluster="east", node=2)
    site.do("node-down", cluster="east", node=1)
    certdrop.configure([targets.target("east", "cm")], **QUICK)
    certdrop.start()
    pair = targets.pair("east")
    drop(certdrop, "east-cm", pair)
    until(lambda: site.requests(node=2, path="/v1/nodes/status"), certdrop.log)
    site.do("node-up", cluster="east", node=1)
    certdrop.until_in_service("east-cm", pair, seconds=40)


def test_however_many_addresses_do_not_answer_the_last_is_asked(certdrop, east):
    site, targets = east
    nowhere = [f"https://127.0.0.1:{free_port()}" for _ in range(9)]
    access = targets.access("east")
    serve(certdrop, targets, targets.target("east", "cm", api=[*nowhere, *access["api"]], hosts=["127.0.0.1"],
                                            probe=[f"{site.address('east')}:8443"]))


# ---- what goes wrong ----

def test_a_busy_cluster_is_asked_again(certdrop, east):
    site, targets = east
    site.fault("answer", cluster="east", method="PUT", status=409, code="config_edit_conflict", times=2)
    serve(certdrop, targets, targets.target("east", "proxy"))
    assert [r["status"] for r in site.requests(method="PUT")] == [409, 409, 200]


def test_a_lost_answer_does_not_matter(certdrop, east):
    """The connection that brings a new `api` may end with it."""
    site, targets = east
    site.fault("answer", cluster="east", method="PUT", drop=True, after=True, times=1)
    pairs = serve(certdrop, targets, targets.target("east", "api"))
    assert shown(site, "api") == {pairs["api"].fingerprint}


@thorough
def test_what_the_cluster_refuses_is_told_in_its_words(certdrop, east):
    site, targets = east
    site.fault("answer", cluster="east", method="PUT", status=406, code="certificate_expired", text="it is too old")
    before = shown(site, "cm")
    certdrop.configure([targets.target("east", "cm")], **QUICK)
    certdrop.start()
    drop(certdrop, "east-cm", targets.pair("east"))
    receipt = certdrop.until_state("east-cm", "failed", "rolled-back")
    assert "certificate_expired: it is too old" in receipt["reason"]
    assert shown(site, "cm") == before


def test_what_somebody_else_replaced_is_put_right(certdrop, east, authority):
    site, targets = east
    pairs = serve(certdrop, targets, targets.target("east", "proxy", check="1s"))
    other = authority.issue("other.example.test")
    other.fullchain += pem_of(authority.root)
    assert site.replace("east", "proxy", other)[0] == 200
    until(lambda: shown(site, "proxy") == {pairs["proxy"].fingerprint}, certdrop.log)
    assert certdrop.run("status", "--wait", "20").returncode == 0


@thorough
def test_a_node_that_missed_it_gets_it(certdrop, east):
    """200 although a node did not take it: the handshakes tell."""
    site, targets = east
    site.fault("skipped-node-is-not-told", cluster="east")
    site.do("keep", cluster="east", node=3, name="cm")
    certdrop.configure([targets.target("east", "cm", **{"probe-deadline": "1s"})], **QUICK)
    certdrop.start()
    pair = targets.pair("east")
    drop(certdrop, "east-cm", pair)
    receipt = certdrop.until_state("east-cm", "failed", "rolled-back", seconds=40)
    assert f"{site.address('east', 3)}:8443" in receipt["reason"]


# ---- what is refused before the cluster hears of it ----

@pytest.mark.parametrize("certificate, kind, says", [
    ("internode", "ec", "the key is EC"), pytest.param("cm", "ed25519", None, marks=thorough)])
def test_the_rules_depend_on_the_certificate(certdrop, east, certificate, kind, says):
    site, targets = east
    certdrop.configure([targets.target("east", certificate)], **QUICK)
    certdrop.start()
    drop(certdrop, f"east-{certificate}", targets.pair("east", kind=kind))
    state = certdrop.until_state(f"east-{certificate}", *(["refused"] if says else ["in-service", "failed", "rolled-back"]),
                                 seconds=40)
    if says:
        assert says in state["reason"] and not site.requests(method="PUT")


@thorough
def test_without_the_root_the_chain_waits(certdrop, east):
    site, targets = east
    facts = targets.target("east", "proxy")
    del facts["authorities"]
    certdrop.configure([facts], **QUICK)
    certdrop.start()
    drop(certdrop, "east-proxy", targets.pair("east"))
    receipt = certdrop.until_state("east-proxy", "waiting")
    assert "root" in receipt["reason"]
    certdrop.drop("east-proxy", {"root.pem": targets.root})
    certdrop.until_state("east-proxy", "in-service", seconds=40)
