"""All clusters of one test: started from a description, and taken down to the last process."""
import asyncio
import itertools
import pathlib
import socket
import time

from . import http1
from .cluster import Cluster
from .crdb import Crdb
from .faults import Faults
from .record import Record

SETTINGS = {
    "round_trip_ms": 0,       # Between a client and any node; a new connection costs two.
    "action_ms": 50,          # How long a database is active-change-pending.
    "task_queue_ms": 20,      # How long a CRDB's task is queued,
    "task_ms": 90,            # and how long it runs.
    "syncer_retry_ms": 50,    # How often a syncer tries to connect.
}
CONTROL_PORT = 8080


def claim_block():
    """127.B.0.0/16 for the first B nobody has: (B, the socket that claims it)."""
    for block in range(16, 255):
        try:
            return block, socket.create_server((f"127.{block}.0.1", CONTROL_PORT))
        except OSError:
            continue
    raise RuntimeError("no loopback addresses are free")


class Site:
    def __init__(self, description, directory):
        self.directory = pathlib.Path(directory)
        self.settings = {**SETTINGS, **description.get("settings", {})}
        self.record = Record()
        self.faults = Faults()
        self.block, self.control_socket = claim_block()
        self._connections = itertools.count(1)
        self._local = []
        self.clusters = []
        for number, cluster in enumerate(description["clusters"], 1):
            self._add_cluster(number, dict(cluster))
        self.crdbs = [self._new_crdb(dict(crdb)) for crdb in description.get("crdbs", [])]
        self._replicas = description.get("replicas", [])

    def _add_cluster(self, number, facts):
        databases = facts.pop("databases", [])
        cluster = Cluster(self, number, **facts)
        self.clusters.append(cluster)
        for database in databases:
            cluster.add_database(**database)

    def _new_crdb(self, facts):
        """A description names the clusters; each gets one database for it."""
        instances = []
        for name in facts.pop("clusters"):
            cluster = self.cluster(name)
            instances.append(cluster.add_database(max(cluster.databases, default=0) + 1, facts["name"]))
        crdb = Crdb(facts.pop("name"), instances, **facts)
        for instance in instances:
            instance.cluster.crdbs.append(crdb)
        return crdb

    # ---- names ----

    def cluster(self, name):
        return next(cluster for cluster in self.clusters if name in (cluster.name, cluster.fqdn))

    def owner(self, host):
        """The cluster to which an address or a name belongs, or None."""
        for cluster in self.clusters:
            if host.endswith(cluster.fqdn) or any(host in (node.external, node.internal) for node in cluster.nodes):
                return cluster
        return None

    def resolve(self, host):
        """An address for the name of a cluster or of one of its databases."""
        cluster = self.owner(host)
        return cluster.reachable_address() if cluster and host.endswith(cluster.fqdn) else host

    def next_connection(self):
        return next(self._connections)

    # ---- life ----

    async def start(self):
        await asyncio.gather(*(database.start() for cluster in self.clusters
                               for database in cluster.databases.values()))
        for cluster in self.clusters:
            cluster.start()
            await self._start_tools(cluster)
        await asyncio.gather(*(crdb.exchange() for crdb in self.crdbs))
        for crdb in self.crdbs:
            crdb.start()
        for replica in self._replicas:
            await self._start_replica(**replica)

    async def _start_tools(self, cluster):
        """A socket on each node, for rladmin and crdb-cli: cluster/node-1/socket and so on."""
        for node in cluster.nodes:
            directory = cluster.directory / f"node-{node.uid}"
            directory.mkdir(parents=True)

            async def serve(reader, writer, cluster=cluster, node=node):
                await http1.serve(reader, writer, lambda request: cluster.api.answer_local(node, request))
                writer.close()
            self._local.append(await asyncio.start_unix_server(serve, directory / "socket"))

    async def _start_replica(self, source, destination):
        """source and destination: [cluster's name, database's uid]"""
        origin = self.cluster(source[0])
        database = self.cluster(destination[0]).databases[destination[1]]
        sources = [link.source.entry for link in database.sources]
        sources.append({"uri": origin.databases[source[1]].uri(), "encryption": True, "compression": 0,
                        "server_cert": origin.certificates["proxy"].certificate})
        await database.apply({"replica_sync": "enabled", "replica_sources": sources})

    async def settle(self, seconds):
        """Waits until everything is in sync, as a test expects to find it."""
        links = [link for cluster in self.clusters for database in cluster.databases.values()
                 for link in database.sources] + [link for crdb in self.crdbs for link in crdb.links]
        end = time.monotonic() + seconds
        while not all(link.up for link in links):
            if time.monotonic() > end:
                raise RuntimeError(f"not in sync: {[link.last_error for link in links if not link.up]}")
            await asyncio.sleep(0.005)

    async def stop(self):
        for server in self._local:
            server.close()
        for crdb in self.crdbs:
            crdb.close()
        for cluster in self.clusters:
            await cluster.stop()

    def describe(self):
        """What a test needs in order to use it."""
        return {
            "control": f"http://127.{self.block}.0.1:{CONTROL_PORT}",
            "clusters": {cluster.name: self._describe_cluster(cluster) for cluster in self.clusters},
            "crdbs": {crdb.name: crdb.guid for crdb in self.crdbs},
        }

    @staticmethod
    def _describe_cluster(cluster):
        return {
            "fqdn": cluster.fqdn, "version": cluster.version.software_version, "leader": cluster.leader.uid,
            "nodes": [{"uid": node.uid, "external": node.external, "internal": node.internal, "up": node.up,
                       "tools": str(cluster.directory / f"node-{node.uid}"),
                       "served": {name: pair.leaf for name, pair in node.served.items()}}
                      for node in cluster.nodes],
            "certificates": {name: pair.certificate for name, pair in cluster.certificates.items()},
            "databases": {database.uid: {"name": database.name, "port": database.port,
                                         "socket": str(database.server.directory / "socket"),
                                         "crdb": database.crdb.guid if database.crdb else None}
                          for database in cluster.databases.values()},
        }
