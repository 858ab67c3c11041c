"""The cluster on disk: its map and its nodes.

    ROOT/orders, settings.json, calls: see standins/stage.py
    ROOT/tools            GPHOME: a copy of this package, whose programs are in standins/opengauss/bin
    ROOT/NODE/app         GAUSSHOME: bin/cluster_static_config, bin/gs_guc, share/sslcert/{om,cm,dss}
    ROOT/NODE/data        openGauss's data directory: the certificates and postgresql.conf
    ROOT/NODE/database    the data directory of the PostgreSQL behind it, lent by those who keep ROOT/template
    ROOT/NODE/tmp, log    PGHOST and GAUSSLOG
"""
import fcntl
import json
import os
import pathlib
import sys

from standins.stage import Stage

ROOT = pathlib.Path(__file__).resolve().parents[3]
STAGE = Stage(ROOT)


class Node:
    def __init__(self, name, address, port, role, root=ROOT):
        self.name, self.address, self.port, self.role = name, address, port, role
        self.directory = root / name
        self.app = self.directory / "app"
        self.data = self.directory / "data"
        self.database = self.directory / "database"
        self.tmp = self.directory / "tmp"
        self.logs = self.directory / "log"
        self.configuration = self.data / "postgresql.conf"
        # Held for as long as the server lives; its content is the server's process and state.
        self.lock = self.directory / "server.lock"

    def sslcert(self, component):
        return self.app / "share" / "sslcert" / component

    def server(self):
        """The running server as (process, state); (None, "down") when there is none."""
        try:
            with open(self.lock, "r+") as held:
                try:
                    fcntl.flock(held, fcntl.LOCK_SH | fcntl.LOCK_NB)
                    return None, "down"
                except BlockingIOError:
                    process, _, state = held.read().strip().partition(" ")
                    return int(process or 0), state or "Starting"
        except FileNotFoundError:
            return None, "down"


class Cluster:
    """Read from the map in GAUSSHOME: so a program knows on which node it runs."""

    def __init__(self, app):
        content = json.loads((pathlib.Path(app) / "bin" / "cluster_static_config").read_text())
        self.name, self.cm = content["name"], content["cm"]
        self.nodes = [Node(**node) for node in content["nodes"]]
        self.here = self.node(content["this"])

    def node(self, name):
        return next((node for node in self.nodes if node.name == name), None)

    def node_of(self, data):
        """The node with that data directory."""
        data = pathlib.Path(data).resolve()
        return next((node for node in self.nodes if node.data.resolve() == data), None)


def masked(arguments):
    """Without what follows -K: a passphrase is recorded by nobody."""
    return ["***" if before == "-K" else "-K***" if word.startswith("-K") and word != "-K" else word
            for before, word in zip(["", *arguments], arguments)]


def here():
    """The cluster as the node sees it whose GAUSSHOME is in the environment, or None."""
    app = os.environ.get("GAUSSHOME", "")
    return Cluster(app) if (pathlib.Path(app) / "bin" / "cluster_static_config").is_file() else None


def run(program, main):
    """A program of the stand-in from its beginning to its exit status, both recorded."""
    STAGE.record(program=program, arguments=masked(sys.argv[1:]), user=os.geteuid(), home=os.environ.get("GAUSSHOME"))
    status = main(sys.argv[1:])
    STAGE.record(program=program, status=status)
    sys.exit(status)
