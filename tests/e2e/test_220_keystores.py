"""Key stores of Java, both ways: keytool and pyjks write what certdrop reads, and read what it writes."""
import hashlib
import json
import pathlib
import re
import subprocess
import tempfile

import pytest
from cryptography.hazmat.primitives import serialization

import java

jks = pytest.importorskip("jks", reason="pyjks is not installed")
pytestmark = pytest.mark.skipif(not java.KEYTOOL, reason="keytool is not installed")

STORE, KEY = "store-secret", "key-secret"


@pytest.fixture(scope="module")
def stores(authority):
    """One of each kind, all made by keytool, openssl or pyjks."""
    with tempfile.TemporaryDirectory(prefix="certdrop-java-") as name:
        directory = pathlib.Path(name)
        java.generate(directory / "one.jks", "One", STORE)
        java.generate(directory / "two.jks", "First", STORE, KEY, key=("EC", 256))
        java.generate(directory / "two.jks", "second", STORE, KEY)
        java.trust(directory / "two.jks", "Root", authority.root, STORE)
        java.trust(directory / "trust.jks", "root", authority.root, STORE)
        java.generate(directory / "modern.p12", "One", STORE, kind="PKCS12")
        java.generate(directory / "legacy.p12", "One", STORE, kind="PKCS12",
                      options=["-Dkeystore.pkcs12.legacy"])
        java.generate(directory / "modern.p12", "Two", STORE, kind="PKCS12", key=("EC", 256))
        java.trust(directory / "modern.p12", "Root", authority.root, STORE, kind="PKCS12")
        java.trust(directory / "trust.p12", "root", authority.root, STORE, kind="PKCS12")
        java.generate(directory / "secret.jceks", "one", STORE, kind="JCEKS")
        yield directory


@pytest.fixture
def look(certdrop, scratch):
    """Inspects a file for a target with these settings: (is it accepted, everything that is said)."""
    def look(path, lines="", key_lines=None, **settings):
        (scratch / "passphrases").write_text(lines)
        settings["passphrases"] = str(scratch / "passphrases")
        if key_lines is not None:
            (scratch / "key-passphrases").write_text(key_lines)
            settings["key-passphrases"] = str(scratch / "key-passphrases")
        certdrop.configure([{"name": "app", "product": "files", "publish": str(scratch / "app"),
                             "files": [{"name": "a.pem", "content": "combined"}], **settings}])
        done = certdrop.run("inspect", str(path), "--for", "app", "--json")
        return done.returncode == 0, done.stdout + done.stderr
    return look


def test_a_jks_of_keytool_is_read(look, stores):
    accepted, said = look(stores / "one.jks", STORE)
    assert accepted, said
    assert java.fingerprint(stores / "one.jks", "one", STORE) in said


@pytest.mark.parametrize("alias", ["first", "SECOND"])
def test_the_alias_chooses_and_the_key_has_its_own_password(look, stores, alias):
    accepted, said = look(stores / "two.jks", STORE, KEY, **{"key-alias": alias})
    assert accepted, said
    assert java.fingerprint(stores / "two.jks", alias, STORE) in said


@pytest.mark.parametrize("lines, key_lines, settings, sentence", [
    ("wrong", None, {}, "is not the password of the Java key store"),
    (STORE, None, {"key-alias": "first"}, "opens the Java key store (JKS), but not the private key"),
    (STORE, "wrong", {"key-alias": "first"}, "nor does one of the key-passphrases"),
    (STORE, KEY, {}, "holds 2 private keys"),
    (STORE, KEY, {"key-alias": "third"}, "holds no private key called"),
])
def test_what_is_wrong_is_told_apart(look, stores, lines, key_lines, settings, sentence):
    accepted, said = look(stores / "two.jks", lines, key_lines, **settings)
    assert not accepted and sentence in said, said
    assert STORE not in said and KEY not in said


@pytest.mark.parametrize("name, alias", [("modern.p12", "one"), ("modern.p12", "TWO"), ("legacy.p12", None)])
def test_a_pkcs12_of_keytool_is_read(look, stores, name, alias):
    accepted, said = look(stores / name, STORE, **({"key-alias": alias} if alias else {}))
    assert accepted, said
    assert java.fingerprint(stores / name, alias or "one", STORE) in said


def test_a_pkcs12_of_openssl_is_read(look, scratch, authority):
    pair = authority.issue("openssl.example.com", "rsa")
    (scratch / "all.pem").write_bytes(pair.key + pair.fullchain)
    for options in ([], ["-name", "x"], ["-legacy"]):
        subprocess.run(["openssl", "pkcs12", "-export", "-in", scratch / "all.pem", *options,
                        "-out", scratch / "a.p12", "-passout", f"pass:{STORE}"], check=True)
        accepted, said = look(scratch / "a.p12", STORE)
        assert accepted and pair.fingerprint in said, said


def test_what_this_systems_openssl_lacks_for_an_old_pkcs12_is_named(certdrop, scratch, authority):
    pair = authority.issue("old.example.com", "rsa")
    (scratch / "all.pem").write_bytes(pair.key + pair.fullchain)
    (scratch / "passphrases").write_text(STORE)
    subprocess.run(["openssl", "pkcs12", "-export", "-in", scratch / "all.pem", "-legacy", "-out", scratch / "a.p12",
                    "-passout", f"pass:{STORE}"], check=True)
    without = scratch / "without-legacy-provider"
    without.write_text("#!/bin/sh\nexport OPENSSL_MODULES=/none\n"
                       f"exec {certdrop.programs}/inspect/certdrop-inspect\n")
    without.chmod(0o755)
    certdrop.configure([{"name": "app", "product": "files", "publish": str(scratch / "app"),
                         "passphrases": str(scratch / "passphrases"),
                         "files": [{"name": "a.pem", "content": "combined"}]}], **{"inspect-program": without})
    said = certdrop.run("inspect", str(scratch / "a.p12"), "--for", "app").stdout
    assert "encrypted in an old way that this system's OpenSSL does not have" in said


def test_other_stores_are_named(look, stores):
    for name, sentence in (("trust.jks", "is a trust store, with 1 trusted certificate and no private key"),
                           ("trust.p12", "is a trust store, with 1 trusted certificate and no private key"),
                           ("modern.p12", "holds 2 private keys"),
                           ("secret.jceks", "keytool -importkeystore -srcstoretype JCEKS")):
        accepted, said = look(stores / name, STORE)
        assert not accepted and sentence in said, said


def test_a_jks_of_pyjks_is_read(look, scratch, authority):
    pair = authority.issue("py.example.com", "rsa")
    chain = [c.public_bytes(serialization.Encoding.DER) for c in (pair.certificate, *pair.intermediates)]
    entry = jks.PrivateKeyEntry.new("py", chain, pair.key_der)
    entry.encrypt("pässword")
    jks.KeyStore.new("jks", [entry]).save(str(scratch / "py.jks"), "gehe\u00efm \U0001F511")
    accepted, said = look(scratch / "py.jks", "gehe\u00efm \U0001F511\n", "pässword\n")
    assert accepted and pair.fingerprint in said, said


def test_a_jks_that_arrives_in_pieces_is_served(certdrop, nginx, stores, scratch):
    (scratch / "passphrases").write_text(STORE)
    (scratch / "key-passphrases").write_text(KEY)
    certdrop.configure([nginx.target(**{"passphrases": str(scratch / "passphrases"), "key-alias": "SECOND",
                                        "key-passphrases": str(scratch / "key-passphrases")})])
    certdrop.start()
    whole = (stores / "two.jks").read_bytes()
    certdrop.drop("web", {"two.jks": whole[:-10]})
    receipt = certdrop.until_state("web", "waiting")
    assert "stops before the end of the Java key store" in receipt["reason"], receipt
    with open(certdrop.drops / "web" / "two.jks", "ab") as file:
        file.write(whole[-10:])
    fingerprint = java.fingerprint(stores / "two.jks", "second", STORE)
    certdrop.until_state("web", "in-service", where=lambda receipt: receipt["fingerprint"] == fingerprint)
    assert nginx.served() == fingerprint
    assert certdrop.dropped("web") == []
    everything = certdrop.log() + json.dumps(certdrop.json("history")) + json.dumps(certdrop.receipt("web"))
    assert STORE not in everything and KEY not in everything


def test_a_jks_with_the_wrong_password_is_refused_where_it_was_dropped(certdrop, nginx, stores, scratch):
    (scratch / "passphrases").write_text("wrong\n")
    certdrop.configure([nginx.target(passphrases=str(scratch / "passphrases"))])
    certdrop.start()
    certdrop.drop("web", {"one.jks": (stores / "one.jks").read_bytes()})
    receipt = certdrop.until_state("web", "refused")
    assert "one.jks: the passphrase given is not the password of the Java key store" in receipt["reason"]
    assert certdrop.dropped("web") == ["one.jks"]


# ---- writing ----

@pytest.fixture
def published(certdrop, scratch):
    """Drops a pair for a target that wants key stores, and gives the directory they are in."""
    (scratch / "store.password").write_text(STORE + "\n")
    (scratch / "key.password").write_text(KEY + "\n")

    def published(pair, name, content, **settings):
        certdrop.configure([{
            "name": "app", "product": "files", "publish": str(scratch / "app"), "alias": "Server-Cert",
            "password-file": str(scratch / "store.password"),
            "files": [{"name": name, "content": content, "mode": "0600"}], **settings}])
        certdrop.drop("app", {"all.pem": pair.fullchain + pair.key})
        done = certdrop.run("apply", "app")
        assert done.returncode == 0, done.stdout + done.stderr
        return scratch / "app" / name
    return published


def key_in(pem):
    return serialization.load_pem_private_key(pem[pem.index(b"-----BEGIN"):], None).private_numbers()


@pytest.mark.parametrize("kind", ["rsa", "ec"])
def test_keytool_and_pyjks_read_a_jks_of_certdrop(published, scratch, authority, kind):
    pair = authority.issue("java.example.com", kind)
    store = published(pair, "keystore.jks", "jks", **{"key-password-file": str(scratch / "key.password")})
    listed = java.keytool("-list", "-v", "-keystore", store, "-storepass", STORE)
    assert listed and "Keystore type: JKS" in listed, java.keytool.said
    assert "Alias name: server-cert" in listed and "Certificate chain length: 2" in listed, listed
    assert java.fingerprint(store, "Server-Cert", STORE) == pair.fingerprint
    assert key_in(java.key_of(store, "server-cert", STORE, KEY, scratch)) == pair.private.private_numbers()
    assert java.key_of(store, "server-cert", STORE, STORE, scratch) is None, "the key has its own password"
    assert java.fingerprint(store, "server-cert", "wrong") is None, "the store has a seal"

    read = jks.KeyStore.load(str(store), STORE, try_decrypt_keys=False)
    entry = read.private_keys["server-cert"]
    entry.decrypt(KEY)
    assert entry.pkey_pkcs8 == pair.key_der
    assert hashlib.sha256(entry.cert_chain[0][1]).hexdigest() == pair.fingerprint
    assert len(entry.cert_chain) == 2
    assert store.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("profile", ["modern", "old-java"])
def test_keytool_reads_a_pkcs12_of_certdrop(published, certdrop, scratch, authority, profile):
    pair = authority.issue("java.example.com", "rsa")
    store = published(pair, "keystore.p12", "pkcs12", profile=profile)
    assert "what is wanted is installed" in certdrop.run("explain", "app").stdout
    listed = java.keytool("-list", "-v", "-keystore", store, "-storepass", STORE)
    assert listed and "Keystore type: PKCS12" in listed, java.keytool.said
    assert "Alias name: server-cert" in listed and "Certificate chain length: 2" in listed, listed
    assert java.fingerprint(store, "server-cert", STORE) == pair.fingerprint
    assert key_in(java.key_of(store, "server-cert", STORE, STORE, scratch)) == pair.private.private_numbers()
    assert java.fingerprint(store, "server-cert", "wrong") is None


def test_what_certdrop_writes_it_reads(published, look, scratch, authority):
    pair = authority.issue("java.example.com")
    store = published(pair, "keystore.jks", "jks", **{"key-password-file": str(scratch / "key.password")})
    accepted, said = look(store, STORE, KEY)
    assert accepted and pair.fingerprint in said, said


@pytest.mark.parametrize("settings, sentence", [
    ({}, 'content "jks" needs a password-file'),
    ({"password-file": "/x", "alias": "clé"}, 'alias "cl.*" is not ASCII'),
    ({"password-file": "/x", "key-password-file": "/x", "files": [{"name": "a", "content": "pkcs12"}]},
     'key-password-file is for content "jks" alone'),
])
def test_what_no_store_can_have_is_a_mistake_in_the_configuration(certdrop, scratch, settings, sentence):
    certdrop.configure([{"name": "app", "product": "files", "publish": str(scratch / "app"),
                         "files": [{"name": "a", "content": "jks"}], **settings}])
    done = certdrop.run("check")
    assert done.returncode == 1 and re.search(sentence, done.stderr), done.stderr
