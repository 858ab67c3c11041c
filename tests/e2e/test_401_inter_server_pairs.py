"""Inter-server pairs: what certdrop makes itself, and that each server has one of its own."""
import json

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtendedKeyUsageOID

from certificates import DAY, pem_of
from ping_target import assert_everywhere, drop, needs_java, shared, target  # noqa: F401
from pingdirectory import Identity
from waiting import until

pytestmark = needs_java


def generated(certdrop, name, *arguments):
    done = certdrop.run("generate", "inter-server", "--for", name, "--json", *arguments)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_generated_pair_is_each_servers_own_and_ends_in_service(certdrop, shared):
    names = ("ds1", "ds2")
    before = {name: shared.registered(name) for name in names}
    certdrop.configure([target(shared, "ds1", soak="1h"), target(shared, "ds2", soak="1h", **{"rsa-max": 2048})])
    certdrop.start()
    made = {name: generated(certdrop, name) for name in names}
    assert [made[name]["key"] for name in names] == ["RSA 3072", "RSA 2048"]
    keys = set()
    for name in names:
        fingerprint = made[name]["fingerprint"]
        certdrop.until_state(name, "in-service", seconds=40, where=lambda r: r["fingerprint"] == fingerprint)
        assert shared[name].presented() == shared[name].in_store() == fingerprint
        assert_everywhere(shared, [*before[name], fingerprint], name)
        assert certdrop.dropped(name) == []
        key, (certificate,) = shared[name].pair("inter-server")
        keys.add(key.private_numbers())
        usages = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        assert certificate.subject == certificate.issuer and certificate.subject.rfc4514_string() == f"CN={name}"
        assert set(usages) == {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH}
        assert certificate.not_valid_after - certificate.not_valid_before == 7300 * DAY
        assert isinstance(certificate.signature_hash_algorithm, hashes.SHA256)
    assert len(keys) == 2


def test_a_generated_key_waits_for_its_certificate(certdrop, shared, authority):
    certdrop.configure([target(shared, "ds3", soak="1h")])
    certdrop.start()
    made = generated(certdrop, "ds3", "--request")
    assert "the certificate for the key in inter-server-" in certdrop.until_state("ds3", "waiting")["reason"]
    with open(made["request"], "rb") as file:
        request = x509.load_pem_x509_csr(file.read())
    builder = (x509.CertificateBuilder().subject_name(request.subject).issuer_name(authority.root.subject)
               .public_key(request.public_key()).serial_number(x509.random_serial_number())
               .not_valid_before(authority.root.not_valid_before)
               .not_valid_after(authority.root.not_valid_before + 3000 * DAY))
    for extension in request.extensions:
        builder = builder.add_extension(extension.value, extension.critical)
    certificate = builder.sign(authority.root_key, hashes.SHA256())
    certdrop.drop("ds3", {"signed.pem": pem_of(certificate)})
    fingerprint = certificate.fingerprint(hashes.SHA256()).hex()
    certdrop.until_state("ds3", "in-service", seconds=40, where=lambda r: r["fingerprint"] == fingerprint)
    assert shared["ds3"].presented() == fingerprint


def test_of_two_that_get_the_same_pair_at_once_one_is_refused(certdrop, shared):
    """Neither server knows of it when both are asked."""
    before, asked = {name: shared.registered(name) for name in ("ds1", "ds2")}, len(shared.records())
    certdrop.configure([target(shared, name, soak="1h", **{"from": "both"}) for name in ("ds1", "ds2")])
    twice = Identity("twice.example.com")
    drop(certdrop, twice, "both")
    certdrop.start()
    says = "has this certificate already; PingDirectory inter-server certificates allow no sharing"

    def states():
        return {each["target"]: each for each in certdrop.json("status")["targets"]}

    until(lambda: sorted(each["state"] for each in states().values()) == ["in-service", "refused"], certdrop.log,
          seconds=40)
    (winner,) = [name for name, each in states().items() if each["state"] == "in-service"]
    (loser,) = set(before) - {winner}
    assert f"target {winner} {says}" in states()[loser]["reason"]
    assert shared.registered(winner) == [*before[winner], twice.fingerprint]
    assert shared.registered(loser) == before[loser]
    assert "pair.pem" in certdrop.dropped("both"), "whoever dropped it for both finds it refused"
    assert sum(line.get("operation") == "extended" for line in shared.records()[asked:]) == 1


def test_what_others_renew_is_no_source_for_it(certdrop, shared, scratch):
    (scratch / "tree").mkdir()
    certdrop.configure([target(shared, "ds1", source=str(scratch / "tree"))])
    done = certdrop.run("check")
    assert done.returncode == 1 and "is replaced only when one is dropped" in done.stderr + done.stdout


def test_a_listener_has_no_such_profile(certdrop, shared, authority, scratch):
    trusted = scratch / "trusted.pem"
    trusted.write_bytes(pem_of(authority.root))
    settings = target(shared, certificate="listener", **{"ca-file": trusted, "key-manager-provider": "JKS"})
    certdrop.configure([{key: value for key, value in settings.items() if key != "pin"}])
    done = certdrop.run("generate", "inter-server", "--for", "ds1")
    assert done.returncode == 1
    assert 'profile inter-server is for targets with certificate = "inter-server"' in done.stderr
