"""What the fault sweeps share: their command line, how points are tried, and their table."""
import argparse
import collections
import os
import pathlib
import time
import xml.etree.ElementTree as xml

import sweep
from certificates import Authority
from lane import PATIENCE, SUBJECTS

# The columns of a table, what to put into them from some results, and by what else than the subject to group.
Table = collections.namedtuple("Table", "heads numbers group")


def arguments(text, seconds):
    parser = argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build-release", type=pathlib.Path)
    parser.add_argument("--full", action="store_true", help="every point, however long it takes")
    parser.add_argument("--seconds", type=float, default=seconds, help="stop after that time (without --full)")
    parser.add_argument("--seed", type=int, default=int(time.strftime("%j")), help="decides the choice; by default the day")
    parser.add_argument("--parallel", type=int, default=os.cpu_count() or 1, help="so many points at a time")
    parser.add_argument("--subject", action="append", help="just this one (may be repeated)")
    parser.add_argument("--only", help="SUBJECT:CALL:ORDINAL")
    parser.add_argument("--junit-xml", type=pathlib.Path)
    return parser.parse_args()


def line(label, cells, took):
    took = sorted(took) or [0]
    return f"{label:<48}" + "".join(f"{cell:>9}" for cell in cells) + f"{took[len(took) // 2]:>8.2f} s{took[-1]:>8.2f} s"


def print_table(table, results, names):
    """By subject and group, then by subject."""
    def row(label, some):
        print(line(label, table.numbers(some), [r.seconds for r in some if r.killed]))

    def heading(label):
        print(f"{label:<48}" + "".join(f"{head:>9}" for head in table.heads) + f"{'median':>10}{'slowest':>10}")

    groups = collections.defaultdict(list)
    for point, result in results:
        groups[point[0], table.group(point)].append(result)
    heading("subject and kind")
    for name in names:
        for group in sorted(group for which, group in groups if which == name):
            row(f"{name}, {group}", groups[name, group])
    print()
    heading("subject")
    for name in names:
        if any(point[0] == name for point, _ in results):
            row(name, [result for point, result in results if point[0] == name])
    row("all", [result for _, result in results])


def skipped(path, name, why):
    print(f"{name}: skipped, {why}")
    if path:
        suite = xml.Element("testsuite", name=name)
        xml.SubElement(xml.SubElement(suite, "testcase", classname=name, name=name), "skipped", message=why)
        xml.ElementTree(suite).write(path)
    return 0


def try_all(arguments, lanes, subjects, chosen, table):
    start = time.monotonic()
    # Which calls a pass makes differs a little: the more passes, the fewer are missed.
    every = [point for subject in subjects if not arguments.subject or subject.name in arguments.subject
             for point in lanes[0].points(subject, 3 if arguments.full else 1)]
    left = max(arguments.seconds / 2, arguments.seconds - (time.monotonic() - start)) * PATIENCE
    results = sweep.sweep(lanes, every if arguments.full else chosen(every, arguments.seed),
                          float("inf") if arguments.full else left)
    # What did not settle is tried again with nothing beside it: was it certdrop, or the load?
    stuck = [point for point, result in results if result.stuck and not result.torn]
    again = {point: result for point, result in sweep.sweep(lanes[:1], stuck, float("inf")) if result.killed}
    results = [(point, again.get(point, result)) for point, result in results]
    print_table(table, results, [subject.name for subject in subjects])
    print(f"{len(results)} of {len(every)} points tried" + ("" if arguments.full else f", chosen by seed {arguments.seed}"))
    if arguments.junit_xml:
        sweep.report(results, arguments.junit_xml)
    return results


def run(arguments, name, lane_class, subjects, chosen, table, why_not=""):
    """0 when all is well, for sys.exit()."""
    if why_not:
        return skipped(arguments.junit_xml, name, why_not)
    authority, lanes = Authority("faults"), []
    try:
        for number in range(1 if arguments.only else arguments.parallel):
            lanes.append(lane_class(arguments.build.resolve(), authority, number))
        if arguments.only:
            subject_name, call, ordinal = arguments.only.split(":")
            subject = next(subject for subject in SUBJECTS if subject.name == subject_name)
            print(lanes[0].attempt(subject, call, int(ordinal)), lanes[0].log.read_text(), sep="\n")
            return 0
        return 0 if sweep.summary(try_all(arguments, lanes, subjects, chosen, table)) else 1
    finally:
        for each in lanes:
            each.close()
