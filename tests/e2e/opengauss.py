"""A cluster of openGauss stand-ins of our own: directories for nodes, loopback ports, no rights.

What it plays, and how it is told to misbehave, is in the package standins.opengauss."""
import atexit
import datetime
import functools
import json
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from certificates import pem_of, zip_of
from postgresql import PROGRAMS, handshake
from waiting import PATIENCE, free_port, until

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TESTS))

from standins.opengauss import cluster as standin  # noqa: E402
from standins.opengauss import passphrase as codec  # noqa: E402
from standins.stage import Stage  # noqa: E402

OWNER = pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
PASSPHRASE, CLIENT_PASSPHRASE = b"Server@1234", b"Client@5678"
SETTINGS = {"ssl": "on", "ssl_cert_file": "server.crt", "ssl_key_file": "server.key", "ssl_ca_file": "cacert.pem",
            "ssl_crl_file": ""}


def as_owner(*command):
    """PostgreSQL and gs_om both refuse to run as root: then it is nobody who runs them and owns the files."""
    if os.geteuid() != 0:
        return list(command)
    return ["setpriv", f"--reuid={OWNER.pw_uid}", f"--regid={OWNER.pw_gid}", "--clear-groups", *command]


@functools.cache
def template():
    """An empty database, made once; the nodes' own are copies of it, kept beside it."""
    directory = pathlib.Path(tempfile.mkdtemp(prefix="certdrop-opengauss-", dir="/tmp"))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    shutil.chown(directory, OWNER.pw_uid, OWNER.pw_gid)
    subprocess.run(as_owner(str(PROGRAMS[-1] / "initdb"), "-D", str(directory / "data"), "-A", "trust", "-U",
                            "postgres", "--wal-segsize=1", "--no-sync"), check=True, stdin=subprocess.DEVNULL,
                   stdout=subprocess.DEVNULL, cwd="/")
    return directory / "data"


class CertificateSet:
    """What db-cert-replacement.zip holds: the nine files by name in `files`, and a CRL where one is asked for."""

    def __init__(self, authority, name, passphrase=PASSPHRASE, client_passphrase=CLIENT_PASSPHRASE, kind="ec",
                 revoked=None):
        self.passphrase = passphrase
        self.server = authority.issue(name, kind)
        self.client = authority.issue("client of " + name, kind)
        self.fingerprint = self.server.fingerprint
        self.files = {"cacert.pem": pem_of(authority.root) + pem_of(authority.intermediate)}
        for side, pair, word in (("server", self.server, passphrase), ("client", self.client, client_passphrase)):
            cipher, rand = cipher_files(word)
            self.files.update({f"{side}.crt": pair.fullchain, f"{side}.key": pair.key_encrypted(word),
                               f"{side}.key.cipher": cipher, f"{side}.key.rand": rand})
        if revoked is not None:
            self.files["sslcrl-file.crl"] = revocation_list(authority, revoked)

    def zip(self, **more):
        return zip_of({**self.files, **more})


def cipher_files(word):
    """Of one pair in 128 a server thinks that it is not there yet, and reads it again: none of those."""
    while True:
        cipher, rand = codec.encode(word)
        if cipher[0] and rand[0]:
            return cipher, rand


def revocation_list(authority, pairs):
    now = datetime.datetime.utcnow()
    builder = (x509.CertificateRevocationListBuilder().issuer_name(authority.intermediate.subject)
               .last_update(now - datetime.timedelta(days=1)).next_update(now + datetime.timedelta(days=30)))
    for pair in pairs:
        builder = builder.add_revoked_certificate(
            x509.RevokedCertificateBuilder().serial_number(pair.certificate.serial_number)
            .revocation_date(now - datetime.timedelta(hours=1)).build())
    return builder.sign(authority.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


class Node(standin.Node):
    """One node, with its server as a client sees it."""

    @property
    def profile(self):
        """What the cluster's user sources to work on this node."""
        return self.directory / ".bashrc"

    def served(self):
        return handshake(self.port)

    def files(self):
        """The certificate files in the data directory, by name."""
        names = ("cacert.pem", "server.crt", "server.key", "server.key.cipher", "server.key.rand", "sslcrl-file.crl")
        return {name: (self.data / name).read_bytes() for name in names if (self.data / name).exists()}

    def log(self):
        path = self.logs / "server.log"
        return path.read_text(errors="replace") if path.exists() else ""


class OpenGauss(Stage):
    """OpenGauss(scratch, certificates, nodes=3).start() gives a cluster that serves them; node1 is the primary, and
    "here" for programs that are not told another node. components: which of om, cm and dss are installed."""

    def __init__(self, scratch, certificates, nodes=1, cm=False, components=("om", "cm")):
        super().__init__(scratch / "opengauss")
        self.lay()
        self.cm = cm
        self.nodes = [Node(f"node{number}", "127.0.0.1", free_port(), "Standby" if number > 1 else "Primary",
                           root=self.root) for number in range(1, nodes + 1)]
        self.bin = self.root / "tools" / "standins" / "opengauss" / "bin"
        (self.root / "template").symlink_to(template())
        shutil.copytree(TESTS / "standins", self.root / "tools" / "standins",
                        ignore=shutil.ignore_patterns("__pycache__", "pingdirectory"))
        for node in self.nodes:
            self._install(node, certificates, components)
        self._give_away()

    def _install(self, node, certificates, components):
        for directory in (node.app / "bin", node.data, node.tmp, node.logs, *map(node.sslcert, components)):
            directory.mkdir(parents=True)
        node.data.chmod(0o700)
        for component in components:
            for name, content in certificates.files.items():
                if name != "sslcrl-file.crl":
                    put(node.sslcert(component) / name, content, 0o600 if component == "om" else 0o400)
        node.configuration.write_text("".join(f"{name} = '{value}'\n" for name, value in {
            **SETTINGS, "port": node.port,
            "ssl_crl_file": "sslcrl-file.crl" if "sslcrl-file.crl" in certificates.files else ""}.items()))
        for name, content in certificates.files.items():
            if not name.startswith("client."):
                put(node.data / name, content, 0o600)
        (node.app / "bin" / "cluster_static_config").write_text(json.dumps({
            "name": "certdrop", "cm": self.cm, "this": node.name,
            "nodes": [{"name": each.name, "address": each.address, "port": each.port, "role": each.role}
                      for each in self.nodes]}))
        # Its last word is false, as that of many a .bashrc is.
        node.profile.write_text("".join(f"export {name}={value}\n" for name, value in self.variables(node).items())
                                + "[ -f ~/.aliases ] && . ~/.aliases\n")

    def _give_away(self):
        if os.geteuid() == 0:
            for directory, names, files in os.walk(self.root):
                for path in [directory, *(os.path.join(directory, name) for name in [*names, *files])]:
                    os.lchown(path, OWNER.pw_uid, OWNER.pw_gid)

    def variables(self, node):
        """What the profile exports."""
        return {"GAUSSHOME": node.app, "GPHOME": self.root / "tools", "PGHOST": node.tmp, "GAUSSLOG": node.logs,
                "GAUSS_ENV": "2", "GS_CLUSTER_NAME": "certdrop", "PGDATA": node.data, "PGPORT": node.port,
                "MPPDB_ENV_SEPARATE_PATH": node.profile, "PATH": f"{self.bin}:/usr/bin:/bin"}

    # ---- the servers ----

    def start(self):
        """The handshake makes each server keep its passphrase, as one does that has been in use."""
        done = self.run("gs_om", "-t", "start")
        assert done.returncode == 0, done.stdout + done.stderr
        for node in self.nodes:
            until(node.served, lambda: f"{node.name} does not answer: {node.log()}")
        return self

    def stop(self):
        for node in self.nodes:
            process, _ = node.server()
            if process:
                os.kill(process, signal.SIGINT)
        for node in self.nodes:
            until(lambda: node.server()[0] is None, f"{node.name} does not stop")

    def served(self):
        return [node.served() for node in self.nodes]

    # ---- the programs ----

    def run(self, program, *arguments, node=None, given=None):
        """As the cluster's user on a node, with its profile."""
        variables = {name: str(value) for name, value in self.variables(node or self.nodes[0]).items()}
        return subprocess.run(as_owner(str(self.bin / program), *map(str, arguments)), input=given or "",
                              capture_output=True, text=True, cwd="/", timeout=60 * PATIENCE, umask=0o022,
                              env={**variables, "HOME": str((node or self.nodes[0]).directory)})

    def package(self, content, name="db-cert-replacement.zip"):
        """Puts a package where the cluster's user can read it."""
        path = self.root / name
        put(path, content, 0o600)
        shutil.chown(path, OWNER.pw_uid, OWNER.pw_gid)
        return path

    def replace(self, content, *more, node=None):
        return self.run("gs_om", "-t", "cert", f"--cert-file={self.package(content)}", *more, node=node)


def put(path, content, mode):
    path.unlink(missing_ok=True)
    path.write_bytes(content)
    path.chmod(mode)
