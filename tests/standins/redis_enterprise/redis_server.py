"""One real redis-server: what stores a database's data, and what shows the proxy certificate to its clients.

It serves TLS alone, besides a Unix socket for us. tls-auth-clients, tls-ca-cert-file and the rest are those of
https://redis.io/docs/latest/operate/oss_and_stack/management/security/encryption/. One store of authorities
serves both its roles there: a source that verifies its replicas, and a replica that verifies its source."""
import asyncio
import pathlib

CONFIGURATION = """
port 0
bind {address}
tls-port {port}
unixsocket {directory}/socket
dir {directory}
logfile {directory}/log
tls-cert-file {directory}/proxy.crt
tls-key-file {directory}/proxy.key
tls-client-cert-file {directory}/syncer.crt
tls-client-key-file {directory}/syncer.key
tls-ca-cert-file {directory}/trusted.crt
tls-auth-clients {clients}
tls-replication yes
user default on {default} ~* &* +@all
user admin on >{admin} ~* &* +@all
save ""
repl-diskless-sync yes
repl-diskless-sync-delay 0
repl-backlog-size {backlog}
"""


class RedisError(Exception):
    """An answer that begins with a minus."""


async def read_reply(reader):
    line = (await reader.readuntil(b"\r\n")).lstrip(b"\n")  # A replica that waits for a snapshot is sent newlines.
    kind, rest = line[:1], line[1:-2].decode()
    if kind == b"-":
        raise RedisError(rest)
    if kind == b"$":
        return None if rest == "-1" else (await reader.readexactly(int(rest) + 2))[:-2].decode()
    if kind == b"*":
        return [await read_reply(reader) for _ in range(int(rest))]
    return int(rest) if kind == b":" else rest


def encode(*words):
    parts = [f"*{len(words)}\r\n".encode()]
    for word in words:
        data = word if isinstance(word, bytes) else str(word).encode()
        parts.append(f"${len(data)}\r\n".encode() + data + b"\r\n")
    return b"".join(parts)


class RedisServer:
    """more: clients is "no", "optional" or "yes", what is asked of a client's certificate; admin the password of
    the user admin; default that of everybody, or "nopass"; backlog how many bytes a replica may miss."""

    def __init__(self, directory, address, port, **more):
        self.directory = pathlib.Path(directory)
        self.address = address
        self.port = port
        self.process = None
        self._installed = {}
        self._configuration = CONFIGURATION.format(directory=directory, address=address, port=port, **more)

    async def start(self, proxy, syncer, trusted):
        self.directory.mkdir(parents=True, exist_ok=True)
        self._write("proxy", proxy)
        self._write("syncer", syncer)
        (self.directory / "trusted.crt").write_text(trusted)
        (self.directory / "redis.conf").write_text(self._configuration)
        await self.restart()

    async def restart(self):
        """setpriv lets the kernel kill it when we die, however we die."""
        (self.directory / "socket").unlink(missing_ok=True)
        self.process = await asyncio.create_subprocess_exec(
            "setpriv", "--pdeathsig", "KILL", "redis-server", str(self.directory / "redis.conf"),
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL)
        while not await self._answers():
            if self.process.returncode is not None:
                raise RuntimeError("redis-server does not start: " + (self.directory / "log").read_text())
            await asyncio.sleep(0.005)

    async def _answers(self):
        try:
            return await self.command("PING")
        except RedisError:
            return True           # It wants a password.
        except OSError:
            return False

    async def kill(self):
        if self.process and self.process.returncode is None:
            self.process.kill()
            await self.process.wait()

    def _write(self, role, pair):
        self._installed[role] = pair
        (self.directory / f"{role}.crt").write_text(pair.certificate)
        (self.directory / f"{role}.key").write_text(pair.key)

    async def command(self, *words):
        reader, writer = await asyncio.open_unix_connection(str(self.directory / "socket"))
        try:
            writer.write(encode(*words))
            return await read_reply(reader)
        finally:
            writer.close()

    async def install(self, proxy=None, syncer=None, trusted=None, clients=None):
        """What is given is shown, asked for or believed from the next connection on."""
        settings = ["tls-auth-clients", clients] if clients else []
        if proxy and proxy is not self._installed["proxy"]:
            self._write("proxy", proxy)
            settings += ["tls-cert-file", self.directory / "proxy.crt", "tls-key-file", self.directory / "proxy.key"]
        if syncer and syncer is not self._installed["syncer"]:
            self._write("syncer", syncer)
            settings += ["tls-client-cert-file", self.directory / "syncer.crt",
                         "tls-client-key-file", self.directory / "syncer.key"]
        if trusted:
            (self.directory / "trusted.crt").write_text(trusted)
            settings += ["tls-ca-cert-file", self.directory / "trusted.crt"]
        if settings:
            await self.command("CONFIG", "SET", *settings)

    @property
    def shown(self):
        """The pair that its clients see."""
        return self._installed["proxy"]

    async def replication(self):
        """INFO replication, as a dictionary."""
        return await self.facts("replication")

    async def facts(self, section):
        """A section of INFO, as a dictionary."""
        lines = (await self.command("INFO", section)).splitlines()
        return dict(line.split(":", 1) for line in lines if ":" in line)
