"""One database server: openGauss's way with certificates, in front of a real PostgreSQL.

The front answers the SSLRequest and makes the TLS session as openGauss does; what comes out of it is passed on to a
PostgreSQL (database.py) that listens on a socket file only, so a client that gets through talks to a real database.
Started by gs_ctl; ends with PostgreSQL, or when the test is gone.
"""
import errno
import fcntl
import os
import select
import signal
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time

from standins.opengauss import database, tls
from standins.opengauss.cluster import STAGE, here

SSL_REQUEST, GSS_REQUEST = 80877103, 80877104


def error_message(text, code="57P03"):
    """An ErrorResponse of the protocol, version 3."""
    fields = b"".join(kind + value.encode() + b"\0" for kind, value in (
        (b"S", "FATAL"), (b"C", code), (b"M", text)))
    return b"E" + struct.pack("!I", len(fields) + 5) + fields + b"\0"


def read_exactly(connection, size):
    content = b""
    while len(content) < size:
        more = connection.recv(size - len(content))
        if not more:
            raise ConnectionError("the client went away")
        content += more
    return content


def relay(client, behind):
    """Passes bytes both ways until one side ends."""
    while True:
        pending = isinstance(client, ssl.SSLSocket) and client.pending()
        ready = [client] if pending else select.select([client, behind], [], [])[0]
        for source in ready:
            content = source.recv(65536)
            if not content:
                return
            (behind if source is client else client).sendall(content)


class Server:
    def __init__(self, node):
        self.node = node
        self.tls = tls.Tls(node)
        self.database = None
        self.state = None
        self.started = self.after_the_last_start()

    def after_the_last_start(self):
        """In seconds, as postmaster.pid has it; a test may start it twice in one, which nobody does by hand."""
        last = self.node.directory / "started"
        now = max(int(time.time()), int(last.read_text()) + 1 if last.exists() else 0)
        last.write_text(str(now))
        return now

    # ---- from start to end ----

    def run(self):
        self.take_lock()
        self.become("Starting")
        with self.listen() as listener:
            threading.Thread(target=self.accept, args=(listener,), daemon=True).start()
            self.database = database.start(self.node)
            (self.node.data / "postmaster.pid").write_text(
                f"{os.getpid()}\n{self.node.data}\n{self.started}\n{self.node.port}\n")
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT):
                signal.signal(number, self.stop)
            self.until_ready()
            self.until_ended()
        (self.node.data / "postmaster.pid").unlink(missing_ok=True)
        self.node.lock.unlink(missing_ok=True)
        return self.database.returncode

    def listen(self):
        """The one before may still be on its way out: a thread that waits for clients keeps the port until it ends."""
        end = time.monotonic() + 10
        while True:
            try:
                return socket.create_server((self.node.address, self.node.port), backlog=128)
            except OSError as error:
                if error.errno != errno.EADDRINUSE or time.monotonic() > end:
                    raise
            time.sleep(0.01)

    def take_lock(self):
        """Whoever looks whether a server runs holds it for a moment."""
        self.lock = open(os.open(self.node.lock, os.O_RDWR | os.O_CREAT, 0o600), "rb+")
        for _ in range(100):
            try:
                return fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(0.01)
        sys.exit("lock file exists: is another server running?")

    def become(self, state):
        """For gs_ctl and gs_om to read, and what a client is told. One write of always the same length, so that
        nobody reads a half of it."""
        self.state = state
        os.pwrite(self.lock.fileno(), f"{os.getpid()} {state}".ljust(40).encode(), 0)

    def stop(self, number, _):
        self.become("Stopping")
        self.database.send_signal(number)

    def connect(self):
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(f"{self.node.directory}/.s.PGSQL.5432")
        return connection

    def until_ready(self):
        not_before = time.monotonic() + STAGE.setting("start-seconds", 0)
        while self.database.poll() is None and self.state == "Starting":
            if time.monotonic() >= not_before and database.answers(self.node):
                self.tls.start()
                self.become("Normal")
            time.sleep(0.01)

    def until_ended(self):
        while True:
            try:
                self.database.wait(0.5)
                return
            except subprocess.TimeoutExpired:
                if STAGE.abandoned():
                    self.database.send_signal(signal.SIGQUIT)

    # ---- one client ----

    def accept(self, listener):
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self.welcome, args=(client,), daemon=True).start()

    def welcome(self, client):
        try:
            with client:
                client.settimeout(20)
                self.serve(client)
        except (OSError, ValueError) as error:
            print(f"connection: {error}", flush=True)

    def objection(self):
        """Looked at before the packet's type: so an SSLRequest may be answered with an error message."""
        if self.state != "Normal":
            return {"Starting": "the database system is starting up",
                    "Stopping": "the database system is shutting down"}[self.state]
        return STAGE.setting("answers", {}).get(self.node.name)

    def serve(self, client):
        head = read_exactly(client, 8)
        if self.objection():
            client.sendall(error_message(self.objection()))
            return
        code = struct.unpack("!II", head)[1]
        if code == GSS_REQUEST or code == SSL_REQUEST and not self.tls.on:
            client.sendall(b"N")
            self.serve(client)
        elif code == SSL_REQUEST:
            client.sendall(b"S")
            self.secure(client)
        else:
            self.pass_on(client, head)

    def secure(self, client):
        """The certificate is looked at only after the S, so a broken set shows as plain text in the handshake."""
        try:
            context = self.tls.session()
        except tls.Refused as reason:
            print(f"FATAL:  {reason}", flush=True)
            client.recv(65536)
            if STAGE.setting("refusal", "error") == "error":
                client.sendall(error_message(str(reason), "F0000"))
            return
        with context.wrap_socket(client, server_side=True) as secured:
            revoked = self.tls.objection(secured)
            if revoked:
                print(f"FATAL:  {revoked}", flush=True)
                return
            secured.settimeout(None)
            self.pass_on(secured, b"")

    def pass_on(self, client, head):
        client.settimeout(None)
        with self.connect() as behind:
            behind.sendall(head)
            relay(client, behind)


def main():
    os.umask(0o077)
    return Server(here().node_of(sys.argv[1])).run()


if __name__ == "__main__":
    sys.exit(main())
