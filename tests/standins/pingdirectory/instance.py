"""A topology on disk, and one server instance in it.

    ROOT/orders, settings.json, calls: see standins/stage.py
    ROOT/topology.json    the instances, who may bind, and with which privileges
    ROOT/tools            a copy of this package
    ROOT/NAME             a server root: bin/replace-certificate, config/ads-truststore (JKS) and its .pin,
                          config/keystore (JKS) and its .pin, config/config.ldif, config/tools.properties, logs/
"""
import base64
import hashlib
import json
import pathlib

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.serialization import pkcs12

from standins.pingdirectory import entries, jks
from standins.stage import Stage

ROOT = pathlib.Path(__file__).resolve().parents[3]
STAGE = Stage(ROOT)
CONFIG = "cn=config"
TOPOLOGY = f"cn=Topology,{CONFIG}"
INSTANCES = f"cn=Server Instances,{TOPOLOGY}"
MONITOR = "cn=monitor"
SUBTREE_MONITOR = f"cn=Mirrored subtree manager for base DN cn_Topology_cn_config,{MONITOR}"
INTER_SERVER, LISTENER = "ds-cfg-inter-server-certificate", "ds-cfg-listener-certificate"
ADS_ALIAS, LISTENER_ALIAS = "ads-certificate", "server-cert"


def fingerprint(certificate):
    return certificate.fingerprint(hashes.SHA256()).hex()


def pem(certificate):
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def pem_certificates(value):
    """As the product's own parser reads the registry: anything but clean blocks, one after another, and every
    certificate in the value is lost."""
    found, block = [], None
    for line in value.replace("\r\n", "\n").strip("\n").split("\n"):
        if block is None:
            if line != "-----BEGIN CERTIFICATE-----":
                return []
            block = []
        elif line == "-----END CERTIFICATE-----":
            try:
                found.append(x509.load_der_x509_certificate(base64.b64decode("".join(block), validate=True)))
            except ValueError:
                return []
            block = None
        else:
            block.append(line)
    return found if block is None else []


def pin(path):
    """One line that is not empty, and that is the password."""
    lines = path.read_text().splitlines()
    if len(lines) != 1 or not lines[0]:
        raise jks.Unreadable(f"the password file {path} must hold exactly one line that is not empty")
    return lines[0]


class Instance:
    def __init__(self, name, host, ldap, ldaps, replication, root=ROOT):
        self.name, self.host = name, host
        self.ldap, self.ldaps, self.replication = ldap, ldaps, replication
        self.directory = root / name
        self.config = self.directory / "config"
        self.truststore = self.config / "ads-truststore"
        self.keystore = self.config / "keystore"
        self.configuration = self.config / "config.ldif"

    @property
    def dn(self):
        return f"cn={self.name},{INSTANCES}"

    @property
    def listener_dn(self):
        return f"cn=ldap-listener-mirrored-config,cn=Server Instance Listeners,{self.dn}"

    def place(self, kind):
        """Where the certificate of a kind is in the registry: (entry, attribute)."""
        return (self.dn, INTER_SERVER) if kind == "inter-server" else (self.listener_dn, LISTENER)

    def store(self, kind):
        return (self.truststore, ADS_ALIAS) if kind == "inter-server" else (self.keystore, LISTENER_ALIAS)

    def pair(self, kind):
        """The private key and the chain that it serves: from the JKS or PKCS#12 store, as they are now."""
        store, alias = self.store(kind)
        password, content = pin(store.with_name(store.name + ".pin")), store.read_bytes()
        if content[:1] == b"\x30":
            key, certificate, more = pkcs12.load_key_and_certificates(content, password.encode())
            return key, [certificate, *more]
        try:
            return jks.read(content, password)[alias]
        except KeyError:
            raise jks.Unreadable(f"{store} has no entry {alias}") from None

    def registry_entries(self, inter_server, listener):
        """This instance's part of the topology registry."""
        return [
            entries.Entry(self.dn, {
                "objectClass": ["top", "ds-cfg-branch", "ds-mirrored-object", "ds-cfg-server-instance",
                                "ds-cfg-data-store-server-instance"],
                "cn": self.name, "ds-cfg-server-instance-name": self.name, "ds-cfg-hostname": self.host,
                "ds-cfg-server-root": str(self.directory), "ds-cfg-server-version": "PingDirectory 11.0.0.0",
                "ds-cfg-cluster-name": "cluster", "ds-cfg-server-instance-location": "local",
                "ds-cfg-ldap-port": str(self.ldap), "ds-cfg-ldaps-port": str(self.ldaps),
                "ds-cfg-replication-port": str(self.replication), INTER_SERVER: inter_server}),
            entries.Entry(f"cn=Server Instance Listeners,{self.dn}", {
                "objectClass": ["top", "ds-cfg-branch"], "cn": "Server Instance Listeners"}),
            entries.Entry(self.listener_dn, {
                "objectClass": ["top", "ds-mirrored-object", "ds-cfg-server-instance-listener",
                                "ds-cfg-ldap-server-instance-listener"],
                "cn": "ldap-listener-mirrored-config", LISTENER: listener})]


def instances(root=ROOT):
    return [Instance(**each, root=root) for each in json.loads((root / "topology.json").read_text())["instances"]]


def users():
    return json.loads((ROOT / "topology.json").read_text())["users"]


def user_entry(user):
    """What a user may look at of itself. Where a virtual attribute or a group gives the privileges it shows none."""
    shown = [] if STAGE.setting("privileges-hidden", False) else user["privileges"]
    return entries.Entry(user["dn"], {"objectClass": ["top", "person"], "ds-privilege-name": shown})


def authenticate(dn, password):
    """The user's privileges, or None. Only a digest of the password is kept."""
    for user in users():
        if entries.normal(user["dn"]) == entries.normal(dn):
            well = user["sha256"] == hashlib.sha256(password).hexdigest()
            return user["privileges"] if well else None
    return None
