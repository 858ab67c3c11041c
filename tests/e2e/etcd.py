"""A real etcd of one member, with TLS, on loopback ports."""
import os
import signal
import subprocess

from certificates import pem_of
from waiting import free_port, until


class Etcd:
    def __init__(self, scratch, authority):
        self.directory = scratch / "etcd"
        self.directory.mkdir()
        self.port = free_port()
        self.ca = self.directory / "ca.pem"
        self.ca.write_bytes(pem_of(authority.root))
        pair = authority.issue("localhost")
        (self.directory / "cert.pem").write_bytes(pair.fullchain)
        (self.directory / "key.pem").write_bytes(pair.key)
        self.process = None

    def lease(self, **more):
        """The setting `lease` of a target."""
        return {"store": "etcd", "endpoints": [f"https://localhost:{self.port}"], "ca-file": self.ca, "ttl": "2s",
                **more}

    def start(self):
        peer = f"http://127.0.0.1:{free_port()}"
        client = f"https://127.0.0.1:{self.port}"
        with open(self.directory / "log", "ab") as log:
            self.process = subprocess.Popen(
                ["/usr/bin/etcd", "--name", "test", "--data-dir", self.directory / "data",
                 "--listen-client-urls", client, "--advertise-client-urls", client,
                 "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
                 "--initial-cluster", f"test={peer}", "--unsafe-no-fsync",
                 "--cert-file", self.directory / "cert.pem", "--key-file", self.directory / "key.pem"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        until(self._answers, lambda: (self.directory / "log").read_text())
        return self

    def _answers(self):
        assert self.process.poll() is None, (self.directory / "log").read_text()
        return b"ready to serve client requests" in (self.directory / "log").read_bytes()

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self):
        self.process.send_signal(signal.SIGCONT)

    def stop(self):
        if self.process:
            os.kill(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None

    __enter__ = start

    def __exit__(self, *_):
        self.stop()
