#!/usr/bin/python3
"""The kill table of the products: kill -9 at each step of each kind of pass, a restart, and a look.

    tests/faults/products.py --build=build-release                         every point of every scene
    tests/faults/products.py --build=build-release --scene=ActiveActive    of one
    tests/faults/products.py --build=build-release --only=GaussLite:both:begin:3      one point, with certdrop's log

A point is a place in the conversation between certdrop and its worker (points.py): before the go-ahead of a step is
committed, after that, and when the step is taken and not told yet. Killed are the service, the worker, or both; of a
site of Redis Enterprise a node of the cluster, too, and the etcd that has the leases. Then certdrop is started once
more, untouched.

Right is: certdrop says in the end that the new credential is in service, or that the old one is again; everybody sees
that one and no other; a second step that was owed came before anything else; the drop is empty; no lease is held, and
nothing is left that belongs to a pass that is over.
"""
import argparse
import collections
import pathlib
import random
import sys
import time

from scenes import SCENES
from certificates import Authority
from waiting import PATIENCE, until

STUCK = 90 * PATIENCE  # seconds after which a pass counts as hanging
OUTAGE = 5  # for so many seconds a node or etcd is gone, unless the pass has ended before

# outcome: "new", "old", "mixed", "stuck", "missed"; wrong: what is not right, as one sentence
Result = collections.namedtuple("Result", "outcome seconds wrong")


def points_of(scene):
    """Every point of a pass at which nobody is killed, each with everybody who can be killed there."""
    scene.points.forget()
    pair = scene.fresh()
    scene.drop(pair)
    settle(scene, pair)
    said = scene.points.said()
    keys = ("plan", "says", "step", "undo")
    # The same plan can be asked for a second time, or a step be begun again: the first is enough.
    found = list(dict.fromkeys(tuple((key, each[key]) for key in keys if key in each) for each in said
                               if each["work"] != "ask"))
    return [(dict(point), victim) for point in without_the_like(found) for victim in scene.victims
            if victim in ("service", "worker", "both") or dict(point)["says"] in ("begin", "go", "done")]


def without_the_like(points):
    """Of the same thing said of many steps in a row, the first."""
    says = [dict(point)["says"] for point in points]
    return [point for i, point in enumerate(points) if says[i] not in says[i - 1:i]]


def settle(scene, pair):
    """The outcome, once there is one."""
    end = time.monotonic() + STUCK
    outcome = scene.outcome(pair)
    while not outcome:  # to look is not free: no faster than this
        assert time.monotonic() < end, scene.told()
        time.sleep(0.05)
        outcome = scene.outcome(pair)
    if outcome == "new":
        scene.now = pair
    return outcome


def attempt(scene, point, victim):
    """What comes of one point."""
    pair = scene.fresh()
    scene.points.aim(point)
    scene.drop(pair)
    until(lambda: scene.points.held() or scene.outcome(pair), scene.told, STUCK / PATIENCE)
    if not scene.points.held():
        settle(scene, pair)
        return Result("missed", 0, "")
    scene.forget_question()
    mark = scene.mark()
    start = time.monotonic()
    strike(scene, victim)
    try:
        outcome = settle(scene, pair)
    except AssertionError as error:
        return Result("mixed" if len(scene.seen()) > 1 else "stuck", STUCK, str(error))
    took = time.monotonic() - start
    return Result(outcome, took, "; ".join(scene.wrong(pair, outcome, mark, victim)))


def strike(scene, victim):
    if victim in ("service", "worker", "both"):
        scene.points.kill(victim, scene.certdrop)
        if not scene.certdrop.process:
            scene.certdrop.start()
        return
    scene.fell(victim)
    scene.points.go_on()
    end = time.monotonic() + OUTAGE
    while time.monotonic() < end and not scene.points.is_over():
        time.sleep(0.05)
    scene.mend(victim)


def name_of(scene, point, victim):
    step = f":{point['step']}" if "step" in point else ""
    return f"{scene.__name__}:{victim}:{point['says']}{step}{':undo' if point.get('undo') else ''} ({point['plan']})"


# ---- all of them ----

def try_all(build, authority, scene, chosen, seconds):
    """The results of (point, victim), in their order. After one that did not settle the stand-in is made anew."""
    left, results, end = None, [], time.monotonic() + seconds
    while left is None or left and time.monotonic() < end:
        with scene(build, authority) as running:
            if left is None:
                left = chosen(points_of(running))
            while left and time.monotonic() < end:
                point, victim = left.pop(0)
                try:
                    result = attempt(running, point, victim)
                except AssertionError as error:  # it did not even come to the point
                    result = Result("stuck", STUCK, str(error))
                results.append((victim, result))
                if result.wrong:
                    print(f"{name_of(scene, point, victim)}: {result.outcome}: {result.wrong}", flush=True)
                if result.outcome in ("mixed", "stuck"):
                    break
    return results


def row(product, name, victim, results):
    outcomes = collections.Counter(result.outcome for _, result in results)
    took = max((result.seconds for _, result in results), default=0)
    wrong = sum(bool(result.wrong) for _, result in results)
    return (f"| {product} | {name} | {victim} | {len(results) - outcomes['missed']} | {outcomes['old']} | {outcomes['new']} "
            f"| {outcomes['mixed']} | {outcomes['stuck']} | {wrong} | {outcomes['missed']} | {took:.1f} s |")


HEAD = """| product | scenario | killed | points | old | new | mixed | stuck | wrong | not reached | slowest |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"""


def told_by(scene, results):
    return [row(scene.product, scene.name, victim, [each for each in results if each[0] == victim])
            for victim in scene.victims]


def matching(only):
    """Points as --only has them: SCENE:VICTIM:SAYS[:STEP[:undo]]"""
    _, victim, says, *more = only.split(":")
    wanted = {"says": says, **({"step": int(more[0]), "undo": more[1:] == ["undo"]} if more else {})}
    return lambda points: [(point, whom) for point, whom in points if whom == victim and wanted.items() <= point.items()]


def sample(seed, count):
    """All of them if count is None; in an order of which any beginning is a fair choice."""
    return lambda points: random.Random(seed).sample(points, min(count or len(points), len(points)))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build-release", type=pathlib.Path)
    parser.add_argument("--scene", action="append", help="just this one (may be repeated)")
    parser.add_argument("--points", type=int, help="only so many of each scene, chosen by --seed")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop a scene after that time")
    parser.add_argument("--seed", type=int, default=1, help="decides the choice, and the order")
    parser.add_argument("--only", help="SCENE:VICTIM:SAYS[:STEP[:undo]]")
    arguments = parser.parse_args()
    names = [arguments.only.split(":")[0]] if arguments.only else arguments.scene
    chosen = matching(arguments.only) if arguments.only else sample(arguments.seed, arguments.points)
    build, authority, rows, everything = arguments.build.resolve(), Authority("kills"), [], []
    for scene in SCENES:
        if names and scene.__name__ not in names:
            continue
        results = try_all(build, authority, scene, chosen, arguments.seconds)
        rows += told_by(scene, results)
        everything += results
        print(*told_by(scene, results), sep="\n", flush=True)
    print("", HEAD, *rows, row("all", "", "", everything), sep="\n")
    return 1 if any(result.wrong for _, result in everything) else 0


if __name__ == "__main__":
    sys.exit(main())
