"""The proxy of one node in front of one database (DMC in the product's documents).

As a rule it passes bytes on, so that a client's handshake is one with the real redis-server. Where the node is
to show another certificate than that server, it ends TLS itself and goes on over the server's Unix socket."""
import asyncio

from . import pem
from .listener import Listener, splice


class Endpoint:
    def __init__(self, node, database, address):
        self.node = node
        self.database = database
        self._old = None          # The pair that old workers show,
        self._old_until = 0       # until then, on the loop's clock,
        self._turn = 0            # to every second connection.
        self._listener = Listener(address, database.port, self._serve, self._context, node.cluster.round_trip)

    def open(self):
        self._listener.open()

    def close(self):
        self._listener.close()

    def reset(self):
        self._listener.reset()

    def keep_old_worker(self, pair, seconds):
        self._old = pair
        self._old_until = asyncio.get_running_loop().time() + seconds
        self._turn = 0

    def _shown(self):
        if self.database.own:
            return self.database.own
        if asyncio.get_running_loop().time() < self._old_until:
            self._turn += 1
            if self._turn % 2 == 0:
                return self._old
        return self.node.served["proxy"]

    def _context(self):
        shown = self._shown()
        return None if shown.leaf == self.database.server.shown.leaf else pem.server_context(shown)

    async def _serve(self, reader, writer):
        server = self.database.server
        if writer.get_extra_info("ssl_object"):
            far = await asyncio.open_unix_connection(str(server.directory / "socket"))
        else:
            far = await asyncio.open_connection(server.address, server.port)
        await splice(reader, writer, *far)
