"""Redis Enterprise: a certificate with a second step elsewhere, and leases."""
import fcntl
import ssl
import urllib.request

from scene import Scene
from etcd import Etcd
from redis_enterprise import RedisEnterprise
from redis_targets import Targets, cluster_of
from waiting import until


class ActiveActive(Scene):
    """Three clusters with two databases; the certificate of one, then a forced update of each database."""

    product, name, target = "redis-enterprise", "Active-Active, local leases", "east-proxy"
    victims = ("service", "worker", "both", "node")
    clusters, databases = ("east", "west", "north"), ("carts", "likes")
    node_down = False

    def raise_stand_in(self):
        clusters = [cluster_of(self.authority, name, nodes=2 if name == "east" else 1) for name in self.clusters]
        crdbs = [{"name": name, "clusters": self.clusters} for name in self.databases]
        self.site = RedisEnterprise(self.scratch, {"clusters": clusters, "crdbs": crdbs}).start()
        self.targets = Targets(self.scratch, self.authority, self.site)
        return self.targets.target("east", "proxy", lease=self.lease(), **{
            "sync-deadline": "60s", "probe-deadline": "30s", "times": 1})

    def clear(self):
        self.site.stop()

    def lease(self):
        return {"store": "local", "directory": self.scratch / "leases"}

    def own(self):
        return (self.site.directory, self.scratch / "etcd")

    def fresh(self):
        pair = self.targets.pair("east")
        pair.name = self.site.fqdn("east")
        return pair

    def drop(self, pair):
        self.site.forget()
        self.certdrop.drop(self.target, {"fullchain.pem": pair.fullchain, "key.pem": pair.key})

    def seen(self):
        facts = self.site.cluster("east")
        return {self.site.wanted("east", "proxy"),
                *(self.site.served("east", database["port"], node["uid"]) for database in facts["databases"].values()
                  for node in facts["nodes"])}

    def is_whole(self, pair):
        return all(set(self.site.links(name, "west").values()) == {"up"} for name in self.databases)

    # ---- the second step ----

    def first_steps(self):
        return self.site.events(event="certificates-replaced", cluster="east")

    def second_steps(self):
        return self.site.events(event="crdb-update")

    def owed(self):
        return len(self.databases)

    def mark(self):
        return len(self.first_steps()), len(self.second_steps())

    def wrong(self, pair, outcome, mark, victim):
        first, second = self.first_steps(), self.second_steps()
        began, followed = mark
        taken_up = began == 0 or followed == self.owed() or (
            len(second) > followed and (len(first) == began or second[followed]["at"] < first[began]["at"]))
        killed = victim in ("service", "worker", "both")
        return super().wrong(pair, outcome, mark, victim) + [sentence for sentence, is_so in (
            ("the second step was not taken up first", killed and not taken_up),
            (f"the certificate was replaced {len(first)} times, and others were told {len(second)} times",
             killed and (len(first), len(second)) != (1, self.owed()))) if is_so]

    def leases(self):
        held = []
        for path in (self.scratch / "leases").iterdir():
            with open(path, "rb") as lease:
                try:
                    fcntl.flock(lease, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    held.append(path.name)
        return held

    # ---- what else can die ----

    def fell(self, victim):
        self.site.do("node-down", cluster="east", node=1)

    def mend(self, victim):
        self.site.do("node-up", cluster="east", node=1)


class SharedActiveActive(ActiveActive):
    """The same, with leases in etcd."""

    name = "Active-Active, leases in etcd"
    victims = ("service", "worker", "both", "etcd")

    def raise_stand_in(self):
        self.etcd = Etcd(self.scratch, self.authority).start()
        return super().raise_stand_in()

    def clear(self):
        self.etcd.stop()
        super().clear()

    def lease(self):
        return self.etcd.lease(ttl="5s")

    def leases(self):
        """The number of keys; those of a worker that was killed end by themselves."""
        try:
            until(lambda: self.keys() == 0, "", 10)
        except AssertionError:
            return [f"{self.keys()} in etcd"]
        return []

    def keys(self):
        context = ssl.create_default_context(cafile=str(self.etcd.ca))
        request = urllib.request.Request(f"https://localhost:{self.etcd.port}/v3/kv/range",
                                         b'{"key": "AA==", "range_end": "AA==", "count_only": true}')
        with urllib.request.urlopen(request, context=context, timeout=10) as answer:
            text = answer.read().decode()
        return int(text.partition('"count":"')[2].partition('"')[0] or 0)

    def fell(self, victim):
        self.etcd.stop()

    def mend(self, victim):
        self.etcd.start()


class ReplicaOf(ActiveActive):
    """A source, and two destinations elsewhere that have to be told of its new certificate."""

    name, copies = "Replica Of", ("west", "north")

    def raise_stand_in(self):
        clusters = [cluster_of(self.authority, name, nodes=2 if name == "east" else 1,
                               databases=[{"uid": 1, "name": "orders"}]) for name in ("east", *self.copies)]
        replicas = [{"source": ["east", 1], "destination": [name, 1]} for name in self.copies]
        self.site = RedisEnterprise(self.scratch, {"clusters": clusters, "replicas": replicas}).start()
        self.targets = Targets(self.scratch, self.authority, self.site)
        return self.targets.target("east", "proxy", **{
            "replicas": [{**self.targets.access(name), "database": 1} for name in self.copies],
            "sync-deadline": "60s", "probe-deadline": "30s", "times": 1})

    def is_whole(self, pair):
        sources = [source for name in self.copies
                   for source in self.site.rest(name, "GET", "/v1/bdbs/1")[1]["replica_sources"]]
        return all(source["status"] == "in-sync" and source["server_cert"].startswith(pair.leaf.decode())
                   for source in sources)

    def second_steps(self):
        return [request for request in self.site.requests(method="PUT", path="/v1/bdbs/1")
                if "dry_run" not in request["query"]]

    def owed(self):
        return len(self.copies)

    def leases(self):
        return []
