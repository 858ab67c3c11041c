"""Redis Enterprise: the certificates that have no private key, mtls_trusted_ca and sso_issuer."""
import hashlib
import ssl

import pytest

from certificates import Authority, pem_of
from redis_enterprise import ADMIN, RedisEnterprise
from redis_targets import Targets, cluster_of, thorough
from service import plain
from waiting import until

END = "-----END CERTIFICATE-----"
QUICK = {"retry-first": "100ms", "retry-cap": "1s"}
ROBOT = {"email": "robot@example.test", "certificate_subject_line": "CN=robot.example.test"}


@pytest.fixture
def east(scratch, authority, request):
    """A running cluster of two nodes where logging in by certificate is allowed: (RedisEnterprise, Targets)."""
    facts = cluster_of(authority, "east", version=getattr(request, "param", "8.2.0-25"), nodes=2,
                       settings={"mtls_certificate_authentication": True})
    facts["users"] = [ADMIN, ROBOT]
    with RedisEnterprise(scratch, {"clusters": [facts]}) as site:
        yield site, Targets(scratch, authority, site)


def together(pem):
    """The fingerprint of all certificates in a text."""
    ders = [ssl.PEM_cert_to_DER_cert(block.strip() + END) for block in pem.decode().split(END)[:-1]]
    ders.sort(key=lambda der: hashlib.sha256(der).hexdigest())
    return hashlib.sha256(b"".join(ders)).hexdigest()


def robot_of(scratch, authority):
    robot = authority.issue("robot.example.test")
    files = (scratch / "robot.crt", scratch / "robot.key")
    files[0].write_bytes(robot.fullchain)
    files[1].write_bytes(robot.key)
    return files


def until_trusted(certdrop, pem):
    certdrop.until_state("east-mtls_trusted_ca", "in-service", seconds=40,
                         where=lambda receipt: plain(receipt["fingerprint"]) == together(pem))


@pytest.mark.parametrize("east", [pytest.param("7.8.6-13", marks=thorough), pytest.param("7.22.2-14", marks=thorough),
                                  "8.2.0-25"], indirect=True)
def test_trusted_authorities_let_their_clients_in(certdrop, east, scratch, authority):
    site, targets = east
    robots = Authority("robots")
    login = robot_of(scratch, robots)
    both, ours = targets.root + pem_of(robots.root), targets.root
    certdrop.configure([targets.target("east", "mtls_trusted_ca", check="1s")], **QUICK)
    certdrop.start()
    assert site.rest("east", "GET", "/v1/cluster", user=None, pair=login)[0] == 401

    certdrop.drop("east-mtls_trusted_ca", {"trusted.pem": both})
    until_trusted(certdrop, both)
    assert site.rest("east", "GET", "/v1/cluster", user=None, pair=login)[0] == 200
    assert certdrop.dropped("east-mtls_trusted_ca") == []

    # Somebody else takes one away.
    assert site.rest("east", "PUT", "/v1/cluster/update_cert",
                     {"name": "mtls_trusted_ca", "certificate": ours.decode()})[0] == 200
    until(lambda: together(site.certificate("east", "mtls_trusted_ca")[0].encode()) == together(both), certdrop.log)

    # A private key has no business here.
    certdrop.drop("east-mtls_trusted_ca", {"robot.key": login[1].read_bytes()})
    receipt = certdrop.until_state("east-mtls_trusted_ca", "refused", "in-service",
                                   where=lambda facts: facts["reason"])
    assert "robot.key holds a private key" in receipt["reason"]
    assert certdrop.dropped("east-mtls_trusted_ca") == ["robot.key"]


def test_the_issuer_of_assertions_is_a_certificate_alone(certdrop, east):
    """Of an identity provider: no chain, no usages, often its own issuer."""
    site, targets = east
    provider = Authority("provider").root
    certdrop.configure([targets.target("east", "sso_issuer")], **QUICK)
    certdrop.start()
    certdrop.drop("east-sso_issuer", {"idp.cer": pem_of(provider)})
    certdrop.until_state("east-sso_issuer", "in-service", seconds=40)
    assert site.certificate("east", "sso_issuer")[0].encode() == pem_of(provider)
    assert not [facts for facts in site.requests(method="PUT") if facts["status"] != 200]
