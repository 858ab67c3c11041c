"""A topology of PingDirectory stand-ins of our own: server roots in directories, loopback ports, no rights.

What it plays, and how it is told to misbehave, is in the package standins.pingdirectory."""
import datetime
import functools
import hashlib
import json
import os
import pathlib
import shutil
import signal
import ssl
import subprocess
import sys

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12

import nginx
from certificates import name_of
from waiting import PATIENCE, free_port, until

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TESTS))

from standins.pingdirectory import entries, jks, ldap  # noqa: E402
from standins.pingdirectory import instance as standin  # noqa: E402
from standins.stage import Stage  # noqa: E402

KEYTOOL = shutil.which("keytool")
ADMIN, PASSWORD = "uid=admin,dc=example,dc=com", "admin-password"
# May look and change the configuration; to replace certificates by extended operation is not among it by default.
READER, READER_PASSWORD = "uid=reader,dc=example,dc=com", "reader-password"
PRIVILEGES = ["config-read", "config-write", "metrics-read"]
PIN = "store-pin"


class Identity:
    """A self-signed pair, as an inter-server certificate is; or any other, to be refused."""

    def __init__(self, common_name, bits=2048, kind="rsa", days=7300, starts_in_days=-1):
        self.key = (rsa.generate_private_key(65537, bits) if kind == "rsa"
                    else ec.generate_private_key(ec.SECP256R1()))
        starts = datetime.datetime.utcnow() + datetime.timedelta(days=starts_in_days)
        self.certificate = (
            x509.CertificateBuilder().subject_name(name_of(common_name)).issuer_name(name_of(common_name))
            .public_key(self.key.public_key()).serial_number(x509.random_serial_number())
            .not_valid_before(starts).not_valid_after(starts + datetime.timedelta(days=days))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), False)
            .add_extension(x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.SERVER_AUTH,
                                                  x509.ExtendedKeyUsageOID.CLIENT_AUTH]), False)
            .sign(self.key, hashes.SHA256()))
        self.fingerprint = self.certificate.fingerprint(hashes.SHA256()).hex()
        self.pem = self.certificate.public_bytes(serialization.Encoding.PEM)
        self.der = self.certificate.public_bytes(serialization.Encoding.DER)
        self.key_pem, self.key_der = (self.key.private_bytes(
            encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
            for encoding in (serialization.Encoding.PEM, serialization.Encoding.DER))

    def pkcs12(self, alias="new-inter-server-cert", password=PIN):
        return pkcs12.serialize_key_and_certificates(alias.encode(), self.key, self.certificate, None,
                                                     serialization.BestAvailableEncryption(password.encode()))

    def jks(self, alias="new-inter-server-cert", password=PIN, key_password=None):
        return jks.written({alias: (self.key, [self.certificate])}, password, key_password)


@functools.cache
def first_identities(names):
    """The pairs that a topology is installed with: made once for all topologies."""
    return {(name, alias): Identity(f"{alias}.{name}.example.com", kind=kind) for name in names
            for alias, kind in ((standin.ADS_ALIAS, "rsa"), (standin.LISTENER_ALIAS, "ec"))}


class Instance(standin.Instance):
    """One server of the topology, with its ports as a client sees them."""

    process = None

    def presented(self):
        """The fingerprint that the replication port shows to somebody without a certificate. A server that is
        busy may not answer the first time."""
        return until(lambda: nginx.handshake(self.replication), lambda: f"{self.name} shows nothing: {self.log()}")

    def listener(self):
        """The fingerprint on the LDAPS port."""
        return nginx.handshake(self.ldaps)

    def in_store(self, kind="inter-server"):
        return standin.fingerprint(self.pair(kind)[1][0])

    def log(self):
        return (self.directory / "logs" / "server.log").read_text(errors="replace")


class PingDirectory(Stage):
    """PingDirectory(scratch).start() gives a topology of three servers that trust one another."""

    def __init__(self, scratch, names=("ds1", "ds2", "ds3")):
        super().__init__(scratch / "pingdirectory")
        self.lay()
        self.instances = [Instance(name, "127.0.0.1", free_port(), free_port(), free_port(), root=self.root)
                          for name in names]
        shutil.copytree(TESTS / "standins", self.root / "tools" / "standins",
                        ignore=shutil.ignore_patterns("__pycache__", "opengauss"))
        (self.root / "topology.json").write_text(json.dumps({
            "instances": [{"name": each.name, "host": each.host, "ldap": each.ldap, "ldaps": each.ldaps,
                           "replication": each.replication} for each in self.instances],
            "users": [{"dn": dn, "privileges": privileges, "sha256": hashlib.sha256(password.encode()).hexdigest()}
                      for dn, password, privileges in (
                          (ADMIN, PASSWORD, [*PRIVILEGES, "permit-replace-certificate-request"]),
                          (READER, READER_PASSWORD, PRIVILEGES))]}))
        self.identities = first_identities(tuple(names))
        for each in self.instances:
            self._install(each)

    def __getitem__(self, name):
        return next(each for each in self.instances if each.name == name)

    def _install(self, instance):
        for directory in ("bin", "config", "logs"):
            (instance.directory / directory).mkdir(parents=True)
        shutil.copy2(TESTS / "standins" / "pingdirectory" / "bin" / "replace-certificate", instance.directory / "bin")
        for path, alias in ((instance.truststore, standin.ADS_ALIAS), (instance.keystore, standin.LISTENER_ALIAS)):
            put(path, self.identities[instance.name, alias].jks(alias))
            put(path.with_name(path.name + ".pin"), f"{PIN}\n".encode())
        put(instance.configuration, entries.written([
            entries.Entry(standin.CONFIG, {"objectClass": ["top", "ds-cfg-root-config"], "cn": "config",
                                           "ds-cfg-instance-name": instance.name}),
            *(entries.Entry(dn, {"objectClass": ["top", "ds-cfg-branch"], "cn": dn.partition(",")[0][3:]})
              for dn in (standin.TOPOLOGY, standin.INSTANCES)),
            *(entry for each in self.instances for entry in each.registry_entries(
                *(self.identities[each.name, alias].pem.decode()
                  for alias in (standin.ADS_ALIAS, standin.LISTENER_ALIAS))))]).encode())

    # ---- the servers ----

    def start(self, *names):
        chosen = [each for each in self.instances if not names or each.name in names]
        for each in chosen:
            with open(each.directory / "logs" / "server.log", "ab") as log:
                each.process = subprocess.Popen(
                    [sys.executable, "-m", "standins.pingdirectory.server", each.name], stdin=subprocess.DEVNULL,
                    stdout=log, stderr=log, cwd="/", start_new_session=True,
                    env={**os.environ, "PYTHONPATH": str(self.root / "tools")})
        for each in chosen:
            until(each.listener, lambda: f"{each.name} does not answer: {each.log()}")
        until(self.whole, lambda: f"not connected: {self.links()}")
        return self

    def stop(self, *names):
        for each in self.instances:
            if each.process and (not names or each.name in names):
                each.process.send_signal(signal.SIGTERM)
                each.process.wait(20)
                each.process = None

    def reset(self):
        """Every connection between the servers is made anew, as after a restart."""
        for each in self.running():
            each.process.send_signal(signal.SIGHUP)

    def running(self):
        return [each for each in self.instances if each.process]

    # ---- what came of it ----

    def links(self):
        """(from, to) to whether the one is connected to the other, as last told."""
        return {tuple(line["link"]): line["connected"] for line in self.records() if "link" in line}

    def whole(self):
        """Every running server is connected to every other."""
        links = self.links()
        return all(links.get((one.name, other.name)) for one in self.running() for other in self.running()
                   if one is not other)

    def lost(self):
        """The connections between the servers that were there, and then were not: [from, to], in their order."""
        there, lost = set(), []
        for line in self.records():
            if "link" in line and line["connected"]:
                there.add(tuple(line["link"]))
            elif "link" in line and tuple(line["link"]) in there:
                lost.append(line["link"])
        return lost

    def registered(self, name, kind="inter-server", at=None):
        """The fingerprints that the registry of one server ("at", else the same) holds for an instance."""
        place = self[name].place(kind)
        client = self.client(at or name)
        values = client.read(*place)[place[1]]
        client.close()
        return [standin.fingerprint(each) for value in values for each in standin.pem_certificates(value.decode())]

    def client(self, name, dn=ADMIN, password=PASSWORD, secure=True):
        """A bound LDAP connection that does not look at the server's certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        each = self[name]
        client = ldap.Client(each.host, each.ldaps if secure else each.ldap, context if secure else None)
        if dn:
            client.bind(dn, password)
        return client

    # ---- the tool ----

    def password_file(self, content=PASSWORD, name="password"):
        path = self.root / name
        put(path, f"{content}\n".encode())
        return path

    def connection_arguments(self, name):
        """What the tool needs to reach its own server; config/tools.properties is left aside."""
        return ["--noPropertiesFile", "--hostname", self[name].host, "--port", self[name].ldaps, "--useSSL",
                "--defaultTrust", "--bindDN", ADMIN, "--bindPasswordFile", self.password_file()]

    def source_arguments(self, store, pin=PIN, alias="new-inter-server-cert"):
        return ["--source-key-store-file", store, "--source-key-store-password-file", self.password_file(pin, "pin"),
                *(["--source-certificate-alias", alias] if alias else [])]

    def run(self, name, subcommand, *arguments, connection=None, given=""):
        program = self[name].directory / "bin" / "replace-certificate"
        connection = self.connection_arguments(name) if connection is None else connection
        return subprocess.run([program, subcommand, *map(str, [*connection, *arguments])], input=given,
                              capture_output=True, text=True, timeout=60 * PATIENCE)


def put(path, content):
    path.unlink(missing_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as output:
        output.write(content)
