"""A database (bdb): its redis-server, its endpoints, the sources it replicates, and the changes made to it.

rs/references/rest-api/objects/bdb and rs/references/rest-api/requests/bdbs"""
import asyncio
import secrets

from . import pem
from .redis_server import RedisServer
from .replica_of import HIDDEN, ReplicaOf, Source
from .upload import Refused

# What a client of the API may set, and what of it we act upon.
SETTABLE = {"name", "replica_sources", "replica_sync", "sync", "authentication_ssl_client_certs",
            "enforce_client_authentication", "tls_mode", "data_persistence", "memory_size"}
SYNC = ("enabled", "disabled", "paused", "stopped")


class Database:
    def __init__(self, cluster, uid, name, password=None, tls_mode="enabled",
                 enforce_client_authentication="disabled", repl_backlog_size=16 << 20):
        self.cluster = cluster
        self.uid = uid
        self.name = name
        self.port = 12000 + uid
        self.status = "active"
        self.action_uid = None
        self.tls_mode = tls_mode
        self.enforce_client_authentication = enforce_client_authentication
        self.client_certs = []
        self.repl_backlog_size = repl_backlog_size
        self.replica_sync = "disabled"
        self.sources = []
        self.crdb = None
        self.crdt_peers = {}      # Peers' syncer certificates, by cluster name.
        self.admin_password = secrets.token_urlsafe(18)
        self.own = None           # A certificate that it shows instead of the cluster's proxy.
        self._password = password
        self._source_uids = 0
        self.server = self._new_server("server", self.port)

    def _new_server(self, directory, port):
        return RedisServer(
            self.cluster.directory / f"db-{self.uid}" / directory, self.cluster.address(200), port,
            clients=self._clients(), admin=self.admin_password, backlog=self.repl_backlog_size,
            default=f">{self._password}" if self._password else "nopass")

    def _clients(self):
        """Whether a client needs a certificate: of peers, one is always looked at."""
        if self.enforce_client_authentication == "enabled":
            return "yes"
        return "optional" if self.crdb else "no"

    async def believe(self):
        """The server believes what is configured by now."""
        source = next((link.source for link in self.sources if link.server is self.server), None)
        await self.server.install(trusted=self.trusted(source), clients=self._clients())

    async def start(self):
        certificates = self.cluster.certificates
        await self.server.start(certificates["proxy"], certificates["syncer"], self.trusted(None))

    async def kill(self):
        for link in self.sources:
            link.close()
            await link.server.kill()
        await self.server.kill()

    def uri(self):
        """How a Replica Of destination names this database."""
        return f"redis://admin:{self.admin_password}@{self.cluster.nodes[0].external}:{self.port}"

    def trusted(self, source):
        """All that this database's server believes. A listed leaf is believed in the product; OpenSSL wants
        the rest of its chain too, which is looked up among the syncers of the site."""
        texts = [source.server_cert] if source else []
        chains = {cluster.certificates["syncer"].leaf: cluster.certificates["syncer"].certificate
                  for cluster in self.cluster.site.clusters}
        for text in [*self.client_certs, *self.crdt_peers.values()]:
            texts.append(chains.get(pem.leaf(text), text))
        return "\n".join(texts).strip() or self.cluster.certificates["proxy"].certificate

    # ---- what is shown ----

    async def describe(self):
        masked = self.cluster.settings["mask_bdb_credentials"]
        facts = {
            "uid": self.uid, "name": self.name, "type": "redis", "status": self.status, "port": self.port,
            "action_uid": self.action_uid, "tls_mode": self.tls_mode, "version": "7.2",
            "enforce_client_authentication": self.enforce_client_authentication,
            "authentication_ssl_client_certs": [{"client_cert": text} for text in self.client_certs],
            "authentication_admin_pass": HIDDEN if masked else self.admin_password,
            "memory_size": 1 << 30, "shards_count": 1, "repl_backlog_size": str(self.repl_backlog_size),
            "crdt_repl_backlog_size": str(self.repl_backlog_size),
            "replica_sync": self.replica_sync, "sync": self.replica_sync,
            "replica_sources": [await link.describe(masked) for link in self.sources],
            "endpoints": [{
                "uid": f"{self.uid}:1", "port": self.port, "addr_type": "external", "proxy_policy": "all-nodes",
                "addr": [node.external for node in self.cluster.nodes],
                "dns_name": f"redis-{self.port}.{self.cluster.fqdn}"}],
            "crdt": bool(self.crdb), "crdt_guid": self.crdb.guid if self.crdb else "",
            "crdt_sync": "disabled", "crdt_sources": [], "authentication_ssl_crdt_certs": [],
        }
        if self.crdb:
            facts["crdt_sync"] = "enabled"
            facts["crdt_sources"] = self.crdb.sources_of(self.cluster)
            facts["authentication_ssl_crdt_certs"] = [{"client_cert": text} for text in self.crdt_peers.values()]
        return facts

    def describe_own(self):
        """rs/references/rest-api/api-reference: the answer of GET /v1/bdbs/{uid}/certificates"""
        first = pem.certificates_in(self.own.certificate)[0]
        return {"bdb_uid": self.uid, "cert": self.own.certificate,
                "not_before": f"{first.not_valid_before:%Y-%m-%dT%H:%M:%SZ}",
                "not_after": f"{first.not_valid_after:%Y-%m-%dT%H:%M:%SZ}"}

    # ---- what is changed ----

    async def show(self, own):
        """From now on clients meet this pair, or the cluster's when it is None."""
        self.own = own
        await self.server.install(proxy=own or self.cluster.certificates["proxy"])

    def check(self, change):
        """Raises Refused for what cannot become this database's configuration."""
        unknown = set(change) - SETTABLE - {"uid"}
        if unknown:
            raise Refused(406, "invalid_schema", f"{sorted(unknown)[0]} cannot be changed")
        if self.status != "active":
            raise Refused(409, "bdb_busy", "the database is busy with another configuration change")
        if change.get("replica_sync", "enabled") not in SYNC:
            raise Refused(406, "invalid_schema", "replica_sync has no such value")
        for array in ("replica_sources", "authentication_ssl_client_certs"):
            entries = change.get(array, [])
            if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
                raise Refused(406, "invalid_schema", f"{array} is no array of objects")
        for entry in change.get("replica_sources", []):
            self._check_source(entry)
        self._check_clients(change.get("authentication_ssl_client_certs", []))

    def _check_source(self, entry):
        try:
            source = Source(entry)
            usable = source.host and source.port
        except (AttributeError, KeyError, TypeError, ValueError):
            usable = False
        if not usable:
            raise Refused(406, "invalid_schema", "a replica source has no usable uri")
        if not entry.get("encryption"):
            return
        if not source.server_cert and not self.cluster.version.source_certificate_required:
            return
        if not pem.leaf(source.server_cert):
            raise Refused(406, "invalid_certificate", "a replica source's server_cert is missing or malformed")

    @staticmethod
    def _check_clients(entries):
        leaves = [pem.leaf(entry.get("client_cert")) for entry in entries]
        if None in leaves:
            raise Refused(406, "invalid_certificate", "a client certificate is missing or malformed")
        if len(set(leaves)) != len(leaves):
            raise Refused(406, "duplicated_certs", "a client certificate appears more than once")

    async def apply(self, change):
        if "authentication_ssl_client_certs" in change:
            self.client_certs = [entry["client_cert"] for entry in change["authentication_ssl_client_certs"]]
        self.tls_mode = change.get("tls_mode", self.tls_mode)
        self.enforce_client_authentication = change.get(
            "enforce_client_authentication", self.enforce_client_authentication)
        await self.believe()
        sync = change.get("replica_sync", change.get("sync"))
        if sync:
            self.replica_sync = sync
        if "replica_sources" in change:
            await self._replace_sources(change["replica_sources"])
        elif sync == "enabled":
            for link in self.sources:
                await link.start_again()
        self.name = change.get("name", self.name)

    async def _replace_sources(self, entries):
        """The array is replaced as a whole; an entry keeps its syncer when its uid is kept."""
        known = {link.source.entry["uid"]: link for link in self.sources}
        kept = {entry.get("uid") for entry in entries}
        for uid, link in known.items():
            if uid not in kept:
                await link.stop()
        links = []
        for entry in entries:
            links.append(await self._replace_source(known.get(entry.get("uid")), entry, links))
        self.sources = links

    async def _replace_source(self, link, entry, others):
        entry = {key: value for key, value in entry.items()
                 if key not in ("status", "lag", "last_error", "last_update", "rdb_size", "rdb_transferred")}
        if link:
            if entry != link.source.entry:
                await link.change(Source(entry))
                if self.cluster.site.faults.active("resync-on-edit", self.cluster):
                    await link.start_again()
            return link
        self._source_uids = max(self._source_uids, entry.get("uid") or 0) + (not entry.get("uid"))
        entry.setdefault("uid", self._source_uids)
        link = ReplicaOf(self, await self._server_for_source(others), Source(entry))
        await link.start()
        return link

    async def _server_for_source(self, others):
        """redis-server has one source only: each further one of a database fills a server beside it."""
        if all(link.server is not self.server for link in others):
            return self.server
        server = self._new_server(f"source-{self._source_uids}", 0)
        certificates = self.cluster.certificates
        await server.start(certificates["proxy"], certificates["syncer"], self.trusted(None))
        return server

    def stop_sync(self, error):
        """An unrecoverable error (rs/references/rest-api/objects/bdb/replica_sync)."""
        self.replica_sync = "stopped"
        for link in self.sources:
            link.last_error = error
            link.cut()

    async def change(self, change):
        """The action behind PUT /v1/bdbs/{uid}: runs after the answer."""
        try:
            await self.apply(change)
            await asyncio.sleep(self.cluster.site.settings["action_ms"] / 1000)
        finally:
            self.status = "active"
