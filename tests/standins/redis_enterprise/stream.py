"""Redis' replication stream, followed by ourselves: how a write reaches the other instances of a CRDB.

redis-server replicates from one server only, an instance of an Active-Active database from all the others. So the
syncer's connection asks for the stream as a replica does (PSYNC) and hands each write to the near server, marked
with where it comes from, so that it is not sent on again. A connection that ends is taken up where it ended, as
long as the far server's backlog holds. The protocol is that of
https://redis.io/docs/latest/operate/oss_and_stack/management/replication/."""
import asyncio

from . import background
from .redis_server import RedisError, encode, read_reply

MARK = b"stand-in:from"
QUIET = {b"PING", b"SELECT", b"REPLCONF", b"PUBLISH"}


async def read_command(reader):
    """One command of the stream: (its words, its length in bytes)."""
    line = await reader.readuntil(b"\r\n")
    length, words = len(line), []
    for _ in range(int(line[1:])):
        head = await reader.readuntil(b"\r\n")
        word = await reader.readexactly(int(head[1:]) + 2)
        words.append(word[:-2])
        length += len(head) + len(word)
    return words, length


class Follower:
    """Follows the server of one instance for another. caught_up() is called whenever the stream goes on."""

    def __init__(self, near, caught_up):
        self._near = near
        self._caught_up = caught_up
        self._history = "?"
        self._offset = -1

    async def follow(self, reader, writer):
        """Until the connection ends, with an exception."""
        await self._attach(reader, writer)
        self._caught_up()
        near = await asyncio.open_unix_connection(str(self._near.directory / "socket"))
        acknowledging = background.run(self._acknowledge(writer))
        try:
            while True:
                await self._take(reader, *near)
        finally:
            acknowledging.cancel()
            near[1].close()

    async def _attach(self, reader, writer):
        writer.write(encode("REPLCONF", "capa", "eof", "capa", "psync2"))
        await read_reply(reader)
        first = self._offset < 0
        writer.write(encode("PSYNC", self._history, -1 if first else self._offset + 1))
        answer = (await read_reply(reader)).split()
        if answer[0] == "FULLRESYNC":
            self._history, self._offset = answer[1], int(answer[2])
            await self._skip_snapshot(reader)
            if not first:
                raise RedisError("the source's backlog is exhausted: writes are lost")
        elif len(answer) > 1:
            self._history = answer[1]

    @staticmethod
    async def _skip_snapshot(reader):
        """At the first time the databases are empty, and so is the snapshot."""
        head = b""
        while not head.strip():
            head = await reader.readuntil(b"\n")
        if head.startswith(b"$EOF:"):
            await reader.readuntil(head[5:45])
        else:
            await reader.readexactly(int(head[1:]))

    async def _acknowledge(self, writer):
        while True:
            writer.write(encode("REPLCONF", "ACK", self._offset))
            await asyncio.sleep(0.5)

    async def _take(self, reader, near_reader, near_writer):
        """One command, or one transaction as a whole."""
        words, length = await read_command(reader)
        commands = [words]
        if words[0].upper() == b"MULTI":
            while commands[-1][0].upper() != b"EXEC":
                words, more = await read_command(reader)
                commands.append(words)
                length += more
        marked = any(command[:2] == [b"PUBLISH", MARK] for command in commands)
        writes = [command for command in commands if command[0].upper() not in QUIET | {b"MULTI", b"EXEC"}]
        if writes and not marked:
            await self._apply(near_reader, near_writer, writes)
        self._offset += length

    @staticmethod
    async def _apply(reader, writer, writes):
        commands = [[b"MULTI"], [b"PUBLISH", MARK, b"peer"], *writes, [b"EXEC"]]
        writer.write(b"".join(encode(*command) for command in commands))
        for _ in commands:
            await read_reply(reader)
