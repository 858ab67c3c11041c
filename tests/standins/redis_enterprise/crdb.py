"""Active-Active databases (CRDB): the links between their instances, and the tasks that change them.

Each pair of instances has two links, one in each direction: a TLS connection from the syncer of one cluster to
the database endpoint of the other, where the real redis-server asks for the syncer's certificate, and over which
the writes come (stream.py). Both sides believe only what the last update of the CRDB told them, so a new proxy or
syncer certificate takes effect with the next forced update: rs/security/certificates/updating-certificates."""
import asyncio
import datetime
import ssl
import time
import uuid

from . import background, pem
from .redis_server import RedisError, encode, read_reply
from .stream import Follower

TASK_IS_KEPT = 500            # rs/references/rest-api/requests/crdb_tasks: "kept for 500 seconds by default".


def timestamp():
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


class Link:
    """What the instance on `near` receives from the one on `far`."""

    def __init__(self, crdb, near, far):
        self.crdb = crdb
        self.near = near
        self.far = far
        self.up = False
        self.last_error = ""
        self._site = near.cluster.site
        self._running = None
        self._connected = None
        self._follower = Follower(near.server, lambda: self._now(True))

    def start(self):
        self._running = background.run(self._run())

    def close(self):
        if self._running:
            self._running.cancel()

    def cut(self):
        if self._connected:
            self._connected.transport.abort()
            self._now(False)

    async def _run(self):
        while True:
            try:
                await self._connect()
            except (OSError, ssl.SSLError, asyncio.IncompleteReadError, RedisError) as error:
                self.last_error = str(error) or "connection closed"
            self._now(False)
            await asyncio.sleep(self._site.settings["syncer_retry_ms"] / 1000)

    async def _connect(self):
        if not self.crdb.agreed(self.near.cluster, self.far.cluster):
            raise ConnectionError("certificate verify failed")
        address = self.far.cluster.reachable_address()
        context = pem.client_context(self.near.cluster.certificates["syncer"])
        reader, self._connected = await asyncio.open_connection(address, self.far.port, ssl=context)
        try:
            await self._follow(reader, self._connected)
        finally:
            self._connected.transport.abort()
            self._connected = None

    async def _follow(self, reader, writer):
        if not self.crdb.believes(self.far.cluster, pem.met(writer)):
            raise ConnectionError("certificate verify failed")
        writer.write(encode("AUTH", "admin", self.far.admin_password))
        await read_reply(reader)
        await self._follower.follow(reader, writer)

    def _now(self, up):
        if up != self.up:
            self.up = up
            self.last_error = "" if up else self.last_error
            self._site.record.event("link-up" if up else "link-down", crdb=self.crdb.guid,
                                    cluster=self.near.cluster.name, peer=self.far.cluster.name)


class Task:
    def __init__(self, crdb, operation, task_id=None):
        self.id = task_id or str(uuid.uuid4())
        self.crdb = crdb
        self.operation = operation
        self.status = "queued"
        self.started = self.ended = ""
        self.errors = []
        self.commits = False      # Too late to cancel it.
        self.ended_at = None
        self.kept = TASK_IS_KEPT

    @property
    def over(self):
        return self.status in ("finished", "failed")

    def begin(self):
        self.status = "started"
        self.started = timestamp()

    def end(self, status):
        self.status = status
        self.ended = timestamp()
        self.ended_at = time.monotonic()

    def describe(self):
        clusters = [{"name": instance.cluster.fqdn, "progress": "done" if self.over else "posting"}
                    for instance in self.crdb.instances]
        return {"id": self.id, "crdb_guid": self.crdb.guid, "operation": self.operation, "status": self.status,
                "started": self.started, "ended": self.ended, "errors": self.errors,
                "progress": {"clusters": clusters, "worker": "done" if self.over else "running"},
                "worker_name": "crdb_worker:1:0"}


class Crdb:
    """instances: the databases, one on each participating cluster, in the order of their ids from 1."""

    def __init__(self, name, instances, guid=None):
        self.guid = guid or str(uuid.uuid4())
        self.name = name
        self.instances = instances
        self.version = 1
        self.status = "commit-completed"
        self._waiting = []        # Tasks that have not begun yet,
        self._working = False     # and whether they are being done.
        self._believed = {}       # By cluster name: its proxy and syncer pairs at the last update.
        self.links = [Link(self, near, far) for near in instances for far in instances if near is not far]
        for instance in instances:
            instance.crdb = self

    # ---- certificates ----

    async def exchange(self):
        """Everybody learns everybody's certificates: links that are down can be made, those that are up stay."""
        for instance in self.instances:
            certificates = instance.cluster.certificates
            self._believed[instance.cluster.name] = (certificates["proxy"], certificates["syncer"])
        for instance in self.instances:
            instance.crdt_peers = {peer.cluster.name: peer.cluster.certificates["syncer"].certificate
                                   for peer in self.instances if peer is not instance}
        await asyncio.gather(*(instance.believe() for instance in self.instances))

    def agreed(self, near, far):
        """The syncer of either side is the one that the other side was told of at the last update."""
        return all(self._believed[cluster.name][1].leaf == cluster.certificates["syncer"].leaf
                   for cluster in (near, far))

    def believes(self, far, shown):
        """The proxy of that side is the one that everybody was told of at the last update."""
        return shown == self._believed[far.name][0].leaf

    def _expired(self):
        """The clusters whose certificates, as the others know them, have expired."""
        return [instance.cluster for instance in self.instances
                if any(pem.expired(pair.certificate) for pair in self._believed[instance.cluster.name])]

    # ---- links ----

    def start(self):
        for link in self.links:
            link.start()

    def close(self):
        for link in self.links:
            link.close()

    def cut(self, cluster):
        """Ends the links from and to a cluster; they are tried again at once."""
        for link in self.links:
            if cluster in (link.near.cluster, link.far.cluster):
                link.cut()

    def on(self, cluster):
        return next((instance for instance in self.instances if instance.cluster is cluster), None)

    def _instance_id(self, instance):
        return self.instances.index(instance) + 1

    def sources_of(self, cluster):
        return [{"uid": self._instance_id(link.far), "encryption": True, "compression": 3,
                 "uri": f"redis://{link.far.cluster.nodes[0].external}:{link.far.port}",
                 "status": "in-sync" if link.up else "out-of-sync", "lag": 0, "last_error": link.last_error}
                for link in self.links if link.near.cluster is cluster]

    # ---- what is shown ----

    def describe(self, cluster):
        """rs/references/rest-api/objects/crdb, as one of its clusters tells it."""
        local = self.on(cluster)
        return {
            "guid": self.guid, "name": self.name, "encryption": True, "causal_consistency": False,
            "protocol_version": 1, "featureset_version": 5, "modules": [],
            "default_db_config": {"port": local.port, "tls_mode": "enabled"},
            "instances": [self._describe_instance(instance, local) for instance in self.instances],
            "local_databases": [{"bdb_uid": str(local.uid), "id": self._instance_id(local)}],
        }

    def _describe_instance(self, instance, local):
        return {"id": self._instance_id(instance), "compression": 3, "db_config": {},
                "db_uid": str(instance.uid) if instance is local else "",
                "cluster": {"name": instance.cluster.fqdn, "url": f"https://{instance.cluster.fqdn}:9443"}}

    def health_report(self, asked):
        """rs/references/rest-api/objects/crdb/health_report: one element for each cluster."""
        return [self._health_of(instance, asked) for instance in self.instances]

    def _health_of(self, instance, asked):
        if instance.cluster is not asked and not instance.cluster.reachable():
            return {"cluster_name": instance.cluster.fqdn, "name": self.name, "guid": self.guid,
                    "active_config_version": None, "configurations": [], "connections": [],
                    "connection_error": "the cluster is not available"}
        instances = [{"id": self._instance_id(each), "db_uid": str(each.uid) if each is instance else "",
                      "cluster": {"name": each.cluster.fqdn, "url": f"https://{each.cluster.fqdn}:9443"}}
                     for each in self.instances]
        return {"cluster_name": instance.cluster.fqdn, "name": self.name, "guid": self.guid,
                "active_config_version": self.version, "connection_error": None,
                "configurations": [{
                    "version": self.version, "status": self.status, "name": self.name, "encryption": True,
                    "causal_consistency": False, "featureset_version": 5, "protocol_version": 1,
                    "instances": instances}],
                "connections": [self._connection(instance, peer) for peer in self.instances]}

    def _connection(self, instance, peer):
        connection = {"name": peer.cluster.fqdn, "status": "ok" if peer.cluster.reachable() else "failed"}
        links = [{"link_uid": f"{instance.uid}:{self._instance_id(link.far)}", "status": "up" if link.up else "down"}
                 for link in self.links if link.near is instance and link.far is peer]
        return {**connection, "replication_links": links} if links else connection

    # ---- what is changed ----

    def update(self, cluster, forced, task_id=None):
        """Begins the task of one update; those that come meanwhile wait their turn."""
        task = Task(self, "update_crdb", task_id)
        cluster.tasks[task.id] = task
        cluster.site.record.event("crdb-update", crdb=self.guid, cluster=cluster.name, forced=forced, task=task.id)
        self._waiting.append((task, cluster, forced))
        if not self._working:
            self._working = True
            background.run(self._work())
        return task

    async def _work(self):
        while self._waiting:
            await self._perform(*self._waiting.pop(0))
        self._working = False

    async def _perform(self, task, cluster, forced):
        settings = cluster.site.settings
        await asyncio.sleep(settings["task_queue_ms"] / 1000)
        if not task.over:
            task.begin()
        while cluster.site.faults.active("stuck-task", cluster, crdb=self.guid) and not task.over:
            await asyncio.sleep(0.01)
        if task.over:
            return
        task.errors = self._obstacles(cluster)
        if task.errors:
            task.end("failed")
            return
        task.commits = True
        await self._commit(settings["task_ms"] / 1000, forced)
        task.end("finished")
        cluster.site.record.event("crdb-updated", crdb=self.guid, cluster=cluster.name, forced=forced, task=task.id)

    def _obstacles(self, cluster):
        """What keeps an update from being made, as a task's errors."""
        errors = [(each.cluster, "the cluster is not available") for each in self.instances
                  if not each.cluster.reachable()]
        if cluster.version.expired_blocks_crdb:
            errors += [(each, "a certificate has expired") for each in self._expired()]
        if cluster.site.faults.take("failed-task", cluster, crdb=self.guid):
            errors.append((cluster, "told to fail"))
        return [{"cluster_name": peer.fqdn, "error_code": "internal_error", "description": text}
                for peer, text in errors]

    async def _commit(self, seconds, forced):
        """The four states of a configuration (.../health_report/health_report_configuration)."""
        for state in ("posted", "ready", "committed", "commit-completed"):
            self.status = state
            if state == "committed" and forced:
                self.version += 1
                await self.exchange()
            if state != "commit-completed":
                await asyncio.sleep(seconds / 3)
