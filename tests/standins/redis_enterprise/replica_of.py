"""Replica Of: the syncer of a destination database, for one of its sources.

    destination's redis-server  --replicaof-->  this relay  -->  the source's endpoint  -->  source's redis-server

The bytes are those of a real replication over TLS between the two servers. Before a connection is let through,
the relay makes a handshake of its own with the source and refuses unless the leaf it meets is the one configured
as server_cert: "Connections using the previous certificate are rejected after applying the new certificate. Until
both steps are performed, recovery of the database sync cannot be established." (rs/security/certificates/
updating-certificates), which OpenSSL alone would not do where both were issued by one authority."""
import asyncio
import ssl
import time
import urllib.parse

from . import background, pem
from .listener import Listener, splice
from .redis_server import RedisError, encode, read_reply

HIDDEN = "******"


class Refused(Exception):
    """Why there is no connection to the source; fatal: the syncer stops for good."""

    def __init__(self, text, fatal=False):
        super().__init__(text)
        self.fatal = fatal


class Source:
    """One entry of replica_sources (rs/references/rest-api/objects/bdb/syncer_sources)."""

    def __init__(self, entry):
        self.entry = dict(entry)
        uri = urllib.parse.urlsplit(entry["uri"])
        self.host = uri.hostname
        self.port = uri.port
        self.user = urllib.parse.unquote(uri.username or "")
        self.password = urllib.parse.unquote(uri.password or "")
        self.server_cert = entry.get("server_cert") or ""
        self.pair = None
        if entry.get("client_cert") and entry.get("client_key"):
            self.pair = pem.Pair(entry["client_cert"], entry["client_key"])

    def masked(self):
        """As mask_bdb_credentials has it sent: without the password and the key."""
        entry = dict(self.entry)
        entry["uri"] = f"redis://{self.user}:{HIDDEN}@{self.host}:{self.port}"
        if entry.get("client_key"):
            entry["client_key"] = HIDDEN
        return entry


class ReplicaOf:
    def __init__(self, database, server, source):
        self.database = database
        self.server = server
        self.source = source
        self.last_error = ""
        self.up = False
        self._site = database.cluster.site
        self._relays = [Listener(database.cluster.address(201), 0, self._serve) for _ in range(2)]
        self._supervising = None
        self._attaching = asyncio.Lock()
        self._ordered = None      # When redis-server was told to connect, until it does.
        self._conversations = 0   # Its connections to us.

    async def start(self):
        for relay in self._relays:
            relay.open()
        await self._believe()
        self._supervising = background.run(self._supervise())

    async def stop(self):
        self._supervising.cancel()
        for relay in self._relays:
            relay.close()
        await self.server.command("REPLICAOF", "NO", "ONE")

    def close(self):
        if self._supervising:
            self._supervising.cancel()
        for relay in self._relays:
            relay.close()

    async def change(self, source):
        """Goes on with another configuration, from where the replication was."""
        self.source = source
        await self._believe()
        self.cut()
        await self._reconnect()

    async def start_again(self):
        """"Restarting the process causes the synchronization process to flush the DB and restart the process
        from the beginning" (rs/databases/import-export/replica-of)."""
        async with self._attaching:
            await self.server.command("REPLICAOF", "NO", "ONE")
            await self.server.command("FLUSHALL")
        self.cut()
        self._site.record.event("full-resynchronisation", cluster=self.database.cluster.name, bdb=self.database.uid)

    def cut(self):
        """Ends the connection to the source, as restarted proxy workers do; it is tried again at once."""
        for relay in self._relays:
            relay.reset()

    def fed_by(self, cluster):
        return self._site.owner(self.source.host) is cluster

    def pair(self):
        """The certificate that the source is shown: the source's own entry, or the cluster's syncer."""
        return self.source.pair or self.database.cluster.certificates["syncer"]

    async def _believe(self):
        await self.server.install(syncer=self.pair(), trusted=self.database.trusted(self.source))
        await self.server.command("CONFIG", "SET", "masteruser", self.source.user, "masterauth",
                                  self.source.password)

    async def _supervise(self):
        """redis-server tries once a second; a syncer is quicker, but lets one attempt come to its end."""
        while True:
            overdue = self._ordered is None or time.monotonic() - self._ordered > 1
            if overdue and not self._conversations and self.database.replica_sync == "enabled":
                await self._reconnect()
            await asyncio.sleep(self._site.settings["syncer_retry_ms"] / 1000)

    async def _reconnect(self):
        """REPLICAOF with the address it has already is ignored, so two relays take turns. What was received
        so far stays, and the source's backlog is asked for the rest."""
        async with self._attaching:
            self._ordered = time.monotonic()
            self._relays.reverse()
            await self.server.command("REPLICAOF", self._relays[0].address, self._relays[0].port)

    async def _serve(self, reader, writer):
        self._ordered = None
        self._conversations += 1
        try:
            if self.database.replica_sync == "enabled":
                await self._connect(reader, writer)
        except (Refused, OSError, asyncio.IncompleteReadError) as error:
            self._failed(error)
        finally:
            self._conversations -= 1

    async def _connect(self, reader, writer):
        host = self._site.resolve(self.source.host)
        await self._try(host)
        far = await asyncio.open_connection(host, self.source.port)
        watching = background.run(self._watch())
        try:
            await splice(reader, writer, *far)
        finally:
            watching.cancel()
            self._now(False)

    async def _try(self, host):
        context = pem.client_context(self.pair())
        try:
            reader, writer = await asyncio.open_connection(host, self.source.port, ssl=context)
        except ssl.SSLError as error:
            raise Refused(f"TLS handshake failed: {error.reason}") from error
        try:
            if pem.met(writer) != pem.leaf(self.source.server_cert):
                raise Refused("certificate verify failed: not the certificate configured for the source")
            writer.write(encode("AUTH", *filter(None, (self.source.user, self.source.password))))
            await read_reply(reader)
        except RedisError as error:
            raise Refused("Error authenticating with the source database", fatal=True) from error
        finally:
            writer.close()

    def _failed(self, error):
        self.last_error = str(error) or "the source closed the connection"
        if isinstance(error, Refused) and error.fatal:
            self.database.stop_sync(self.last_error)

    async def _watch(self):
        while (await self.server.replication()).get("master_link_status") != "up":
            await asyncio.sleep(0.005)
        self.last_error = ""
        self._now(True)

    def _now(self, up):
        if up != self.up:
            self.up = up
            self._site.record.event("replication-up" if up else "replication-down",
                                    cluster=self.database.cluster.name, bdb=self.database.uid,
                                    source=self.source.entry.get("uid"))

    async def status(self):
        """rs/references/rest-api/objects/bdb/replica_sources_status"""
        facts = await self.server.replication()
        if facts.get("master_sync_in_progress") == "1":
            return "syncing"
        return "in-sync" if self.up and facts.get("master_link_status") == "up" else "out-of-sync"

    async def describe(self, masked):
        entry = self.source.masked() if masked else dict(self.source.entry)
        return {**entry, "status": await self.status(), "lag": 0 if self.up else None,
                "last_error": self.last_error, "rdb_size": 0, "rdb_transferred": 0}
