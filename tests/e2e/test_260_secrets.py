"""Keys and passwords are nowhere but where they belong: not in arguments, environments, logs, plans, receipts, the database
or a core."""
import base64
import os
import subprocess
import sys

import pytest

import opengauss
import pingdirectory
from gauss_target import drop_package, target as gauss_target, until_served
from postgresql import PROGRAMS
from redis_enterprise import ADMIN, RedisEnterprise
from redis_targets import Targets, cluster_of, drop, thorough
from searching import STRACE, Executions, Secrets, files_below, memory_is_closed, memory_of, strings_of
from test_400_pingdirectory import by_tool, target as directory_target

CANARY = "canary-5f1d20c9"  # of no secret: it shows that the search finds what is there
PASSPHRASE, STORE_PASSWORD, KEY_PASSWORD = "swordfish-of-the-drop", "tortoise-of-the-store", "pelican-of-the-key"


def private_file(path, *lines):
    path.write_text("".join(f"{line}\n" for line in lines))
    path.chmod(0o600)
    return path


class Search:
    """certdrop with the targets given, and one more that is the canary: its name goes wherever a target's facts go, and its
    reload has that name among its arguments.

    What is to be found nowhere is added to `secrets`; what is dropped is dropped before the with-block, at whose
    beginning the plan for it is asked for, and the service started."""

    def __init__(self, certdrop, scratch, authority, targets, **more):
        self.certdrop, self.scratch, self.secrets, self.canary = certdrop, scratch, Secrets(), Secrets()
        self.canary.add("the canary", CANARY.encode())
        certdrop.configure([*targets, {
            "name": CANARY, "product": "files", "publish": scratch / "canary",
            "files": [{"name": "leaf.pem", "content": "leaf"}], "reload": ["/bin/sh", "-c", f": {CANARY}"]}], **more)
        self.pair = authority.issue("canary.example.com")
        self.secrets.add_key("the canary's key", self.pair.private)
        certdrop.drop(CANARY, {"all.pem": self.pair.fullchain + self.pair.key})
        self.executions = Executions(certdrop, scratch / "executions")
        self.told = ""

    def __enter__(self):
        done = self.certdrop.run("plan")
        assert done.returncode == 2, done.stdout + done.stderr
        self.told += done.stdout + done.stderr
        self.executions.__enter__()
        return self

    def __exit__(self, *unused):
        self.executions.__exit__()

    def tell(self):
        for word in ("status", "history", "plan"):
            for arguments in ([], ["--json"]):
                done = self.certdrop.run(word, *arguments)
                self.told += done.stdout + done.stderr

    def places(self):
        """Where to look: name and contents. certdrop's programs close their memory to others of the same user, so that not even
        strace reads what they hand to a program that they start: those two places are root's alone."""
        state = self.certdrop.state
        yield "plans and what commands print", [self.told.encode()]
        yield "log", [self.certdrop.log().encode()]
        yield "drop", [content for _, content in files_below(self.certdrop.drops)]
        yield "state", [content for _, content in files_below(state, leaving_out=[state / "store"])]
        if os.geteuid() == 0:
            yield "arguments and environments", list(self.executions.strings())
            yield "core of the controller", list(memory_of(self.certdrop.process.pid))

    def assert_nothing(self):
        """Looks everywhere, with the service running and nothing left to do."""
        self.certdrop.until_in_service(CANARY, self.pair)
        self.tell()
        assert memory_is_closed(self.certdrop.process.pid)
        for pid in self.certdrop.processes()[1:] if os.geteuid() == 0 else ():
            left = self.secrets.found_in(memory_of(pid))
            name = os.path.basename(os.readlink(f"/proc/{pid}/exe"))
            assert left == [], f"the memory of {name}, which waits for its next job"
        for name, pieces in self.places():
            assert self.canary.found_in(pieces) == ["the canary"], f"{name}: the search finds nothing at all"
            assert self.secrets.found_in(pieces) == [], name
            print(f"{len(self.secrets)} writings of keys and passwords, {sum(map(len, pieces))} bytes of {name}: nothing")


# ---- the search itself ----

HOLDING = """
import sys
from cryptography.hazmat.primitives import serialization
key = serialization.load_pem_private_key(sys.stdin.buffer.readline().replace(b"|", b"\\n"), None)
key.private_numbers()
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("kind", ["ec", "rsa"])
def test_the_search_finds_what_is_planted(authority, scratch, kind):
    """A process that has a key and is told a password in the two ways in which nobody should."""
    pair, secrets = authority.issue("planted.example.com", kind), Secrets()
    secrets.add_key("key", pair.private)
    secrets.add_password("argument", "planted-in-an-argument")
    secrets.add_password("variable", "planted in a variable", user="admin@example.test")
    word = base64.b64encode(b"admin@example.test:planted in a variable").decode()
    trace = scratch / "trace"
    with subprocess.Popen(
            ["strace", "-D", *STRACE, "-o", trace, sys.executable, "-c", HOLDING, "planted-in-an-argument"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, "WORD": f"Basic {word}"}) as process:
        process.stdin.write(pair.key.replace(b"\n", b"|") + b"\n")
        process.stdin.flush()
        assert process.stdout.readline() == b"ready\n"
        in_memory = secrets.found_in(memory_of(process.pid))
    assert any("as a number in memory" in name for name in in_memory), in_memory
    assert any("in PEM" in name for name in in_memory), in_memory
    assert secrets.found_in(strings_of(trace)) == ["argument", "variable in base64"]
    (scratch / "key.der").write_bytes(pair.key_der)
    (scratch / "store").write_bytes("planted-in-an-argument".encode("utf-16-be"))
    in_files = secrets.found_in(content for _, content in files_below(scratch, leaving_out=[trace]))
    assert any("in DER" in name for name in in_files) and "argument in UTF-16" in in_files, in_files


# ---- each product ----

def test_files_with_a_pkcs12_and_its_passphrase(certdrop, authority, scratch):
    pair = authority.issue("files.example.com", "rsa")
    names = {"passphrases": PASSPHRASE, "password-file": STORE_PASSWORD, "key-password-file": KEY_PASSWORD}
    target = {"name": "web", "product": "files", "publish": scratch / "tls",
              "files": [{"name": "privkey.pem", "content": "key", "mode": "0600"},
                        {"name": "fullchain.pem", "content": "fullchain"},
                        {"name": "keystore.jks", "content": "jks", "mode": "0600"}],
              "test": ["/bin/sh", "-c", f"cat {scratch}/tls/*.pem"],
              **{name: private_file(scratch / name, word) for name, word in names.items()}}
    search = Search(certdrop, scratch, authority, [target])
    search.secrets.add_key("the key", pair.private)
    for name, word in names.items():
        search.secrets.add_password(name, word)
    certdrop.drop("web", {"new.p12": pair.pkcs12(PASSPHRASE.encode())})
    with search:
        certdrop.until_in_service("web", pair)
        search.assert_nothing()


def test_redis_enterprise_with_the_password_of_its_interface(certdrop, authority, scratch):
    """The second step sends back what it has read, and that has the databases' own passwords."""
    clusters = [cluster_of(authority, name, nodes=1, databases=[{"uid": 1, "name": "orders"}])
                for name in ("east", "west")]
    with RedisEnterprise(scratch, {"clusters": clusters,
                                   "replicas": [{"source": ["east", 1], "destination": ["west", 1]}]}) as site:
        targets = Targets(scratch, authority, site)
        proxy = targets.target("east", "proxy", replicas=[{**targets.access("west"), "database": 1}])
        search = Search(certdrop, scratch, authority, [proxy], **{"retry-first": "100ms"})
        pair = targets.pair("east")
        search.secrets.add_key("the key", pair.private)
        search.secrets.add_password("the interface's", ADMIN["password"], user=ADMIN["email"])
        for name in ("east", "west"):
            search.secrets.add_password(
                f"the database's in {name}", site.rest(name, "GET", "/v1/bdbs/1")[1]["authentication_admin_pass"])
        drop(certdrop, "east-proxy", pair)
        with search:
            certdrop.until_in_service("east-proxy", pair, seconds=40)
            search.assert_nothing()


@thorough
@pytest.mark.skipif(not PROGRAMS, reason="PostgreSQL is not installed")
def test_opengauss_with_all_its_passphrases(certdrop, authority, scratch):
    words = {"first": (b"Server@1234", b"Client@5678"), "second": (b"Fresh@2468", b"Fresh@1357")}
    sets = {which: opengauss.CertificateSet(authority, f"{which}.example.com", *words[which]) for which in words}
    cluster = opengauss.OpenGauss(scratch, sets["first"])
    try:
        cluster.start()
        search = Search(certdrop, scratch, authority, [gauss_target(cluster, scratch)])
        for which, each in sets.items():
            for side, pair, word in zip(("server", "client"), (each.server, each.client), words[which]):
                search.secrets.add_key(f"the {which} {side}'s key", pair.private)
                search.secrets.add_password(f"the {which} {side}'s passphrase", word.decode())
        drop_package(certdrop, sets["second"])
        with search:
            until_served(certdrop, sets["second"])
            search.assert_nothing()
    finally:
        cluster.stop()


@thorough
@pytest.mark.skipif(not pingdirectory.KEYTOOL, reason="Java's keytool is not installed")
def test_pingdirectory_by_both_routes(certdrop, authority, scratch):
    topology = pingdirectory.PingDirectory(scratch, names=("ds1", "ds2"))
    try:
        topology.start()
        identities = {"ds1": pingdirectory.Identity("one.example.com"), "ds2": pingdirectory.Identity("two.example.com")}
        routes = [directory_target(topology, "ds1", soak="1h"),
                  directory_target(topology, "ds2", soak="1h", **by_tool(topology, "ds2"))]
        search = Search(certdrop, scratch, authority, routes)
        search.secrets.add_password("the manager's", pingdirectory.PASSWORD)
        search.secrets.add_password("the key store's", "a-store-password")
        for name, identity in identities.items():
            search.secrets.add_key(f"the key of {name}", identity.key)
            certdrop.drop(name, {"pair.pem": identity.pem + identity.key_pem})
        with search:
            for name, identity in identities.items():
                certdrop.until_in_service(name, identity, seconds=60)
            search.assert_nothing()
    finally:
        topology.stop()
