"""A listening socket whose every connection is handled by a coroutine, with TLS or without, with a delay or
without, and which can be closed as abruptly as a machine that loses its power."""
import asyncio
import socket
import struct

from . import background

RESET = struct.pack("ii", 1, 0)


class Listener:
    """serve(reader, writer) is awaited for each connection. context() gives the TLS context for the next
    connection, or None for none; round_trip() the seconds between two machines: a new connection costs one
    round trip for TCP and one for TLS, which is slept away before the handshake."""

    def __init__(self, address, port, serve, context=None, round_trip=None):
        self.address = address
        self.port = port
        self._serve = serve
        self._context = context
        self._round_trip = round_trip
        self._socket = None
        self._connections = set()

    def open(self):
        self._socket = socket.create_server((self.address, self.port), backlog=128)
        self._socket.setblocking(False)
        self.port = self._socket.getsockname()[1]
        asyncio.get_running_loop().add_reader(self._socket, self._accept)

    def close(self):
        """No more connections, and those that there are end with a reset."""
        if self._socket:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._socket = None
        self.reset()

    def reset(self):
        """Ends the connections that there are, with a reset."""
        for connection in list(self._connections):
            connection.cancel()

    def _accept(self):
        try:
            accepted, _ = self._socket.accept()
        except OSError:
            return
        accepted.setblocking(False)
        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = background.run(self._converse(accepted))
        self._connections.add(connection)
        connection.add_done_callback(self._connections.discard)

    async def _converse(self, accepted):
        writer = None
        try:
            reader, writer = await self._streams(accepted)
            await self._serve(reader, writer)
            writer.close()
        except asyncio.CancelledError:
            if writer and not writer.is_closing():
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                writer.transport.abort()
        except OSError:
            pass
        finally:
            if not writer:
                accepted.close()

    async def _streams(self, accepted):
        loop = asyncio.get_running_loop()
        delay = 2 * self._round_trip() if self._round_trip else 0
        if delay:
            await asyncio.sleep(delay)
        reader = asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(reader)
        context = self._context() if self._context else None
        transport, _ = await loop.connect_accepted_socket(
            lambda: protocol, accepted, ssl=context, ssl_handshake_timeout=20 if context else None)
        return reader, asyncio.StreamWriter(transport, protocol, reader, loop)


async def splice(reader, writer, far_reader, far_writer):
    """Passes bytes both ways until one side ends; then the far one is closed."""
    async def pump(source, sink):
        try:
            while data := await source.read(1 << 16):
                sink.write(data)
                await sink.drain()
        except OSError:
            pass

    pumps = [background.run(pump(reader, far_writer)), background.run(pump(far_reader, writer))]
    try:
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for one in pumps:
            one.cancel()
        far_writer.close()
