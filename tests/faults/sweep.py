#!/usr/bin/python3
"""The kill sweep: SIGKILL before every system call of a full pass, then a restart, then a look.

    tests/faults/sweep.py --build=build-release                a seeded choice of points, as many as fit
    tests/faults/sweep.py --build=build-release --full         every point
    tests/faults/sweep.py --build=build-release --only=worker:renameat2:1     just that one, with its log

A point is (subject, name of a call, ordinal among the calls of that name): strace counts per name. A subject
is one of the programs in one kind of pass; see SUBJECTS in lane.py. At each point a target that serves one
credential is given the next one; the subject is killed; then certdrop is started once more, untouched. While all
this goes on, a reader looks at the published pair through its link again and again.

Right is: the reader never sees anything but the one pair or the other; after the restart the state is settled
(in-service with the new pair; where the pass is one that has to be put back, rolled-back with the old one and
a reason), the server serves what the state says, the drop is empty, and nothing hangs.

How often a program makes a call varies a little from run to run: a point that was not reached, so that nothing was
killed, is counted by itself, and neither as passed nor as failed.
"""
import argparse
import collections
import concurrent.futures
import multiprocessing
import os
import pathlib
import random
import sys
import time
import xml.etree.ElementTree as xml

from lane import PATIENCE, STUCK, SUBJECTS, TELLING, Lane, Result
from certificates import Authority

def chosen(points, seed, budget):
    """Three telling points for each other one, in an order that only the seed decides."""
    shuffled = points[:]
    random.Random(seed).shuffle(shuffled)
    telling = collections.deque(point for point in shuffled if TELLING.match(point[1]))
    others = collections.deque(point for point in shuffled if not TELLING.match(point[1]))
    order = []
    while telling or others:
        for queue in (telling, telling, telling, others):
            if queue:
                order.append(queue.popleft())
    return order[:budget]


# ---- trying ----

lane = None  # of this process


def settle_in(lanes, numbers):
    global lane
    lane = lanes[numbers.get()]


def attempt(point, end):
    """What came of the point, or None when the time is over."""
    if time.monotonic() > end:
        return None
    name, call, ordinal = point
    try:
        return lane.attempt(next(subject for subject in SUBJECTS if subject.name == name), call, ordinal)
    except Exception as error:  # a point that cannot be tried is a failure of that point
        return Result(True, "?", "?", 0, True, STUCK, f"{type(error).__name__}: {error}")


def sweep(lanes, points, seconds):
    """The results in the order of the points, as far as the time allows."""
    end = time.monotonic() + seconds
    processes = multiprocessing.get_context("fork")
    numbers = processes.SimpleQueue()
    for number in range(len(lanes)):
        numbers.put(number)
    results = {}
    with concurrent.futures.ProcessPoolExecutor(len(lanes), processes, settle_in, (lanes, numbers)) as pool:
        running = {pool.submit(attempt, point, end): point for point in points}
        for future in concurrent.futures.as_completed(running):
            point, result = running[future], future.result()
            if not result:
                continue
            results[point] = result
            if result.wrong:
                print(":".join(map(str, point)) + ("" if result.killed else " (not reached)") + f": {result.wrong}",
                      flush=True)
    return [(point, results[point]) for point in points if point in results]


def once_more(lanes, results):
    """What took long, or did not settle, is tried again with nothing beside it: was it certdrop, or the load?

    What went wrong in any other way, a torn pair above all, stays wrong."""
    slow = [point for point, result in results if result.killed and (result.stuck or result.seconds > 1) and not result.torn]
    again = {point: result for point, result in sweep(lanes[:1], slow, float("inf")) if result.killed}
    for point in again:
        print(":".join(map(str, point)) + f": {dict(results)[point].seconds:.2f} s, by itself {again[point].seconds:.2f} s")
    return [(point, again.get(point, result)) for point, result in results]


# ---- telling ----

def row(label, results):
    """One line of the table: what was published at the kill, what came of it, and how long it took."""
    reached = [result for result in results if result.killed]
    at_kill = collections.Counter(result.at_kill for result in reached)
    wrong = [result for result in results if result.wrong]
    took = sorted(result.seconds for result in reached) or [0]
    numbers = (len(reached), at_kill["first"], at_kill["second"], sum(r.torn > 0 for r in results),
               sum(r.stuck for r in results), len(wrong), len(results) - len(reached))
    return label + "".join(f"{number:>9}" for number in numbers) + \
        f"{took[len(took) // 2]:>8.2f} s{took[-1]:>8.2f} s"


def table(results):
    """By subject and call, then by subject."""
    calls, subjects = collections.defaultdict(list), collections.defaultdict(list)
    for (name, call, _), result in results:
        calls[name, call].append(result)
        subjects[name].append(result)
    order = [subject.name for subject in SUBJECTS if subject.name in subjects]
    head = "".join(f"{word:>9}" for word in ("killed", "old pair", "new pair", "torn", "stuck", "wrong", "missed")) + \
        f"{'median':>10}{'slowest':>10}"
    print(f"{'subject':<26}{'before':<22}{head}")
    for name in order:
        for call in sorted(call for which, call in calls if which == name):
            print(row(f"{name:<26}{call:<22}", calls[name, call]))
    print(f"\n{'subject':<48}{head}")
    for name in order:
        print(row(f"{name:<48}", subjects[name]))
    print(row(f"{'all':<48}", [result for _, result in results]))


def report(results, path):
    suite = xml.Element("testsuite", name="faults")
    for (name, call, ordinal), result in results:
        if not result.killed and not result.wrong:
            continue
        case = xml.SubElement(suite, "testcase", classname=name, name=f"{call}:{ordinal}", time=f"{result.seconds:.3f}")
        if result.wrong:
            xml.SubElement(case, "failure", message=result.wrong)
    xml.ElementTree(suite).write(path)


def summary(results):
    """Prints it; true when all is well. A sweep that mostly misses what it aims at proves nothing."""
    killed = sum(result.killed for _, result in results)
    passed = sum(result.killed and not result.wrong for _, result in results)
    failed = sum(bool(result.wrong) for _, result in results)
    took = [result.seconds for _, result in results if result.killed]
    print(f"{passed} passed, {failed} failed, {len(results) - killed} not reached; "
          f"{sum(t > 1 for t in took)} of {len(took)} took more than a second to recover")
    return failed == 0 and killed * 2 > len(results)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build-release", type=pathlib.Path)
    parser.add_argument("--full", action="store_true", help="every point, however long it takes")
    parser.add_argument("--seconds", type=float, default=20, help="stop after that time (without --full)")
    parser.add_argument("--points", type=int, default=1000, help="at most so many points (without --full)")
    parser.add_argument("--seed", type=int, default=int(time.strftime("%j")), help="decides the choice; by default the day")
    parser.add_argument("--parallel", type=int, default=os.cpu_count() or 1, help="so many points at a time")
    parser.add_argument("--subject", action="append", help="just this one (may be repeated)")
    parser.add_argument("--only", help="SUBJECT:CALL:ORDINAL")
    parser.add_argument("--junit-xml", type=pathlib.Path)
    arguments = parser.parse_args()

    authority, lanes = Authority("sweep"), []
    try:
        for number in range(1 if arguments.only else arguments.parallel):
            lanes.append(Lane(arguments.build.resolve(), authority, number))
        if arguments.only:
            name, call, ordinal = arguments.only.split(":")
            subject = next(subject for subject in SUBJECTS if subject.name == name)
            print(lanes[0].attempt(subject, call, int(ordinal)), lanes[0].log.read_text(), sep="\n")
            return 0
        every = [point for subject in SUBJECTS
                 if not arguments.subject or subject.name in arguments.subject
                 for point in lanes[0].points(subject)]
        points = every if arguments.full else chosen(every, arguments.seed, arguments.points)
        results = sweep(lanes, points, float("inf") if arguments.full else arguments.seconds * PATIENCE)
        results = once_more(lanes, results)
        table(results)
        print(f"{len(results)} of {len(every)} points tried"
              + ("" if arguments.full else f", chosen by seed {arguments.seed}"))
        if arguments.junit_xml:
            report(results, arguments.junit_xml)
        return 0 if summary(results) else 1
    finally:
        for each in lanes:
            each.close()


if __name__ == "__main__":
    sys.exit(main())
