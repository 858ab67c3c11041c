"""bin/replace-certificate of a server root: replaces, purges and lists certificates from the command line.

It reads the new pair, updates this server root's own key store, and the topology registry over LDAP. The exit status
is that of the vendor's other tools: an LDAP result code, at most 255.
"""
import pathlib
import ssl
import sys
import tempfile

from cryptography.hazmat.primitives.serialization import pkcs12

from standins.pingdirectory import jks, keytool, ldap, replacement
from standins.pingdirectory.instance import STAGE, fingerprint, instances, pem, pem_certificates, pin
from standins.pingdirectory.ldap import CONNECT_ERROR, PARAM_ERROR, Refusal
from standins.pingdirectory.registry import Registry

SHORT = {"h": "hostname", "p": "port", "D": "bindDN", "w": "bindPassword", "j": "bindPasswordFile", "Z": "useSSL",
         "q": "useStartTLS", "X": "trustAll", "P": "trustStorePath", "U": "trustStorePasswordFile"}
# Whether an argument has a value.
CONNECTION = {"hostname": True, "port": True, "bindDN": True, "bindPassword": True, "bindPasswordFile": True,
              "useSSL": False, "useStartTLS": False, "defaultTrust": False, "trustAll": False, "trustStorePath": True,
              "trustStorePassword": True, "trustStorePasswordFile": True, "trustStoreFormat": True,
              "verifyCertificateHostnames": False, "propertiesFilePath": True, "noPropertiesFile": False}
SOURCE = {"source-key-store-file": True, "source-key-store-type": True, "source-key-store-password": True,
          "source-key-store-password-file": True, "source-certificate-alias": True,
          "source-private-key-password": True, "source-private-key-password-file": True}
TARGET = {"key-manager-provider": True, "trust-manager-provider": True, "target-certificate-alias": True,
          "reload-http-connection-handler-certificates": False}
SUBCOMMANDS = {
    "replace-inter-server-certificate": SOURCE, "replace-listener-certificate": {**SOURCE, **TARGET},
    "purge-retired-inter-server-certificates": {}, "purge-retired-listener-certificates": {},
    "purge-remote-retired-inter-server-certificates": {}, "purge-remote-retired-listener-certificates": {},
    "list-topology-registry-inter-server-certificates": {}, "list-topology-registry-listener-certificates": {}}


# ---- arguments ----

def parse(arguments):
    """The subcommand and its arguments, "--name value" or "--name=value"."""
    subcommand = next((word for word in arguments if word in SUBCOMMANDS), None)
    if not subcommand:
        raise Refusal(PARAM_ERROR, "no subcommand was given; without a terminal there is no interactive mode")
    known, found, left = {**CONNECTION, **SUBCOMMANDS[subcommand]}, {}, list(arguments)
    left.remove(subcommand)
    while left:
        word = left.pop(0)
        name, given, value = word.removeprefix("--").partition("=") if word.startswith("--") else (
            SHORT.get(word.removeprefix("-"), word), "", "")
        if name not in known:
            raise Refusal(PARAM_ERROR, f"argument '{word}' is not defined for use with this program")
        if known[name] and not given:
            if not left:
                raise Refusal(PARAM_ERROR, f"argument '{word}' requires a value")
            value = left.pop(0)
        found[name] = value
    return subcommand, found


def with_properties(instance, found):
    """config/tools.properties gives what was not given; "replace-certificate.name" wins over "name"."""
    path = pathlib.Path(found.get("propertiesFilePath", instance.config / "tools.properties"))
    if "noPropertiesFile" in found or not path.exists():
        return found
    pairs = [line.strip().partition("=")[::2] for line in path.read_text().splitlines()
             if "=" in line and not line.startswith("#")]
    general = {name: value for name, value in pairs if name in CONNECTION and value != "false"}
    own = {name.removeprefix("replace-certificate."): value for name, value in pairs
           if name.startswith("replace-certificate.")}
    return {**general, **own, **found}


def masked(arguments):
    """Passwords are recorded by nobody; that there was one among the arguments is."""
    secret = {f"--{name}" for name in (*CONNECTION, *SOURCE) if name.lower().endswith("password")} | {"-w"}
    return ["***" if before in secret else f"{word.partition('=')[0]}=***" if "=" in word
            and word.partition("=")[0] in secret else word for before, word in zip(["", *arguments], arguments)]


def secret_of(found, name):
    """From the file, or else from the command line, or None."""
    file = found.get(f"{name}-file", found.get(f"{name}File"))
    if file is None:
        return found.get(name)
    keytool.check_pin(pathlib.Path(file))
    return pin(pathlib.Path(file))


# ---- the connection ----

def trust(instance, found):
    """How the server's certificate is verified. Without any trust argument the terminal is asked."""
    if "useSSL" not in found and "useStartTLS" not in found:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = "verifyCertificateHostnames" in found
    context.verify_flags |= 0x80000
    if "trustStorePath" in found:
        context.load_verify_locations(cadata="".join(map(pem, trusted_by_store(found))))
    elif "defaultTrust" in found:
        registry = Registry(instance)
        known = [certificate for each in instances() for certificate in registry.listeners(each)]
        context.load_verify_locations(cadata="".join(map(pem, known)))
    else:
        if "trustAll" not in found:
            confirm()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def confirm():
    print("Do you wish to trust this certificate? Enter 'y' or 'n': ", end="", flush=True)
    if sys.stdin.readline().strip() != "y":
        raise Refusal(CONNECT_ERROR, "the server's certificate is not trusted")


def trusted_by_store(found):
    path, password = pathlib.Path(found["trustStorePath"]), secret_of(found, "trustStorePassword") or ""
    try:
        content = path.read_bytes()
        if content[:1] == b"\x30":
            return [each.certificate for each in pkcs12.load_pkcs12(content, password.encode()).additional_certs]
        return [chain[0] for _, chain in jks.read(content, password).values()]
    except (OSError, ValueError, jks.Unreadable) as error:
        raise Refusal(PARAM_ERROR, f"trust store '{path}' cannot be used: {error}") from None


def connect(found, context, host, port):
    client = ldap.Client(host, port, context, "useStartTLS" in found)
    if "bindDN" in found:
        client.bind(found["bindDN"], secret_of(found, "bindPassword") or "")
    return client


class OverLdap:
    """The registry, got and set through a connection."""

    def __init__(self, client):
        self.client = client

    def get(self, place):
        return [value.decode() for value in self.client.read(place[0], place[1]).get(place[1], [])]

    def put(self, place, value):
        self.client.replace(*place, value)


# ---- the subcommands ----

def source(found, directory):
    """The key store named by the arguments; keytool gets every password in a file."""
    if "source-key-store-file" not in found:
        raise Refusal(PARAM_ERROR, "argument '--source-key-store-file' is required")
    files = []
    for name in ("source-key-store-password", "source-private-key-password"):
        secret = secret_of(found, name)
        files.append(None if secret is None else directory / name)
        if secret is not None:
            files[-1].write_text(secret + "\n")
    if not files[0]:
        raise Refusal(PARAM_ERROR, "argument '--source-key-store-password-file' is required")
    return keytool.read(pathlib.Path(found["source-key-store-file"]), *files, found.get("source-key-store-type"),
                        found.get("source-certificate-alias"))


def purge_remote(instance, kind, found, context, say):
    oid = ldap.PURGE_INTER_SERVER if kind == replacement.INTER_SERVER else ldap.PURGE_LISTENER
    for each in instances():
        if each.name != instance.name:
            port = each.ldaps if "useSSL" in found else each.ldap
            connect(found, context, each.host, port).extended(oid)
            say(f"Purged the retired {kind} certificates of server instance '{each.name}'.")


def show(kind, registry, say):
    for each in instances():
        for value in registry.get(each.place(kind)):
            for certificate in pem_certificates(value):
                say(f"Server Instance: {each.name}")
                say(f"SHA-256 Fingerprint: {fingerprint(certificate)}")
                say(pem(certificate))


def act(instance, subcommand, found, directory):
    kind = replacement.INTER_SERVER if "inter-server" in subcommand else replacement.LISTENER
    pair = source(found, directory) if subcommand.startswith("replace-") else None
    context = trust(instance, found)
    client = connect(found, context, found.get("hostname", "localhost"), int(found.get("port", 389)))
    registry = OverLdap(client)
    if pair:
        # Whoever may not look at the registry is turned away before anything is changed.
        registry.get(instance.place(kind))
        replacement.replace(instance, kind, pair, False, registry, print)
    elif subcommand.startswith("purge-remote-"):
        purge_remote(instance, kind, found, context, print)
    elif subcommand.startswith("purge-"):
        replacement.purge(instance, kind, registry, print)
    else:
        show(kind, registry, print)


def main(root, arguments):
    instance = next(each for each in instances() if each.directory == root)
    STAGE.record(program="replace-certificate", arguments=masked(arguments), instance=instance.name)
    status = 0
    try:
        if {"--help", "-?"} & set(arguments):
            print("replace-certificate look-alike: " + ", ".join(SUBCOMMANDS))
        else:
            subcommand, found = parse(arguments)
            with tempfile.TemporaryDirectory() as directory:
                act(instance, subcommand, with_properties(instance, found), pathlib.Path(directory))
    except Refusal as refusal:
        print(refusal, file=sys.stderr)
        status = max(1, min(refusal.code, 255))
    STAGE.record(program="replace-certificate", status=status)
    return status
