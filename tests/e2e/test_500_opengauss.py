"""openGauss: a package in any shape is proven, packed anew, installed, and seen served on every node."""
import datetime
import io
import shutil
import zipfile

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from certificates import Authority, zip_of
from gauss_target import LITE, cert_calls, drop_package, new, old, target, until_served, watched  # noqa: F401
from opengauss import OWNER, CertificateSet, OpenGauss, as_owner, cipher_files, codec, put, revocation_list
from postgresql import PROGRAMS

pytestmark = pytest.mark.skipif(not PROGRAMS, reason="PostgreSQL is not installed")
NAMES = ["cacert.pem", "server.crt", "server.key", "server.key.cipher", "server.key.rand",
         "client.crt", "client.key", "client.key.cipher", "client.key.rand"]


# ---- what is good ----

def test_a_package_is_installed_on_all_nodes_under_the_passphrase_in_service(certdrop, watched, new, old):
    cluster = watched(nodes=3)
    drop_package(certdrop, new)
    until_served(certdrop, new)
    assert cluster.served() == [new.fingerprint] * 3
    for node in cluster.nodes:
        files = node.files()
        assert codec.decode(files["server.key.cipher"], files["server.key.rand"]) == old.passphrase
        assert serialization.load_pem_private_key(files["server.key"], old.passphrase)
        assert files["server.key.cipher"] != old.files["server.key.cipher"]
        client = {name: (node.sslcert("om") / name).read_bytes() for name in NAMES}
        assert codec.decode(client["client.key.cipher"], client["client.key.rand"]) == b"Client@5678"
        assert client["client.crt"] == new.client.fullchain
    (call,) = cert_calls(cluster)
    assert call[2].startswith("--cert-file=/") and len(call) == 3
    assert certdrop.dropped("gauss") == []
    assert "@" not in certdrop.run("history", "gauss").stdout.replace("$@", "")


def test_loose_files_under_any_names_will_do(certdrop, watched, new):
    cluster = watched(settings={"local": True, "runner": as_owner()})
    certdrop.drop("gauss", {"one.key": new.files["server.key"], "client.pem": new.client.leaf})
    certdrop.drop("gauss", {"one.key.cipher": new.files["server.key.cipher"], "two.key": new.client.key})
    certdrop.drop("gauss", {"one.key.rand": new.files["server.key.rand"], "server.p7": new.server.leaf,
                            "ca.pem": new.files["cacert.pem"]})
    until_served(certdrop, new)
    assert cluster.served() == [new.fingerprint]
    assert cert_calls(cluster)[0][3] == "-L" and certdrop.dropped("gauss") == []
    backup = cluster.nodes[0].data / "gsql_cert_backup.tar.gz"
    assert backup.stat().st_mode & 0o777 == 0o600


def test_what_gs_om_would_delete_stays(certdrop, watched, authority, new, old):
    """The revocation list, openssl.cnf, and the client's key for JDBC, which is the new client's."""
    listed = revocation_list(authority, [old.client])

    def prepare(cluster):
        node = cluster.nodes[0]
        for path, content in ((node.sslcert("om") / "openssl.cnf", b"[ca]\n"),
                              (node.sslcert("om") / "client.key.pk8", old.client.key_der),
                              (node.data / "sslcrl-file.crl", listed)):
            put(path, content, 0o600)
            shutil.chown(path, OWNER.pw_uid, OWNER.pw_gid)
    cluster = watched(prepare=prepare)
    drop_package(certdrop, new)
    until_served(certdrop, new)
    node = cluster.nodes[0]
    assert (node.sslcert("om") / "openssl.cnf").read_bytes() == b"[ca]\n"
    assert (node.sslcert("om") / "client.key.pk8").read_bytes() == new.client.key_der
    assert node.files()["sslcrl-file.crl"] == listed


def test_without_gs_om_the_files_are_put_in_place(certdrop, watched, new, old):
    cluster = watched(settings=LITE)
    drop_package(certdrop, new)
    until_served(certdrop, new)
    files = cluster.nodes[0].files()
    assert cluster.served() == [new.fingerprint] and cluster.calls("gs_om")[1:] == []
    assert files["server.key.cipher"] == old.files["server.key.cipher"]
    assert serialization.load_pem_private_key(files["server.key"], old.passphrase)
    assert (cluster.nodes[0].data / "server.crt").stat().st_mode & 0o777 == 0o600


def certificates_in(pem):
    """Whatever their order."""
    return {block.strip() for block in pem.split(b"-----END CERTIFICATE-----")}


def test_the_clients_get_their_set_before_the_servers(certdrop, scratch, watched, new):
    """The same drop feeds both targets."""
    cluster = watched(settings={"after": ["apps"]}, others=[{
        "name": "apps", "product": "files", "from": "gauss", "publish": scratch / "apps", "parts": ["ca", "client-leaf"],
        "files": [{"name": "cacert.pem", "content": "ca"}, {"name": "client.crt", "content": "client-fullchain"},
                  {"name": "client.key", "content": "client-key"}]}])
    drop_package(certdrop, new)
    until_served(certdrop, new)
    held = {entry.name: entry.read_bytes() for entry in (scratch / "apps").glob("c*")}
    assert certificates_in(held["cacert.pem"]) == certificates_in(new.files["cacert.pem"])
    assert held["client.crt"] == new.client.fullchain and held["client.key"] == new.client.key
    began = min(line["time"] for line in cluster.records() if "cert" in line.get("arguments", []))
    assert (scratch / "apps").lstat().st_mtime < began


# ---- what is refused: the tool would have let most of it pass ----

def crl(issuer, issuer_key, days_from_now):
    now = datetime.datetime.utcnow()
    end = now + datetime.timedelta(days=days_from_now)
    return (x509.CertificateRevocationListBuilder().issuer_name(issuer.subject)
            .last_update(now - datetime.timedelta(days=60)).next_update(end)
            .sign(issuer_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))


def archive(entries):
    """Entries as (name, content) or (ZipInfo, content): what zip_of would not write."""
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as written:
        for entry, content in entries:
            written.writestr(entry, content)
    return memory.getvalue()


def with_mode(name, mode):
    entry = zipfile.ZipInfo(name)
    entry.create_system, entry.external_attr = 3, mode << 16
    return entry


def spoiled(authority, good):
    """Case: package, and what certdrop says of it."""
    other = CertificateSet(Authority("foreign"), "other.example.com")
    expired = CertificateSet(authority, "expired.example.com")
    expired.server = authority.issue("expired.example.com", starts_in_days=-20, days=10)
    expired.files.update({"server.crt": expired.server.fullchain,
                          "server.key": expired.server.key_encrypted(expired.passphrase)})
    late_client = authority.issue("late client", starts_in_days=-20, days=10)
    cipher, rand = cipher_files(b"Wrong@9999")
    files, without = good.files, {name: good.files[name] for name in NAMES if name != "client.crt"}
    return {
        "garbage": (zip_of({name: b"garbage" for name in NAMES}), "has 7 bytes; a cipher file of openGauss has 56"),
        "empty": (zip_of({name: b"" for name in NAMES}), "is empty"),
        "sub-folder": (zip_of({f"certs/{name}": content for name, content in files.items()}), "in a folder"),
        "letter case": (zip_of({("Server.crt" if n == "server.crt" else n): c for n, c in files.items()}),
                        "has Server.crt; openGauss packages call it server.crt"),
        "missing": (zip_of(without), "lacks client.crt; openGauss packages have it"),
        "twice": (archive([*files.items(), ("server.crt", files["server.crt"])]), "is in the archive twice"),
        "truncated": (good.zip()[:-30], "stops before the end record of the archive"),
        "climbing": (archive([*files.items(), ("../server.crt", b"x")]), "leads out of the archive"),
        "link": (archive([*without.items(), (with_mode("client.crt", 0o120777), "/etc/passwd")]),
                 "is a link or another special file"),
        "mode 000": (archive([*without.items(), (with_mode("client.crt", 0o100000), files["client.crt"])]),
                     "stored with a mode that does not let its owner read it"),
        "mismatched pair": (good.zip(**{"server.key": other.files["server.key"]}),
                            "the key in server.key is not the key of the certificate in server.crt"),
        "mismatched client pair": (good.zip(**{"client.key": authority.issue("x").key}),
                                   "the key in client.key is not the key of the certificate in client.crt"),
        "wrong passphrase": (good.zip(**{"server.key.cipher": cipher, "server.key.rand": rand}),
                             "does not open with the passphrase in server.key.cipher and server.key.rand"),
        "another pair's cipher file": (good.zip(**{"client.key.rand": other.files["client.key.rand"],
                                                   "client.key.cipher": files["server.key.cipher"]}),
                                       "do not belong together"),
        "foreign authority": (good.zip(**{"cacert.pem": other.files["cacert.pem"]}), "it lacks the certificate of"),
        "expired": (expired.zip(), "expired"),
        "expired client": (good.zip(**{"client.crt": late_client.fullchain,
                                       "client.key": late_client.key_encrypted(b"Client@5678")}), "expired"),
        "foreign revocation list": (good.zip(**{"sslcrl-file.crl": crl(*foreign_issuer(), 30)}),
                                    "is signed by none of the authorities"),
        "expired revocation list": (good.zip(**{"sslcrl-file.crl": crl(authority.intermediate, authority.key, -1)}),
                                    "expired"),
    }


def foreign_issuer():
    foreign = Authority("foreign")
    return foreign.intermediate, foreign.key


def test_inspect_says_what_the_tool_would_have_let_pass(certdrop, scratch, authority, old):
    """Version 1 certificates, which Python's library cannot write, are left to the unit test."""
    certdrop.configure([target(OpenGauss(scratch, old), scratch)])
    good = CertificateSet(authority, "good.example.com")
    package = scratch / "db.zip"
    package.write_bytes(good.zip())
    done = certdrop.run("inspect", str(package), "--for", "gauss")
    assert done.returncode == 0, done.stdout
    for case, (content, sentence) in spoiled(authority, good).items():
        package.write_bytes(content)
        done = certdrop.run("inspect", str(package), "--for", "gauss")
        assert done.returncode == 1 and sentence in done.stdout, f"{case}: {done.stdout}"


def test_what_is_refused_never_reaches_the_tool(certdrop, watched, authority, old):
    cluster = watched()
    good = CertificateSet(authority, "good.example.com")
    cases = spoiled(authority, good)
    for case in ("garbage", "mismatched pair", "expired client", "expired revocation list", "foreign authority"):
        content, sentence = cases[case]
        certdrop.drop("gauss", {"db-cert-replacement.zip": content})
        receipt = certdrop.until_state("gauss", "refused", where=lambda found: sentence in (found["reason"] or ""))
        assert certdrop.dropped("gauss") == ["db-cert-replacement.zip"], receipt
    assert cert_calls(cluster) == [] and cluster.nodes[0].files() == {
        name: content for name, content in old.files.items() if not name.startswith("client.")}
    # The good one takes the bad one's place.
    drop_package(certdrop, good)
    until_served(certdrop, good)
