"""What the tests of the product "opengauss" share: certdrop in front of a cluster of stand-ins."""
import contextlib
import threading
import time

import pytest

from opengauss import OWNER, CertificateSet, OpenGauss
from thorough import thorough


@pytest.fixture
def old(authority):
    return CertificateSet(authority, "old.example.com")


@pytest.fixture
def new(authority):
    """Under passphrases of its own: what the nodes keep are others."""
    return CertificateSet(authority, "new.example.com", b"Fresh@2468", b"Fresh@1357")


def target(cluster, scratch, **more):
    """The settings of a target for it, on the first node."""
    node, spool = cluster.nodes[0], scratch / "spool"
    spool.mkdir(exist_ok=True)
    spool.chmod(0o711)
    settings = {"name": "gauss", "product": "opengauss", "user": OWNER.pw_name, "profile": node.profile,
                "data": node.data, "home": node.app, "spool": spool, "times": 1, "restart": "never",
                "probe-deadline": "3s", "probe": [f"127.0.0.1:{each.port}" for each in cluster.nodes], **more}
    return {name: value for name, value in settings.items() if value is not None}


LITE = {"edition": "lite", "home": None}


@pytest.fixture
def watched(certdrop, scratch, old):
    """Starts a cluster, and certdrop with one target "gauss" in front of it."""
    made = []

    def start(settings=None, prepare=lambda cluster: None, others=(), **more):
        cluster = OpenGauss(scratch, old, **more)
        made.append(cluster)
        prepare(cluster)
        cluster.start()
        certdrop.configure([target(cluster, scratch, **(settings or {})), *others], **{"retry-first": "1s"})
        certdrop.start()
        return cluster
    yield start
    for cluster in made:
        cluster.stop()


def drop_package(certdrop, certificates, **more):
    certdrop.drop("gauss", {"db-cert-replacement.zip": certificates.zip(**more)})


def until_served(certdrop, certificates, seconds=60):
    return certdrop.until_state("gauss", "in-service", seconds=seconds,
                                where=lambda receipt: receipt["fingerprint"] == certificates.fingerprint)


def cert_calls(cluster):
    """How gs_om was called to change certificates."""
    return [call for call in cluster.calls("gs_om") if "cert" in call]


class Client:
    """Connects without a pause, and remembers when it was refused."""

    def __init__(self, node):
        self.node, self.ended = node, threading.Event()
        self.attempts, self.refused, self.seen = 0, [], []
        self.thread = threading.Thread(target=self._connect)

    def _connect(self):
        while not self.ended.is_set():
            began = time.monotonic()
            served = self.node.served()
            self.attempts += 1
            if served is None:
                self.refused.append((began, time.monotonic()))
            elif served not in self.seen[-1:]:
                self.seen.append(served)

    @property
    def seconds_refused(self):
        """From the first refusal to the end of the last one."""
        return self.refused[-1][1] - self.refused[0][0] if self.refused else 0.0


@contextlib.contextmanager
def connecting(node):
    client = Client(node)
    client.thread.start()
    try:
        yield client
    finally:
        client.ended.set()
        client.thread.join()
