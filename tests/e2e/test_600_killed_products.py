"""kill -9 at steps of the products' passes, a few of them: tests/faults/products.py tries them all.

SEED in the environment repeats a choice; without it each day has its own."""
import os
import pathlib
import random
import sys
import time

import pytest

from pingdirectory import KEYTOOL
from postgresql import PROGRAMS
from redis_targets import thorough

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "faults"))
from products import attempt  # noqa: E402
from scenes import ActiveActive, DirectoryByLdap, GaussCluster, GaussLite, ReplicaOf  # noqa: E402

SEED = int(os.environ.get("SEED", time.strftime("%j")))
CHANGE, FINISH, PURGE = ([{"plan": plan, "phase": phase, "undo": False, "says": says} for says in ("begin", "go", "done")]
                         for plan, phase in (("put", "change"), ("put", "finish"), ("purge", "change")))
with_keytool = pytest.mark.skipif(not KEYTOOL, reason="Java's keytool is not installed")
with_postgresql = pytest.mark.skipif(not PROGRAMS, reason="PostgreSQL is not installed")


def ends_well(scene, point, victim):
    result = attempt(scene, point, victim)
    assert result.outcome == scene.expected and not result.wrong, f"{victim} at {point}: {result}"


@pytest.mark.parametrize("scenes, points", [
    pytest.param([ActiveActive, ReplicaOf], [CHANGE, FINISH], id="redis-enterprise"),
    pytest.param([GaussLite], [CHANGE, FINISH], id="opengauss", marks=with_postgresql),
    pytest.param([DirectoryByLdap], [CHANGE + PURGE], id="pingdirectory", marks=with_keytool)])
def test_whatever_is_killed_all_is_right_in_the_end(build, authority, scenes, points):
    chance = random.Random(SEED)
    with chance.choice(scenes)(build, authority) as scene:
        for some in points:
            ends_well(scene, chance.choice(some), chance.choice(["service", "worker", "both"]))


# ---- points that failed once ----

@thorough
@with_postgresql
def test_a_node_that_a_restart_left_stopped_is_started_again(build, authority):
    with GaussCluster(build, authority) as scene:
        ends_well(scene, {"plan": "restart", "says": "go", "text": "start node2"}, "worker")


@thorough
@with_postgresql
def test_what_was_done_and_not_told_is_told(build, authority):
    """What followed was done, certdrop died before it said so, and the receipt went on to say that it is being applied."""
    with GaussLite(build, authority) as scene:
        ends_well(scene, {"plan": "restart", "says": "end applied"}, "service")


@thorough
def test_another_node_leads_when_the_first_comes_back(build, authority):
    """Both are named in the configuration; the first redirects to the other by an address that is not."""
    with ReplicaOf(build, authority) as scene:
        ends_well(scene, {"plan": "put", "phase": "change", "says": "go"}, "node")
        ends_well(scene, {"plan": "put", "phase": "change", "says": "go"}, "worker")


@thorough
def test_an_update_that_was_under_way_is_not_made_twice(build, authority):
    """It was begun, and who began it died before telling; it has not ended when it is taken up again."""
    with ActiveActive(build, authority) as scene:
        scene.site.set(task_ms=4000)
        ends_well(scene, {"plan": "put", "says": "done", "text": "update carts everywhere"}, "worker")
