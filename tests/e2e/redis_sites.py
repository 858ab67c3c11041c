"""Sites of Redis Enterprise for the tests of the stand-in itself, and what these tests do again and again."""
import shutil
import tempfile

import pytest

from certificates import pem_of
from redis_enterprise import ADMIN, RedisEnterprise
from waiting import until

VIEWER = {"email": "viewer@example.test", "password": "battery staple", "role": "cluster_viewer"}
MEMBER = {"email": "member@example.test", "password": "staple battery", "role": "cluster_member"}
OLDEST, OLD, MIDDLE, NEW = "6.0.20-80", "7.8.6-13", "7.22.2-14", "8.2.0-25"


def cluster(name, **more):
    return {"name": name, "users": [ADMIN, VIEWER, MEMBER], **more}


@pytest.fixture
def start(scratch):
    """Starts a site of its own with the description given, and stops it when the test is over."""
    sites = []

    def started(*clusters, **more):
        sites.append(RedisEnterprise(scratch, {"clusters": list(clusters), **more}))
        return sites[-1].start()
    yield started
    for site in sites:
        site.stop()


@pytest.fixture(scope="module")
def shared():
    directory = tempfile.mkdtemp(prefix="certdrop-", dir="/tmp")
    with RedisEnterprise(directory, {"clusters": [cluster("east", databases=[{"uid": 1, "name": "orders"}])]}) as site:
        yield site
    shutil.rmtree(directory)


@pytest.fixture
def one(shared):
    """One cluster of three nodes. Another test has had it before: its certificates are any."""
    yield shared
    shared.heal()
    shared.forget()
    shared.set(round_trip_ms=0)
    shared.do("set", cluster="east", settings={"handle_redirects": False})
    shared.do("lead", cluster="east", node=1)


@pytest.fixture
def replica(start):
    return start(cluster("east", databases=[{"uid": 1, "name": "orders"}]),
                 cluster("west", databases=[{"uid": 1, "name": "copy"}]),
                 replicas=[{"source": ["east", 1], "destination": ["west", 1]}])


@pytest.fixture
def active(start):
    return start(*[cluster(name, nodes=2) for name in ("east", "west", "north")],
                 crdbs=[{"name": "carts", "clusters": ["east", "west", "north"]}])


def entry(name, pair, root=b""):
    return {"name": name, "certificate": (pair.fullchain + root).decode(), "key": pair.key.decode()}


def whole(authority, name):
    """A pair whose chain goes up to the root."""
    pair = authority.issue(name)
    pair.fullchain += pem_of(authority.root)
    return pair


def new_source_certificate(site, pair, cluster="west", bdb=1):
    """What the second step sends: every source, complete, with the new certificate."""
    sources = site.rest(cluster, "GET", f"/v1/bdbs/{bdb}")[1]["replica_sources"]
    for source in sources:
        source["server_cert"] = pair.fullchain.decode()
    return {"replica_sources": sources}


def force(site, name="east", crdb="carts", **more):
    status, task = site.rest(name, "POST", f"/v1/crdbs/{site.guid(crdb)}/updates", {"force_update": True}, **more)
    assert status == 200
    return task["id"]


def task_ends(site, task, name="east"):
    path = f"/v1/crdb_tasks/{task}"
    return until(lambda: site.rest(name, "GET", path)[1]["status"] in ("finished", "failed")
                 and site.rest(name, "GET", path)[1]["status"], "the task does not end")


def refused(site, name):
    """How many links of a cluster have been tried again, and refused for the certificate."""
    sources = site.rest(name, "GET", "/v1/bdbs/1")[1]["crdt_sources"]
    return sum("certificate" in source["last_error"] or "unknown ca" in source["last_error"] for source in sources)
