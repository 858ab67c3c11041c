"""A real PostgreSQL of our own: one data directory, one loopback port, no rights."""
import hashlib
import os
import pathlib
import pwd
import socket
import ssl
import struct
import subprocess

from waiting import free_port, until

PROGRAMS = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"))


def handshake(port):
    """The fingerprint of the certificate after an SSLRequest, or None."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as plain:
            plain.sendall(struct.pack("!II", 8, 80877103))
            if plain.recv(1) != b"S":
                return None
            with context.wrap_socket(plain) as secured:
                return hashlib.sha256(secured.getpeercert(binary_form=True)).hexdigest()
    except OSError:
        return None


class Postgresql:
    """PostgreSQL refuses to run as root: then it runs as nobody, who also owns its files."""

    def __init__(self, scratch, pair):
        self.directory = scratch / "postgresql"
        self.data = self.directory / "data"
        self.published = self.directory / "tls"
        self.port = free_port()
        self.process = None
        self.owner = pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
        self.directory.mkdir()
        old = self.directory / "old"
        old.mkdir()
        (old / "server.crt").write_bytes(pair.fullchain)
        (old / "server.key").write_bytes(pair.key)
        (old / "server.key").chmod(0o600)
        self.published.symlink_to("old")
        if os.geteuid() == 0:
            for path in [self.directory, old, *old.iterdir()]:
                os.chown(path, self.owner.pw_uid, self.owner.pw_gid)

    def as_owner(self, *command):
        if os.geteuid() != 0:
            return list(command)
        return ["setpriv", f"--reuid={self.owner.pw_uid}", f"--regid={self.owner.pw_gid}",
                "--clear-groups", *command]

    def reload(self):
        return self.as_owner(str(PROGRAMS[-1] / "pg_ctl"), "reload", "-D", str(self.data))

    def start(self):
        run = {"check": True, "stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "cwd": "/"}
        subprocess.run(self.as_owner(str(PROGRAMS[-1] / "initdb"), "-D", str(self.data), "-A", "trust",
                                     "--no-sync"), **run)
        settings = {"listen_addresses": "127.0.0.1", "port": self.port, "fsync": "off", "ssl": "on",
                    "unix_socket_directories": self.directory,
                    "ssl_cert_file": self.published / "server.crt",
                    "ssl_key_file": self.published / "server.key"}
        with open(self.data / "postgresql.conf", "a") as configuration:
            configuration.writelines(f"{name} = '{value}'\n" for name, value in settings.items())
        with open(self.directory / "log", "wb") as log:
            self.process = subprocess.Popen(
                self.as_owner(str(PROGRAMS[-1] / "postgres"), "-D", str(self.data)),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/")
        until(self.served, lambda: "PostgreSQL does not answer: " + (self.directory / "log").read_text())

    def served(self):
        return handshake(self.port)

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait(30)
