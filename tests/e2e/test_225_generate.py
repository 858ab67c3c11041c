"""certdrop generate: a pair, or a key and a request, straight into a target's drop."""
import json
import stat

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from certificates import DAY, pem_of
from waiting import until


def generated(certdrop, *arguments):
    done = certdrop.run("generate", "self-signed", "--for", "web", "--json", *arguments)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def sign(authority, request):
    """What an authority makes of a request: its names and usages, 90 days."""
    builder = (x509.CertificateBuilder().subject_name(request.subject)
               .issuer_name(authority.intermediate.subject).public_key(request.public_key())
               .serial_number(x509.random_serial_number())
               .not_valid_before(authority.intermediate.not_valid_before)
               .not_valid_after(authority.intermediate.not_valid_before + 90 * DAY))
    for extension in request.extensions:
        builder = builder.add_extension(extension.value, extension.critical)
    return builder.sign(authority.key, hashes.SHA256())


def test_a_self_signed_pair_ends_in_service(certdrop, nginx):
    certdrop.configure([nginx.target(names=["web.example.com"])])
    certdrop.start()
    made = generated(certdrop)
    receipt = certdrop.until_state("web", "in-service",
                                   where=lambda r: r["fingerprint"] == made["fingerprint"])
    assert nginx.served() == made["fingerprint"]
    assert receipt["not_after"] == made["not_after"] and receipt["subject"] == "CN=web.example.com"
    assert certdrop.dropped("web") == [], "the key is in the store and nowhere else"
    assert stat.S_IMODE((nginx.published / "privkey.pem").stat().st_mode) == 0o600


def test_a_key_waits_for_what_the_authority_makes_of_its_request(certdrop, nginx, authority):
    certdrop.configure([nginx.target(names=["web.example.com", "*.web.example.com"])])
    certdrop.start()
    made = generated(certdrop, "--request")
    assert made["fingerprint"] is None and made["file"].endswith(".key")
    receipt = certdrop.until_state("web", "waiting")
    assert "the certificate for the key in self-signed-" in receipt["reason"]
    assert stat.S_IMODE((certdrop.drops / "web" / made["file"].rsplit("/", 1)[1]).stat().st_mode) == 0o600

    with open(made["request"], "rb") as file:
        request = x509.load_pem_x509_csr(file.read())
    assert request.is_signature_valid
    certificate = sign(authority, request)
    certdrop.drop("web", {"signed.pem": pem_of(certificate) + pem_of(authority.intermediate)})
    fingerprint = certificate.fingerprint(hashes.SHA256()).hex()
    certdrop.until_state("web", "in-service", where=lambda r: r["fingerprint"] == fingerprint)
    assert nginx.served() == fingerprint
    until(lambda: not [name for name in certdrop.dropped("web") if name.endswith((".key", ".pem"))],
          lambda: certdrop.dropped("web"))


def test_it_fits_what_the_target_asks_for(certdrop, nginx):
    certdrop.configure([nginx.target(**{"names": ["db.example.com"], "key-types": ["RSA"],
                                        "usages": ["clientAuth"]})])
    made = generated(certdrop)
    assert made["key"] == "RSA 3072"
    accepted = certdrop.run("inspect", made["file"], "--for", "web")
    assert accepted.returncode == 0, accepted.stdout
    with open(made["file"], "rb") as file:
        key = serialization.load_pem_private_key(file.read(), None)
    assert key.key_size == 3072


def test_what_cannot_be_generated_is_told(certdrop, nginx, scratch):
    target = nginx.target(names=["web.example.com"])
    (scratch / "tree").mkdir()
    certdrop.configure([target, {**target, "name": "read", "publish": str(scratch / "other"),
                                 "source": str(scratch / "tree")},
                        {"name": "bare", "product": "files", "publish": str(scratch / "bare"),
                         "files": [{"name": "a.pem", "content": "combined"}]}])
    for arguments, sentence in (
            (["inter-server", "--for", "web"], 'product files has no profile "inter-server"; it has: self-signed'),
            (["self-signed", "--for", "wep"], 'there is no target "wep"'),
            (["self-signed"], "generate needs --for TARGET"),
            (["self-signed", "--for", "read"], "it has no drop"),
            (["self-signed", "--for", "bare"], "give the target server-name or `names`")):
        done = certdrop.run("generate", *arguments)
        assert done.returncode == 1 and sentence in done.stderr, done.stderr
    (certdrop.drops / "web").rmdir()
    done = certdrop.run("generate", "self-signed", "--for", "web")
    assert done.returncode == 1 and "No such file or directory" in done.stderr
    assert certdrop.dropped("bare") == []
