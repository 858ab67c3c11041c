"""Redis Enterprise for a test: the stand-in of tests/standins, started on loopback addresses of its own.

    site = RedisEnterprise(scratch, {"clusters": [
        {"name": "east", "version": "7.8.6-13", "users": [ADMIN], "databases": [{"uid": 1, "name": "orders"}]},
        {"name": "west", "users": [ADMIN], "databases": [{"uid": 1, "name": "copy"}]}],
        "replicas": [{"source": ["east", 1], "destination": ["west", 1]}],
        "crdbs": [{"name": "carts", "clusters": ["east", "west"]}]})
    site.start()
    status, bdb = site.rest("west", "GET", "/v1/bdbs/1")
    site.fault("answer", cluster="east", path="/v1/cluster/*", status=409, times=2)
    site.do("node-down", cluster="east", node=3)
    site.events(event="replication-down"); site.requests(method="PUT", path="/v1/bdbs/1")
    site.stop()

standins/redis_enterprise/main.py has the whole description, faults.py and control.py what can go wrong, and
CASES.md what each of it plays. When start() returns, everything is in sync. On each node 9443, 8443 and 8070 are
open, and port 12000 + uid for each database; site.tool("east", "rladmin") is the path of a node's tool."""
import base64
import hashlib
import http.client
import json
import pathlib
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
import urllib.parse

from nginx import handshake
from waiting import PATIENCE, until

PROGRAM = pathlib.Path(__file__).resolve().parents[1] / "standins" / "redis-enterprise"
ADMIN = {"email": "admin@example.test", "password": "correct horse", "role": "admin"}


def unverified():
    """TLS that looks at nothing; what is served is verified elsewhere."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def client(address, port):
    """A client's connection to a database's endpoint."""
    plain = socket.create_connection((address, port), timeout=10 * PATIENCE)
    return unverified().wrap_socket(plain)


class RedisEnterprise:
    def __init__(self, scratch, description):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="re-", dir=scratch))
        self.log = self.directory.with_suffix(".log")
        self._description = description
        self._process = None
        self._control = None
        self._facts = None

    def start(self):
        with open(self.log, "wb") as log:
            self._process = subprocess.Popen([str(PROGRAM), "-", str(self.directory)], stdin=subprocess.PIPE,
                                             stdout=subprocess.PIPE, stderr=log)
        self._process.stdin.write(json.dumps(self._description).encode() + b"\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, self.log.read_text()
        self._facts = json.loads(line)
        self._control = urllib.parse.urlsplit(self._facts["control"]).netloc
        return self

    def stop(self):
        """Everything it started is gone afterwards, and it had nothing to complain of."""
        if self._process:
            self._process.stdin.close()
            self._process.wait(20 * PATIENCE)
            self._process = None
        shutil.rmtree(self.directory, ignore_errors=True)
        complaints = self.log.read_text()
        assert not complaints, complaints

    def kill(self):
        """As the kernel does it."""
        self._process.kill()
        self._process.wait(20)
        self._process = None

    __enter__ = start

    def __exit__(self, *_):
        self.stop()

    # ---- the test's own interface ----

    def control(self, method, path, body=None):
        connection = http.client.HTTPConnection(self._control, timeout=30 * PATIENCE)
        connection.request(method, path, json.dumps(body) if body is not None else None)
        answer = connection.getresponse()
        facts = json.loads(answer.read() or b"null")
        connection.close()
        assert answer.status == 200, facts
        return facts

    def fault(self, kind, **more):
        """Returns its number, for heal()."""
        return self.control("POST", "/faults", {"kind": kind, **more})["id"]

    def heal(self, number=None):
        self.control("DELETE", f"/faults/{number}" if number else "/faults")

    def do(self, word, **more):
        return self.control("POST", f"/do/{word}", more)

    def set(self, **settings):
        self.control("POST", "/settings", settings)

    def requests(self, **narrow):
        return self._narrow("/requests", narrow)

    def events(self, **narrow):
        return self._narrow("/events", narrow)

    def forget(self):
        """The requests and events so far."""
        self.control("DELETE", "/record")

    def _narrow(self, path, narrow):
        return [entry for entry in self.control("GET", path)
                if all(entry.get(key) == value for key, value in narrow.items())]

    # ---- where things are ----

    def cluster(self, name):
        """How it is now."""
        return self.control("GET", "/site")["clusters"][name]

    def address(self, cluster, node=1):
        return self._facts["clusters"][cluster]["nodes"][node - 1]["external"]

    def addresses(self, cluster):
        return [node["external"] for node in self._facts["clusters"][cluster]["nodes"]]

    def fqdn(self, cluster):
        return self._facts["clusters"][cluster]["fqdn"]

    def guid(self, crdb):
        return self._facts["crdbs"][crdb]

    def tool(self, cluster, name, node=1):
        """The path of rladmin or crdb-cli on a node."""
        return str(pathlib.Path(self._facts["clusters"][cluster]["nodes"][node - 1]["tools"]) / name)

    def run(self, cluster, name, *arguments, node=1):
        return subprocess.run([self.tool(cluster, name, node), *arguments], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=60 * PATIENCE, check=False)

    def served(self, cluster, port, node=1):
        """The fingerprint that one handshake meets there."""
        return handshake(port, self.address(cluster, node))

    def wanted(self, cluster, name):
        """The fingerprint that the cluster believes to be in service."""
        return self.certificate(cluster, name)[1]

    def certificate(self, cluster, name):
        """(PEM, fingerprint of the leaf)"""
        facts = self.cluster(cluster)
        pem = facts["certificates"][name]
        first = ssl.PEM_cert_to_DER_cert(pem[:pem.index("-----END CERTIFICATE-----") + 26])
        return pem, _sha256(first)

    # ---- what a client can do ----

    def rest(self, cluster, method, path, body=None, node=1, user=ADMIN, headers=None, pair=None):
        """One request on a connection of its own: (status, JSON or None)."""
        answer = self.rest_raw(cluster, method, path, body, node, user, headers, pair)
        return answer.status, json.loads(answer.body) if answer.body else None

    def rest_raw(self, cluster, method, path, body=None, node=1, user=ADMIN, headers=None, pair=None):
        """The same, as the answer with its headers, and its body in .body."""
        headers = {"content-type": "application/json", **(headers or {})}
        if user:
            word = base64.b64encode(f"{user['email']}:{user['password']}".encode()).decode()
            headers["authorization"] = f"Basic {word}"
        context = unverified()
        if pair:
            context.load_cert_chain(*pair)
        connection = http.client.HTTPSConnection(self.address(cluster, node), 9443, timeout=30 * PATIENCE,
                                                 context=context)
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body)
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        answer.body = answer.read()
        connection.close()
        return answer

    def replace(self, cluster, name, pair, **more):
        """PUT of one certificate by the request that every version has: (status, JSON)."""
        return self.rest(cluster, "PUT", "/v1/cluster/update_cert", {
            "name": name, "certificate": pair.fullchain.decode(), "key": pair.key.decode()}, **more)

    def redis(self, cluster, bdb, *words):
        """One command to a database's server, past its proxies: the reply as text."""
        path = self._facts["clusters"][cluster]["databases"][str(bdb)]["socket"]
        with socket.socket(socket.AF_UNIX) as plain:
            plain.settimeout(10 * PATIENCE)
            plain.connect(path)
            return exchange(plain, *words)

    # ---- what can be waited for ----

    def source_status(self, cluster, bdb):
        """The status of each source of a Replica Of destination."""
        return [source["status"] for source in self.rest(cluster, "GET", f"/v1/bdbs/{bdb}")[1]["replica_sources"]]

    def links(self, crdb, cluster):
        """(of cluster, to cluster): "up" or "down", as the health report of this cluster has them."""
        report = self.rest(cluster, "GET", f"/v1/crdbs/{self.guid(crdb)}/health_report")[1]
        return {(one["cluster_name"], connection["name"]): link["status"] for one in report
                for connection in one["connections"] for link in connection.get("replication_links", [])}

    def comes_in_sync(self, cluster, bdb):
        until(lambda: set(self.source_status(cluster, bdb)) == {"in-sync"},
              lambda: str(self.rest(cluster, "GET", f"/v1/bdbs/{bdb}")[1]["replica_sources"]))
        return True

    def links_come_up(self, crdb, cluster):
        until(lambda: set(self.links(crdb, cluster).values()) == {"up"}, lambda: str(self.links(crdb, cluster)))
        return True


    def outages(self, event="replication", **narrow):
        """How long, in seconds, each outage took that is over: event "replication" or "link"."""
        began, took = {}, []
        for entry in self.events(**narrow):
            link = tuple(entry.get(key) for key in ("cluster", "bdb", "source", "crdb", "peer"))
            if entry["event"] == f"{event}-down":
                began[link] = entry["at"]
            elif entry["event"] == f"{event}-up" and link in began:
                took.append(entry["at"] - began.pop(link))
        return took


class Load:
    """A client that writes to a database's endpoint all the time: the list "load" grows by one number a write.

    Use it as a context; `acknowledged` is how many writes the server has confirmed. With `padding`, so many bytes
    more are written each time, to another key."""

    def __init__(self, site, cluster, bdb, node=1, padding=0):
        self.acknowledged = 0
        self._padding = "x" * padding
        self._address = (site.address(cluster, node), 12000 + bdb)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        until(lambda: self.acknowledged, "no write was acknowledged")
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()

    def _run(self):
        while not self._over.is_set():
            try:
                with client(*self._address) as stream:
                    self._write(stream)
            except OSError:
                continue

    def _write(self, stream):
        while not self._over.wait(0.001):
            exchange(stream, "RPUSH", "load", self.acknowledged)
            if self._padding:
                exchange(stream, "SET", "padding", self._padding)
            self.acknowledged += 1


def _sha256(der):
    return hashlib.sha256(der).hexdigest()


def exchange(stream, *words):
    """One command over a connected socket: what follows the reply's first byte, or its bulk string."""
    parts = [str(word).encode() for word in words]
    stream.sendall(b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts))
    reply = b""
    while not reply.endswith(b"\r\n") or (reply[:1] == b"$" and reply[:2] != b"$-" and reply.count(b"\r\n") < 2):
        received = stream.recv(1 << 16)
        if not received:
            raise ConnectionError("the server closed the connection")
        reply += received
    text = reply.decode()
    return text.split("\r\n", 1)[1][:-2] if text[0] == "$" else text[1:-2]
