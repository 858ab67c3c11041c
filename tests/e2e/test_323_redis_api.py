"""Redis Enterprise: the API's own certificate is replaced, and whoever talks to the API goes on doing so."""
import pytest

from certificates import Authority, pem_of
from redis_enterprise import RedisEnterprise
from redis_targets import Targets, cluster_of, drop

QUICK = {"retry-first": "100ms", "retry-cap": "1s"}


@pytest.fixture
def east(scratch, authority):
    """A running cluster of two nodes: (RedisEnterprise, Targets)."""
    with RedisEnterprise(scratch, {"clusters": [cluster_of(authority, "east", nodes=2)]}) as site:
        yield site, Targets(scratch, authority, site)


def drop_whole(certdrop, target, authority, site):
    pair = authority.issue(site.fqdn("east"))
    certdrop.drop(target, {"chain.pem": pair.fullchain + pem_of(authority.root), "key.pem": pair.key})
    certdrop.until_in_service(target, pair, seconds=60)
    return pair


def test_what_it_shows_is_trusted_by_those_who_know(certdrop, east, scratch):
    """The new one is by nobody whom `ca-file` names, and the pin is that of the first."""
    site, targets = east
    other = Authority("other")
    (scratch / "other.pem").write_bytes(pem_of(other.root))
    api = targets.target("east", "api", authorities=scratch / "other.pem")
    pinned = targets.target("east", "cm", pin=site.served("east", 9443), **{"replaced-by": ["east-api"]})
    del pinned["ca-file"]
    certdrop.configure([api, pinned], **QUICK)
    certdrop.start()
    first = drop_whole(certdrop, "east-api", other, site)
    assert site.served("east", 9443, 2) == first.fingerprint
    certdrop.drop("east-cm", {"chain.pem": (pair := targets.pair("east")).fullchain, "key.pem": pair.key})
    certdrop.until_in_service("east-cm", pair, seconds=60)
    # Neither the pin nor the predecessor is what is shown now.
    drop_whole(certdrop, "east-api", other, site)
    again = targets.pair("east")
    certdrop.drop("east-cm", {"chain.pem": again.fullchain, "key.pem": again.key})
    certdrop.until_in_service("east-cm", again, seconds=60)


def test_it_is_the_last_of_several(certdrop, east):
    """It was dropped first, and nobody has written down an order."""
    site, targets = east
    names = ["api", "cm", "metrics_exporter", "syncer"]
    pairs = {name: targets.pair("east") for name in names}
    certdrop.configure([targets.target("east", name) for name in names], **QUICK)
    for name in names:
        drop(certdrop, f"east-{name}", pairs[name])
    certdrop.start()
    for name in names:
        certdrop.until_in_service(f"east-{name}", pairs[name], seconds=60)
    puts = [facts["body"]["certificates"][0]["name"] for facts in site.requests(method="PUT", status=200)]
    assert sorted(puts) == sorted(names) and puts[-1] == "api", puts


def test_it_is_for_the_cluster_whose_api_it_is(certdrop, east, authority):
    """Whoever talks to the API verifies it by `fqdn`: with another name, nobody would any more."""
    site, targets = east
    certdrop.configure([targets.target("east", "api")], **QUICK)
    certdrop.start()
    first = site.served("east", 9443)
    drop(certdrop, "east-api", authority.issue("west.example.test"))
    reason = certdrop.until_state("east-api", "refused")["reason"]
    assert "does not cover the name east.example.test; the target's setting `fqdn` asks for it" in reason
    assert not site.requests(method="PUT") and site.served("east", 9443) == first
    wild = authority.issue("*.example.test")
    drop(certdrop, "east-api", wild)
    certdrop.until_in_service("east-api", wild, seconds=60)
