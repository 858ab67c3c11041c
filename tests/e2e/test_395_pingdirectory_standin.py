"""The PingDirectory stand-in is as the vendor's documentation and SDK say, so that tests may lean on it."""
import os
import shutil
import socket
import ssl
import subprocess

import pytest

import slapd
from pingdirectory import (ADMIN, KEYTOOL, PASSWORD, PIN, READER, READER_PASSWORD, Identity, PingDirectory, entries,
                           jks, ldap, put, standin)
from standins.pingdirectory import ber, keytool, replacement
from waiting import until

pytestmark = pytest.mark.skipif(not KEYTOOL, reason="Java's keytool is not installed")
# LDAPMessages with message ID 2, as the vendor's SDK encodes the four extended requests.
VECTORS = {
    "file": "303e02010277398018312e332e362e312e342e312e33303232312e322e362e3639811d301ba01988062f6b2e6a6b73890670696e"
            "3132338b034a4b538c02616c",
    "data": "303d02010277388018312e332e362e312e342e312e33303232312e322e362e3639811c301aa1188802feed890670696e3132338b"
            "06504b435331328c02616c",
    "key pin and skip": "3040020102773b8018312e332e362e312e342e312e33303232312e322e362e3639811f301da01888062f6b2e6a6b"
                        "73890670696e3132338a066b70313233349001ff",
    "certificates": "303602010277318018312e332e362e312e342e312e33303232312e322e362e363981153013a211ae0904023000040330"
                    "0100af0430020500",
    "listener": "305802010277538018312e332e362e312e342e312e33303232312e322e362e363881373035a01988062f6b2e6a6b73890670"
                "696e3132338b034a4b538c02616c83034a4b5384034a4b53860b7365727665722d636572748701ff",
    "purge": "301f020102771a8018312e332e362e312e342e312e33303232312e322e362e3731"}


@pytest.fixture
def own(scratch):
    """A topology that the test may leave in any state."""
    made = PingDirectory(scratch).start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    made = PingDirectory(tmp_path_factory.mktemp("shared")).start()
    yield made
    made.stop()


@pytest.fixture
def running(shared):
    """A topology that is whole again after the test, and serves whatever the tests before have brought it."""
    yield shared
    shared.forget()
    assert shared.whole() and shared.lost() == []


@pytest.fixture(scope="module")
def identity():
    return Identity("new.example.com")


def stored(scratch, content, name="new.jks"):
    put(scratch / name, content)
    return scratch / name


def data_request(identity, alias="new-inter-server-cert", kind="JKS"):
    """The extended request's value with the key store in it."""
    return ber.sequence(ber.element(0xA1, ber.octets(identity.jks(alias), 0x88), ber.octets(PIN, 0x89),
                                    ber.octets(kind, 0x8B), ber.octets(alias, 0x8C)))


def refusal(client, oid, value=None):
    with pytest.raises(ldap.Refusal) as caught:
        client.extended(oid, value)
    return caught.value.code


# ---- key stores ----

def test_keytool_and_we_read_the_same_stores(scratch, identity):
    path = stored(scratch, identity.jks("Ads", PIN, "other-pin"))
    pins = [stored(scratch, f"{pin}\n".encode(), pin) for pin in (PIN, "other-pin")]
    key, chain = keytool.read(path, *pins, "JKS", "ads")
    assert standin.fingerprint(chain[0]) == identity.fingerprint
    assert key.private_numbers() == identity.key.private_numbers()
    keytool.run("-genkeypair", "-keystore", scratch / "java.jks", "-storetype", "JKS", "-storepass:file", pins[0],
                "-keypass:file", pins[1], "-alias", "made-by-java", "-keyalg", "EC", "-dname", "CN=java")
    ((alias, (key, chain)),) = jks.read((scratch / "java.jks").read_bytes(), PIN, "other-pin").items()
    assert alias == "made-by-java" and key.public_key() and chain[0].subject.rfc4514_string() == "CN=java"
    for password, key_password, said in (("wrong-pin", None, "store"), (PIN, "wrong-pin", "key")):
        with pytest.raises(jks.Unreadable, match=said):
            jks.read((scratch / "java.jks").read_bytes(), password, key_password)


def test_what_is_wrong_with_a_key_store_is_told_apart(scratch, identity):
    good, wrong = (stored(scratch, f"{pin}\n".encode(), pin) for pin in (PIN, "wrong-pin"))
    two = jks.written({name: (identity.key, [identity.certificate]) for name in ("a", "b")}, PIN)
    trusted = jks.written({"ca": (None, [identity.certificate])}, PIN)
    own_key_pin = identity.jks(key_password="other-pin")
    for content, pins, alias, said in (
            (identity.jks(), (wrong, None), None, "password was incorrect"),
            (own_key_pin, (good, wrong), "new-inter-server-cert", "Cannot recover key"),
            (two, (good, None), None, "has 2 private key entries"),
            (trusted, (good, None), None, "has no private key entries"),
            (trusted, (good, None), "ca", "is not a private key entry"),
            (b"\xce\xce\xce\xce" + identity.jks()[4:], (good, None), None, "supported key store types"),
            (b"", (good, None), None, "supported key store types"),
            (identity.pem, (good, None), None, "supported key store types"),
            (identity.jks(), (stored(scratch, b"a\nb\n", "two-lines"), None), None, "exactly one line")):
        with pytest.raises(ldap.Refusal, match=said) as caught:
            keytool.read(stored(scratch, content), *pins, alias=alias)
        assert caught.value.code == 89


def test_only_clean_pem_counts(identity):
    block = identity.pem.decode()
    lines = block.splitlines()
    for clean in (block, block + block, block.replace("\n", "\r\n"), block.rstrip("\n")):
        assert standin.pem_certificates(clean)
    for dirty in ("Certificate:\n" + block, block.rstrip("\n") + block, lines[0] + "".join(lines[1:-1]) + lines[-1],
                  block + "rest", lines[0] + "\n"):
        assert standin.pem_certificates(dirty) == []
    assert len(standin.pem_certificates(block + block)) == 2


def test_the_configuration_survives_its_file(identity):
    held = [entries.Entry("cn=a b,cn=config", {"objectClass": ["top", "x"], "long": "y" * 200, "pem": identity.pem,
                                               "odd": [b" blank before", b":colon"]})]
    text = entries.written(held)
    assert max(map(len, text.splitlines())) <= 76 and "pem:: " in text
    assert entries.read(text)[0].attributes == held[0].attributes and entries.read(text)[0].dn == held[0].dn


# ---- the topology ----

def test_the_servers_trust_one_another_and_nobody_else(running):
    for each in running.instances:
        assert each.presented() == running.identities[each.name, standin.ADS_ALIAS].fingerprint
        assert each.listener() == running.identities[each.name, standin.LISTENER_ALIAS].fingerprint
        assert running.registered(each.name) == [each.presented()]
    # Without a certificate one gets a handshake, with TLS 1.3, and nothing else.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", running["ds1"].replication), timeout=20) as plain:
        with context.wrap_socket(plain) as secured, pytest.raises((ssl.SSLError, ConnectionError)):
            secured.sendall(b'{"ask": "registry", "digest": ""}\n')
            assert secured.recv(1) != b"{"
            raise ConnectionError("it has closed the connection")


def test_a_certificate_is_replaced_mirrored_and_the_earlier_one_purged(scratch, own, identity):
    old = own["ds2"].presented()
    done = own.run("ds2", "replace-inter-server-certificate",
                       *own.source_arguments(stored(scratch, identity.pkcs12(), "new.p12"), alias=None))
    assert done.returncode == 0, done.stderr
    assert own["ds2"].presented() == own["ds2"].in_store() == identity.fingerprint
    for name in ("ds1", "ds2", "ds3"):
        until(lambda: own.registered("ds2", at=name) == [old, identity.fingerprint], f"{name} does not have both")
    listed = own.run("ds3", "list-topology-registry-inter-server-certificates").stdout
    assert old in listed and identity.fingerprint in listed
    assert own.lost() == []
    own.reset()
    until(lambda: len(own.lost()) >= 6 and own.whole(), lambda: f"not connected again: {own.links()}")
    assert own.run("ds2", "purge-retired-inter-server-certificates").returncode == 0
    for name in ("ds1", "ds2", "ds3"):
        until(lambda: own.registered("ds2", at=name) == [identity.fingerprint], f"{name} has the earlier one")
    assert not any("wrong" in line or "-pin" in line for call in own.calls() for line in call)


def test_purged_before_it_is_served_breaks_the_topology(own, identity):
    """The server goes on with the certificate of its start: so after the purge nobody trusts it any more."""
    own.set(replication_certificate="start")
    old = own["ds2"].presented()
    client = own.client("ds2")
    client.extended(ldap.REPLACE_INTER_SERVER, data_request(identity))
    assert own["ds2"].presented() == old
    own.reset()
    until(lambda: len(own.lost()) >= 6 and own.whole(), "the old one is not trusted beside the new one")
    client.extended(ldap.PURGE_INTER_SERVER)
    for name in ("ds1", "ds3"):
        until(lambda: own.registered("ds2", at=name) == [identity.fingerprint], f"{name} did not hear of it")
    own.reset()
    until(lambda: own.links()["ds1", "ds2"] is own.links()["ds2", "ds3"] is False, "still trusted")
    assert not own.whole()


def test_an_interval_is_waited_for_and_an_offline_peer_stays_behind(running, identity):
    running.set(polling_seconds={"ds3": None})
    client = running.client("ds1")
    client.extended(ldap.REPLACE_INTER_SERVER, data_request(identity))
    until(lambda: identity.fingerprint in running.registered("ds1", at="ds2"), "ds2 does not ask")
    assert identity.fingerprint not in running.registered("ds1", at="ds3")
    running.set(polling_seconds=None)
    until(lambda: identity.fingerprint in running.registered("ds1", at="ds3"), "ds3 does not ask")


def test_without_a_primary_nothing_is_written(scratch, own, identity):
    monitor = [client.read(standin.SUBTREE_MONITOR)["master-instance-name"][0]
               for client in (own.client("ds1"), own.client("ds2"))]
    assert monitor == [b"ds1", b"ds1"]
    own.stop("ds1")
    until(lambda: own.client("ds2").read(standin.SUBTREE_MONITOR)["master-instance-name"][0].startswith(
        b"No master is set"), "it still knows a primary")
    done = own.run("ds2", "replace-inter-server-certificate",
                       *own.source_arguments(stored(scratch, identity.jks())))
    assert done.returncode == ldap.UNWILLING and "cannot be written" in done.stderr
    # Half done: the key store came first.
    assert own["ds2"].in_store() == identity.fingerprint not in own.registered("ds2", at="ds3")


# ---- the tool ----

def test_the_rules_for_inter_server_certificates():
    weak, curve, late = Identity("weak", bits=1024), Identity("curve", kind="ec"), Identity("late", days=1,
                                                                                          starts_in_days=-2)
    for each in (weak, curve, late):
        with pytest.raises(ldap.Refusal) as caught:
            replacement.check("inter-server", [each.certificate], False)
        assert caught.value.code == ldap.UNWILLING
    replacement.check("listener", [curve.certificate], False)
    replacement.check("inter-server", [late.certificate], True)


@pytest.fixture(autouse=True)
def stage_of_this_process(scratch, monkeypatch):
    """Parts of the stand-in that are called in here have a stage, too."""
    stage = standin.Stage(scratch / "stage")
    stage.lay()
    monkeypatch.setattr(replacement, "STAGE", stage)


def test_the_tool_says_what_is_missing(scratch, running, identity):
    store = stored(scratch, identity.jks())
    inter_server = "replace-inter-server-certificate"
    good = running.connection_arguments("ds2")
    no_trust = [word for word in good if word != "--defaultTrust"]
    wrong = [word if word != good[-1] else running.password_file("wrong", "wrong") for word in good]
    for code, connection, subcommand, arguments in (
            (89, good, "replace-everything", []), (89, good, inter_server, []),
            (89, good, inter_server, ["--source-key-store-file", store]),
            (89, good, inter_server, [*running.source_arguments(store), "--what"]),
            (ldap.CONNECT_ERROR, no_trust, "purge-retired-inter-server-certificates", []),
            (ldap.INVALID_CREDENTIALS, wrong, "purge-retired-inter-server-certificates", []),
            (ldap.CONNECT_ERROR, [*good, "--port", "1"], "purge-retired-inter-server-certificates", [])):
        done = running.run("ds2", subcommand, *arguments, connection=connection)
        assert done.returncode == code, (subcommand, arguments, done.stderr)
    done = running.run("ds2", "list-topology-registry-listener-certificates", connection=no_trust, given="y\n")
    assert done.returncode == 0 and "Do you wish to trust" in done.stdout


def test_properties_count_unless_they_are_left_aside(running):
    properties = running["ds1"].config / "tools.properties"
    words = dict(zip(*[iter(w for w in running.connection_arguments("ds1") if w not in (
        "--noPropertiesFile", "--useSSL", "--defaultTrust"))] * 2))
    put(properties, "".join(f"{name.removeprefix('--')}={value}\n" for name, value in words.items()).encode()
        + b"useSSL=true\nreplace-certificate.trustAll=true\n")
    listing = "list-topology-registry-listener-certificates"
    assert running.run("ds1", listing, connection=[]).returncode == 0
    assert running.run("ds1", listing, connection=["--noPropertiesFile"]).returncode == ldap.CONNECT_ERROR


def test_a_password_among_the_arguments_is_not_recorded(running):
    for words in (["--bindPassword", PASSWORD], [f"--bindPassword={PASSWORD}"]):
        running.run("ds1", "purge-retired-inter-server-certificates", *words, connection=["--noPropertiesFile"])
    assert PASSWORD not in (running.root / "calls").read_text()
    assert [call[2:] for call in running.calls()[-2:]] == [["--bindPassword", "***"], ["--bindPassword=***"]]


def test_a_listener_certificate_is_replaced(scratch, running):
    curve = Identity("ldaps.example.com", kind="ec")
    old = running["ds3"].listener()
    assert running.registered("ds3", "listener") == [old]
    done = running.run("ds3", "replace-listener-certificate", "--key-manager-provider", "JKS",
                       *running.source_arguments(stored(scratch, curve.jks())))
    assert done.returncode == 0, done.stderr
    assert running["ds3"].listener() == curve.fingerprint
    assert running.registered("ds3", "listener") == [old, curve.fingerprint]
    until(lambda: running.registered("ds3", "listener", at="ds2") == [old, curve.fingerprint], "not mirrored")
    assert running.run("ds2", "purge-remote-retired-listener-certificates").returncode == 0
    assert running.registered("ds3", "listener", at="ds3") == [curve.fingerprint]


# ---- LDAP and the extended operations ----

@pytest.mark.skipif(not shutil.which("ldapsearch"), reason="OpenLDAP's tools are not installed")
def test_a_stock_client_searches_over_starttls(scratch, running):
    password = stored(scratch, PASSWORD.encode(), "password")
    done = subprocess.run(
        ["ldapsearch", "-LLL", "-ZZ", "-x", "-H", f"ldap://127.0.0.1:{running['ds2'].ldap}", "-D", ADMIN,
         "-y", password, "-b", standin.INSTANCES, "(&(objectClass=ds-cfg-server-instance)(cn=ds*))", "cn",
         standin.INTER_SERVER], capture_output=True, text=True, env={**os.environ, "LDAPTLS_REQCERT": "never"})
    assert done.returncode == 0, done.stderr
    found = {entry.texts("cn")[0]: entry.texts(standin.INTER_SERVER)[0] for entry in entries.read(done.stdout)}
    assert sorted(found) == ["ds1", "ds2", "ds3"]
    assert all(value.startswith(running.identities[name, standin.ADS_ALIAS].pem.decode())
               for name, value in found.items() if name != "ds1")
    assert found["ds1"].count("BEGIN CERTIFICATE") == len(running.registered("ds1"))


def test_binding_and_looking(running):
    with pytest.raises(ldap.Refusal) as caught:
        running.client("ds1", password="wrong")
    assert caught.value.code == ldap.INVALID_CREDENTIALS
    nobody = running.client("ds1", dn=None)
    assert b"1.3.6.1.4.1.30221.2.6.69" in nobody.read("")["supportedextension"]
    with pytest.raises(ldap.Refusal) as caught:
        nobody.read(standin.INSTANCES)
    assert caught.value.code == ldap.INSUFFICIENT_ACCESS
    client = running.client("ds1")
    assert b"permit-replace-certificate-request" in client.read(ADMIN, "ds-privilege-name")["ds-privilege-name"]
    reader = running.client("ds1", READER, READER_PASSWORD)
    assert reader.read(READER)["ds-privilege-name"] == [b"config-read", b"config-write", b"metrics-read"]
    with pytest.raises(ldap.Refusal) as caught:
        client.read("cn=ds9," + standin.INSTANCES)
    assert caught.value.code == ldap.NO_SUCH_OBJECT
    for name in ("ds1", "ds2"):
        assert running.client(name).read(standin.CONFIG)["ds-cfg-instance-name"] == [name.encode()]
    monitor = client.read("cn=X.509 Certificate inter-server-certificate,cn=monitor")
    assert monitor["alias"] == [b"ads-certificate"] and monitor["currently-valid"] == [b"true"]
    running.set(require_secure_bind=True)
    with pytest.raises(ldap.Refusal) as caught:
        running.client("ds1", secure=False)
    assert caught.value.code == ldap.CONFIDENTIALITY_REQUIRED


def test_the_known_requests_are_understood(running):
    """File and store of the vectors do not exist or are none, so it shows in the answer how far they were read."""
    client = running.client("ds1")
    for name, said in (("file", "'/k.jks' cannot be read"), ("data", ""), ("key pin and skip", "'/k.jks' cannot be"),
                       ("certificates", "cannot read the certificates"), ("listener", "'/k.jks' cannot be read")):
        client.connection.sendall(bytes.fromhex(VECTORS[name]))
        (_, _), (tag, content) = ber.elements(ber.receive(client.connection))
        parts = ber.elements(content)
        assert tag == 0x78 and ber.number(parts[0][1]) == 89 and said in parts[2][1].decode(), parts
    client.connection.sendall(bytes.fromhex(VECTORS["purge"]))
    (_, _), (tag, content) = ber.elements(ber.receive(client.connection))
    parts = ber.elements(content)
    assert ber.number(parts[0][1]) == 0 and parts[3] == (0x8A, b"1.3.6.1.4.1.30221.2.6.71")
    assert ber.only(ber.only(parts[4][1])[1])[0] == 0x91


def test_every_form_of_the_request_replaces(scratch, running, identity):
    client = running.client("ds1")
    answer = client.extended(ldap.REPLACE_INTER_SERVER, data_request(identity))
    assert b"topology registry" in ber.only(ber.only(answer)[1])[1]
    assert running["ds1"].presented() == identity.fingerprint
    # The same key pair with another certificate needs no key; and a key may be PEM or DER.
    for content in ((ber.element(0xAE, ber.octets(identity.der)),),
                    (ber.element(0xAE, ber.octets(identity.pem)), ber.octets(identity.key_pem, 0xAF)),
                    (ber.element(0xAE, ber.octets(identity.der)), ber.octets(identity.key_der, 0xAF))):
        client.extended(ldap.REPLACE_INTER_SERVER, ber.sequence(ber.element(0xA2, *content)))
    assert running.registered("ds1").count(identity.fingerprint) == 1
    pair = ber.element(0xA2, ber.element(0xAE, ber.octets(identity.der)), ber.octets(identity.key_der, 0xAF))
    listener = ber.sequence(pair, ber.octets("JKS", 0x83), ber.octets("", 0x85))
    client.extended(ldap.REPLACE_LISTENER, listener)
    assert running["ds1"].listener() == identity.fingerprint
    assert refusal(client, ldap.REPLACE_LISTENER, data_request(identity)) == ldap.PROTOCOL_ERROR
    path = stored(scratch, identity.jks())
    client.extended(ldap.REPLACE_INTER_SERVER, ber.sequence(ber.element(
        0xA0, ber.octets(str(path), 0x88), ber.octets(PIN, 0x89))))
    assert all(line["secure"] for line in running.records() if line.get("operation") == "extended")


def test_handler_and_privilege_are_needed(running, identity):
    request, before = data_request(identity), running.points().count("store:ds2")
    reader = running.client("ds2", READER, READER_PASSWORD)
    assert refusal(reader, ldap.REPLACE_INTER_SERVER, request) == ldap.INSUFFICIENT_ACCESS
    client = running.client("ds2")
    running.set(handlers={"ds2": {"enabled": False}})
    assert refusal(client, ldap.REPLACE_INTER_SERVER, request) == ldap.UNWILLING
    assert ldap.REPLACE_INTER_SERVER.encode() not in client.read("")["supportedextension"]
    running.set(no_handler_code=2)
    assert refusal(client, ldap.PURGE_INTER_SERVER) == ldap.PROTOCOL_ERROR
    running.set(handlers={"ds2": {"allow-remotely-provided-certificates": False}})
    assert refusal(client, ldap.REPLACE_INTER_SERVER, request) == ldap.UNWILLING
    running.set(handlers={"ds2": {"allowed-operation": ["replace-listener-certificate"]}})
    assert refusal(client, ldap.PURGE_INTER_SERVER) == ldap.UNWILLING
    assert running.points().count("store:ds2") == before


def test_an_answer_can_be_lost_though_it_was_done(running, identity):
    running.order("reply:ds2", "fail-once")
    client = running.client("ds2")
    assert refusal(client, ldap.REPLACE_INTER_SERVER, data_request(identity)) == ldap.SERVER_DOWN
    assert running["ds2"].presented() == identity.fingerprint
    running.order("registry:ds3", "fail")
    client = running.client("ds3")
    assert refusal(client, ldap.REPLACE_INTER_SERVER, data_request(identity)) == ldap.OTHER
    assert running["ds3"].in_store() == identity.fingerprint not in running.registered("ds3")


# ---- a real directory server beside it ----

@pytest.mark.skipif(not slapd.PROGRAM, reason="OpenLDAP's server is not installed")
def test_openldap_has_a_registry_and_refuses_to_replace(scratch, authority, identity):
    pair = authority.issue("ldap.example.com")
    server = slapd.Slapd(scratch, pair, {"ds1": identity.pem.decode()}).start()
    try:
        context = ssl.create_default_context(cadata=standin.pem(authority.root))
        context.check_hostname = False
        for client in (ldap.Client("127.0.0.1", server.port, context, start_tls=True),
                       ldap.Client("127.0.0.1", server.ldaps, context)):
            client.bind(slapd.ADMIN, slapd.PASSWORD)
            found = client.read(f"cn=ds1,{slapd.INSTANCES}", standin.INTER_SERVER)
            assert found == {standin.INTER_SERVER: [identity.pem]}
            assert refusal(client, ldap.REPLACE_INTER_SERVER, data_request(identity)) == ldap.PROTOCOL_ERROR
    finally:
        server.stop()
