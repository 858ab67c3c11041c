"""Redis Enterprise: what would not be taken is found before anything is changed, and named."""
import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from certificates import Authority, new_key, pem_of
from redis_enterprise import ADMIN, RedisEnterprise
from redis_targets import Targets, cluster_of

QUICK = {"retry-first": "100ms", "retry-cap": "1s"}


@pytest.fixture
def east(scratch, authority):
    """A running cluster of an old version, with a user who may do much, but not this: (RedisEnterprise, Targets)."""
    facts = cluster_of(authority, "east", version="6.0.20-80", nodes=1)
    facts["users"] = [ADMIN, {**ADMIN, "email": "member@example.test", "role": "cluster_member"}]
    with RedisEnterprise(scratch, {"clusters": [facts]}) as site:
        yield site, Targets(scratch, authority, site)


class WithoutName(Authority):
    """Its intermediate has an organization and no common name."""

    def __init__(self):
        super().__init__("old")
        self.key = new_key("ec")
        subject = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Old Authority")])
        self.intermediate = self._sign(subject, self.key, self.root.subject, self.root_key, ca=True)


def test_it_is_found_before_the_change(certdrop, east, scratch):
    site, targets = east
    old = WithoutName()
    (scratch / "old.pem").write_bytes(pem_of(old.root))
    certdrop.configure([targets.target("east", "cm", user="member@example.test"),
                        targets.target("east", "metrics_exporter", authorities=scratch / "old.pem")], **QUICK)
    certdrop.start()
    pair = old.issue(site.fqdn("east"))
    certdrop.drop("east-metrics_exporter", {"chain.pem": pair.fullchain, "key.pem": pair.key})
    member = targets.pair("east")
    certdrop.drop("east-cm", {"fullchain.pem": member.fullchain, "key.pem": member.key})
    assert "member@example.test lacks update_cluster" in certdrop.until_state("east-cm", "failed")["reason"]
    reason = certdrop.until_state("east-metrics_exporter", "refused")["reason"]
    assert "O=Old Authority has no common name" in reason
    assert not site.requests(method="PUT")
