"""openGauss: a package in any shape is proven, packed anew, installed, and seen served on every node."""
import json
import os

import pytest

from opengauss import OWNER, CertificateSet, OpenGauss
from postgresql import PROGRAMS
from waiting import until

pytestmark = pytest.mark.skipif(not PROGRAMS, reason="PostgreSQL is not installed")


@pytest.fixture
def old(authority):
    return CertificateSet(authority, "old.example.com")


@pytest.fixture
def new(authority):
    """Under a passphrase of its own: what the nodes keep is another one."""
    return CertificateSet(authority, "new.example.com", b"Fresh@2468", b"Fresh@1357")


@pytest.fixture
def install(scratch, old):
    """Clusters that run, and are stopped at the end."""
    made = []

    def start(**more):
        made.append(OpenGauss(scratch, old, **more).start())
        return made[-1]
    yield start
    for cluster in made:
        cluster.stop()


def target(cluster, scratch, **more):
    """The settings of a target for it, on the first node."""
    node, spool = cluster.nodes[0], scratch / "spool"
    spool.mkdir(exist_ok=True)
    spool.chmod(0o711)
    settings = {"name": "gauss", "product": "opengauss", "user": OWNER.pw_name, "profile": node.profile,
                "data": node.data, "home": node.app, "spool": spool, "times": 1,
                "probe": [f"127.0.0.1:{each.port}" for each in cluster.nodes], "restart": "never", **more}
    return {name: value for name, value in settings.items() if value is not None}


@pytest.fixture
def watched(certdrop, scratch, install):
    """certdrop running with one target "gauss" in front of a cluster."""
    def start(nodes=1, settings=None, **more):
        cluster = install(nodes=nodes, **more)
        certdrop.configure([target(cluster, scratch, **(settings or {}))])
        certdrop.start()
        return cluster
    return start


def drop_package(certdrop, certificates, **more):
    certdrop.drop("gauss", {"db-cert-replacement.zip": certificates.zip(**more)})


def until_served(certdrop, certificates, seconds=60):
    certdrop.until_state("gauss", "in-service", seconds=seconds,
                         where=lambda receipt: receipt["fingerprint"] == certificates.fingerprint)


def test_a_package_is_installed_on_all_nodes(certdrop, watched, new):
    cluster = watched(nodes=3)
    drop_package(certdrop, new)
    until_served(certdrop, new)
    assert cluster.served() == [new.fingerprint] * 3
