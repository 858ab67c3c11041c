"""A cluster: nodes, certificates, users, databases, and the settings of GET /v1/cluster."""
import asyncio

from . import pem, upload
from .access import Access
from .database import Database
from .endpoint import Endpoint
from .node import Node
from .rest import Api
from .versions import Version

SETTINGS = {
    "login_lockout_threshold": 5, "login_lockout_counter_reset_after": 900, "login_lockout_duration": 1800,
    "handle_redirects": False, "mtls_certificate_authentication": False,
    "control_plane_basic_authentication": True, "mask_bdb_credentials": False,
    "min_control_TLS_version": "1.2", "min_data_TLS_version": "1.2", "min_sentinel_TLS_version": "1.2",
    "upgrade_mode": False, "upgrade_in_progress": False, "block_cluster_changes": False,
    "cnm_https_port": 9443, "cnm_http_port": 8080, "cm_port": 8443,
}
UNITS = {"proxy": "redisdb", "syncer": "syncer"}


class Cluster:
    def __init__(self, site, number, name, version="7.22.2-14", nodes=3, fqdn=None, users=(), settings=None,
                 certificates=None, behaviour=None, internal_reachable=True):
        self.site = site
        self.number = number
        self.name = name
        self.fqdn = fqdn or f"{name}.example.test"
        self.directory = site.directory / name
        self.version = Version(version, **(behaviour or {}))
        self.settings = {**SETTINGS, **(settings or {})}
        self.access = Access(users, self.settings)
        self.api = Api(self)
        self.nodes = [Node(self, uid, self.address(uid), self.address(100 + uid)) for uid in range(1, nodes + 1)]
        self.leader = self.nodes[0]
        self.internal_reachable = internal_reachable
        self.databases = {}
        self.crdbs = []
        self.actions = {}
        self.tasks = {}
        self.state_id = 1
        self.certificates = {key: pem.Pair(**pair) for key, pair in (certificates or {}).items()}
        for slot in upload.REQUIRED:
            if slot in self.version.names and slot not in self.certificates:
                self.certificates[slot] = pem.self_signed(self.fqdn, UNITS.get(slot, slot))
        for node in self.nodes:
            for slot, pair in self.certificates.items():
                node.install(slot, pair)

    def address(self, last):
        return f"127.{self.site.block}.{self.number}.{last}"

    def round_trip(self):
        return self.site.settings["round_trip_ms"] / 1000

    # ---- life ----

    def add_database(self, uid, name, **more):
        database = Database(self, uid, name, **more)
        self.databases[uid] = database
        for node in self.nodes:
            node.endpoints += [Endpoint(node, database, address) for address in node.addresses()]
        return database

    def start(self):
        for node in self.nodes:
            node.start()

    async def stop(self):
        for node in self.nodes:
            node.stop()
        await asyncio.gather(*(database.kill() for database in self.databases.values()))

    def reachable(self):
        return any(node.up for node in self.nodes)

    def reachable_address(self):
        """The external address of the leader, or of another node that is up."""
        for node in [self.leader, *self.nodes]:
            if node.up:
                return node.external
        raise ConnectionRefusedError("no node of the cluster is up")

    def lead(self, node):
        self.leader = node

    def cut_power(self, node):
        """Where there is another node, it leads from now on."""
        node.stop()
        if node is self.leader:
            self.leader = next((other for other in self.nodes if other.up), node)

    # ---- certificates ----

    async def replace(self, pairs):
        """Installs checked pairs by name on all nodes. Returns the nodes that did not take all of them."""
        self.state_id += 1
        old = dict(self.certificates)
        for name, pair in pairs.items():
            self.certificates[name] = pair
        missed = []
        for node in self.nodes:
            taken = [name for name in pairs if node.up and name not in node.keeps and "*" not in node.keeps]
            for name in taken:
                node.install(name, pairs[name])
            if len(taken) < len(pairs):
                missed.append(node)
        await self._serve_new(pairs, old)
        self.site.record.event("certificates-replaced", cluster=self.name,
                               certificates={name: pair.leaf for name, pair in pairs.items()},
                               missed=[node.uid for node in missed])
        return missed

    async def _serve_new(self, pairs, old):
        for database in self.databases.values():
            await database.server.install(proxy=None if database.own else pairs.get("proxy"),
                                          syncer=self._syncer_for(database, pairs))
        if "syncer" in pairs:
            await self._be_believed()
        if "proxy" in pairs and self.version.old_worker_ms:
            self.keep_old_workers(old["proxy"], self.version.old_worker_ms / 1000)
        if "proxy" in pairs or "syncer" in pairs:
            self.cut_replication()
        if "syncer" in pairs and self.version.syncer_restarts_connections:
            for node in self.nodes:
                for endpoint in node.endpoints:
                    endpoint.reset()

    @staticmethod
    def _syncer_for(database, pairs):
        """A source with a client certificate of its own does not use the cluster's."""
        link = next((link for link in database.sources if link.server is database.server), None)
        return None if link and link.source.pair else pairs.get("syncer")

    async def _be_believed(self):
        """Databases whose list has the leaf already: Database.trusted() can look up its chain from now on."""
        for database in [database for cluster in self.site.clusters for database in cluster.databases.values()]:
            if database.client_certs:
                await database.believe()

    def keep_old_workers(self, pair, seconds):
        for node in self.nodes:
            for endpoint in node.endpoints:
                endpoint.keep_old_worker(pair, seconds)

    def cut_replication(self):
        """The connections of syncers from and to this cluster end, and have to be made anew."""
        for cluster in self.site.clusters:
            for database in cluster.databases.values():
                for link in database.sources:
                    if cluster is self or link.fed_by(self):
                        link.cut()
        for crdb in self.crdbs:
            crdb.cut(self)

    async def silence(self, seconds):
        """Port 9443 is gone for a while on all nodes."""
        for node in self.nodes:
            node.mute_api()
        await asyncio.sleep(seconds)
        for node in self.nodes:
            node.unmute_api()

    def remove_certificate(self, name):
        del self.certificates[name]
        for node in self.nodes:
            node.remove(name)

    async def upgrade(self, software_version, ms):
        """One node after the other. "The upgrade process copies the certificates that are on the first upgraded
        node to all of the nodes in the cluster" (rs/security/certificates/updating-certificates)."""
        self.settings["upgrade_in_progress"] = True
        for node in self.nodes:
            node.software_version = software_version
            node.keeps.clear()
            await asyncio.sleep(ms / 1000 / len(self.nodes))
        self.version = Version(software_version)
        await self.replace(dict(self.nodes[0].served))
        self.settings["upgrade_in_progress"] = False

    # ---- what is shown ----

    def describe(self):
        """rs/references/rest-api/objects/cluster"""
        return {"name": self.fqdn, "rack_aware": False, "created_time": "2026-01-01T00:00:00Z", **self.settings,
                "proxy_certificate": _shown(self.certificates["proxy"]),
                "syncer_certificate": _shown(self.certificates["syncer"])}

    def describe_node(self, node):
        """rs/references/rest-api/objects/node"""
        return {"uid": node.uid, "addr": node.internal, "external_addr": [node.external], "cores": 2,
                "status": "active" if node.up else "down", "software_version": node.software_version,
                "os_version": "Linux", "shard_count": len(self.databases)}

    def node_status(self, node):
        """rs/references/rest-api/requests/nodes/status"""
        return {"hostname": node.hostname, "role": "master" if node.leads else "slave", "cores": 2,
                "node_status": "active" if node.up else "down", "software_version": node.software_version,
                "master_shards": [], "slave_shards": [], "node_overbooking_depth": 0}

    def expiring(self, days=45):
        """The names of certificates that end within this time."""
        return [name for name, pair in self.certificates.items() if pem.seconds_left(pair.certificate) < days * 86400]


def _shown(pair):
    return pair.certificate.rstrip("\n") + "\n"
