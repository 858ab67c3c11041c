"""The connections between the servers of a topology: TLS on the replication port, with certificates on both sides.

Each server keeps a connection to every other one. Whoever connects accepts only what the registry holds for that
instance, and whoever is connected to accepts only what the registry holds for any; so a certificate that a peer has
not heard of yet, or not any more, breaks the next connection. What is connected stays connected. Over the connection
to the primary a server asks for the registry and hands in what is to be written.
"""
import json
import os
import socket
import ssl
import threading
import time

from cryptography.hazmat.primitives import serialization

from standins.pingdirectory import jks
from standins.pingdirectory.instance import STAGE, pem

PARTIAL_CHAIN = 0x80000


def load_pair(context, key, chain):
    """From memory: the key is written to no disk."""
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                serialization.NoEncryption())
    with os.fdopen(os.memfd_create("pair"), "wb") as pair:
        pair.write(private + "".join(map(pem, chain)).encode())
        pair.flush()
        context.load_cert_chain(f"/proc/self/fd/{pair.fileno()}")


def context_of(protocol, instance, trusted):
    context = ssl.SSLContext(protocol)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED
    context.verify_flags |= PARTIAL_CHAIN
    load_pair(context, *instance.pair("inter-server"))
    if trusted:
        context.load_verify_locations(cadata="".join(map(pem, trusted)))
    return context


class Line:
    """Questions and answers, each one JSON object on one line."""

    def __init__(self, connection):
        self.connection = connection
        self.file = connection.makefile("rwb")
        self.lock = threading.Lock()

    def send(self, value):
        self.file.write(json.dumps(value).encode() + b"\n")
        self.file.flush()

    def receive(self):
        line = self.file.readline()
        return json.loads(line) if line else None

    def ask(self, value):
        with self.lock:
            self.send(value)
            answer = self.receive()
        if answer is None:
            raise ConnectionError("the peer has closed the connection")
        return answer

    def close(self):
        try:
            self.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.connection.close()


class Links:
    def __init__(self, server):
        self.server, self.instance, self.registry = server, server.instance, server.registry
        self.peers = [peer for peer in server.instances if peer.name != self.instance.name]
        self.out = {}           # peer's name to Line
        self.accepted = set()
        self.states = {}
        self.context = None

    # ---- being connected to ----

    def accept(self, listener):
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=self.welcome, args=(connection,), daemon=True).start()

    def welcome(self, connection):
        """The certificate is read anew, unless it counts from one start to the next."""
        with connection:
            try:
                connection.settimeout(20)
                trusted = [certificate for each in self.server.instances for certificate in self.registry.trusted(each)]
                context = context_of(ssl.PROTOCOL_TLS_SERVER, self.presented(), trusted)
                line = Line(context.wrap_socket(connection, server_side=True))
                line.connection.settimeout(None)
                self.accepted.add(line)
                try:
                    self.answer(line)
                finally:
                    self.accepted.discard(line)
            except (OSError, ValueError, jks.Unreadable) as error:
                print(f"replication: {error}", flush=True)

    def presented(self):
        if STAGE.setting("replication-certificate", "handshake") == "start":
            return self.server.at_start
        return self.instance

    def answer(self, line):
        while True:
            question = line.receive()
            if question is None:
                return
            if question["ask"] == "registry":
                same = self.registry.digest == question["digest"]
                line.send({"same": True} if same else {"text": self.registry.text})
            elif question["ask"] == "write" and self.server.is_primary():
                line.send({"done": self.registry.put(question["dn"], question["name"], question["values"])})
            else:
                line.send({"done": False})

    # ---- connecting ----

    def connect(self, peer):
        context = context_of(ssl.PROTOCOL_TLS_CLIENT, self.presented(), self.registry.trusted(peer))
        plain = socket.create_connection((peer.host, peer.replication), timeout=20)
        try:
            line = Line(context.wrap_socket(plain))
            # With TLS 1.3 it shows only now whether the peer accepts our certificate.
            line.ask({"ask": "nothing"})
        except Exception:
            plain.close()
            raise
        return line

    def keep(self, peer):
        """Connected, if it can be had."""
        line = self.out.get(peer.name)
        try:
            if not line:
                line = self.connect(peer)
                self.out[peer.name] = line
            else:
                line.ask({"ask": "nothing"})
        except (OSError, ValueError, jks.Unreadable) as error:
            self.forget(peer, str(error))
            return
        self.tell(peer, True, "")

    def forget(self, peer, reason):
        line = self.out.pop(peer.name, None)
        if line:
            line.close()
        self.tell(peer, False, reason)

    def tell(self, peer, connected, reason):
        if self.states.get(peer.name) != connected:
            self.states[peer.name] = connected
            STAGE.record(link=[self.instance.name, peer.name], connected=connected, reason=reason)

    def reset(self):
        """As a restart or a change of the topology does: every connection is made anew."""
        for line in [*self.accepted, *self.out.values()]:
            line.close()

    def primary_line(self):
        return self.out.get(self.server.primary())

    # ---- for as long as the server lives ----

    def keep_all(self):
        while True:
            for peer in self.peers:
                self.keep(peer)
            time.sleep(0.1)

    def mirror(self):
        """Takes over the primary's registry at each interval; an interval of none: never."""
        while True:
            interval = STAGE.setting("polling-seconds", 0.2)
            if isinstance(interval, dict):
                interval = interval.get(self.instance.name, 0.2)
            end = time.monotonic() + (interval or 0)
            while time.monotonic() < end:
                time.sleep(0.02)
            if interval is not None:
                self.pull()
            else:
                time.sleep(0.1)

    def pull(self):
        line = None if self.server.is_primary() else self.primary_line()
        if line:
            try:
                answer = line.ask({"ask": "registry", "digest": self.registry.digest})
                if "text" in answer:
                    self.registry.take(answer["text"])
            except (OSError, ValueError) as error:
                print(f"mirroring: {error}", flush=True)

    def write(self, dn, name, values):
        """At the primary, then here. None: there is no primary; else whether the entry was there."""
        if self.server.is_primary():
            return self.registry.put(dn, name, values)
        line = self.primary_line()
        if not line:
            return None
        try:
            done = line.ask({"ask": "write", "dn": dn, "name": name, "values": values})["done"]
        except (OSError, ValueError):
            return None
        self.pull()
        return done
