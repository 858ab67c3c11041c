"""Redis Enterprise: the certificates of a cluster, by REST and by rladmin, on each version."""
import pytest

from certificates import pem_of
from nginx import handshake
from redis_enterprise import RedisEnterprise
from redis_targets import Targets, cluster_of, drop
from waiting import until

VERSIONS = ["6.0.20-80", "7.8.6-13", "7.22.2-14", "8.2.0-25"]
SERVED = {"api": 9443, "cm": 8443, "metrics_exporter": 8070, "proxy": 12001}
QUICK = {"retry-first": "100ms", "retry-cap": "1s"}


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


def serve(certdrop, targets, *wanted):
    certdrop.configure(list(wanted), **QUICK)
    certdrop.start()
    pairs = {}
    for target in wanted:
        pairs[target["certificate"]] = targets.pair("east")
        drop(certdrop, target["name"], pairs[target["certificate"]])
    for target in wanted:
        certdrop.until_in_service(target["name"], pairs[target["certificate"]], seconds=60)
    return pairs


@pytest.mark.parametrize("east", VERSIONS, indirect=True)
def test_each_certificate_is_replaced_by_rest(certdrop, east):
    site, targets = east
    names = ["proxy", "syncer", "api", "cm", "metrics_exporter"]
    pairs = serve(certdrop, targets, *[targets.target("east", name) for name in names])
    for name in SERVED:
        assert shown(site, name) == {pairs[name].fingerprint}, name
    for node in site.cluster("east")["nodes"]:
        assert node["served"]["syncer"] == pairs["syncer"].fingerprint


@pytest.mark.parametrize("east", ["8.2.0-25"], indirect=True)
def test_each_certificate_is_replaced_by_rladmin(certdrop, east):
    site, targets = east
    names = ["proxy", "syncer", "api", "cm", "metrics_exporter"]
    tool = site.tool("east", "rladmin")
    pairs = serve(certdrop, targets, *[targets.target("east", name, method="rladmin", rladmin=tool)
                                       for name in names])
    for name in SERVED:
        assert shown(site, name) == {pairs[name].fingerprint}, name
    assert not [r for r in site.requests(method="PUT") if r["authentication"] != "local"]
