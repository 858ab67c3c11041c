"""Puts rladmin and crdb-cli on every node, as small scripts: cluster/node-1/rladmin and so on.

In the product they are in /opt/redislabs/bin (rs/references/cli-utilities)."""
import pathlib
import sys

HERE = pathlib.Path(__file__).parent
PROGRAMS = {"rladmin": "rladmin.py", "crdb-cli": "crdb_cli.py"}


def write(site):
    for cluster in site.clusters:
        for node in cluster.nodes:
            directory = cluster.directory / f"node-{node.uid}"
            for name, program in PROGRAMS.items():
                path = directory / name
                path.write_text(f"#!/bin/sh\nexec {sys.executable} -I {HERE / program} {directory}/socket {node.uid} \"$@\"\n")
                path.chmod(0o755)
