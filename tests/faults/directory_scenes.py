"""PingDirectory: both routes, and the purge that follows."""
import itertools

from scene import Scene
from pingdirectory import ADMIN, KEYTOOL, Identity, PingDirectory
from waiting import until


class DirectoryByLdap(Scene):
    """By extended operations; what is retired is purged at once."""

    product, name, target, follows = "pingdirectory", "extended operations, then purged", "ds1", True

    def raise_stand_in(self):
        self.identities = itertools.cycle([self.identity(f"ds1-{number}.example.com") for number in range(3)])
        self.topology = PingDirectory(self.scratch).start()
        return {"name": "ds1", "product": "pingdirectory", "instance": "ds1", **self.reached("ds1"),
                "peers": tuple(self.reached(each.name) for each in self.topology.instances if each.name != "ds1"),
                "bind-dn": ADMIN, "password-file": self.topology.password_file(), "settle": "0ms", "soak": "0s",
                "probe": [f"127.0.0.1:{self.topology['ds1'].replication}"], "registry-deadline": "10s",
                "probe-deadline": "10s", "allow-downgrade": True, **self.way()}

    def way(self):
        return {}

    def reached(self, name):
        return {"server": f"ldaps://127.0.0.1:{self.topology[name].ldaps}", "pin": self.topology[name].listener()}

    def clear(self):
        self.topology.stop()

    def own(self):
        return (self.topology.root,)

    @staticmethod
    def identity(name):
        identity = Identity(name)
        identity.name = name
        return identity

    def fresh(self):
        """One that was purged two passes ago: to make RSA keys takes longer than all the rest."""
        return next(self.identities)

    def drop(self, identity):
        self.certdrop.drop("ds1", {"pair.pem": identity.pem + identity.key_pem})

    def seen(self):
        return {self.topology["ds1"].presented(), self.topology["ds1"].in_store(),
                *(found for each in self.topology.instances for found in self.topology.registered("ds1", at=each.name))}

    def is_whole(self, identity):
        return self.topology.whole()

    def wrong(self, identity, outcome, mark, victim):
        """Connections that live on do not show whether new ones could be made."""
        self.topology.reset()
        try:
            until(self.topology.whole, "")
        except AssertionError:
            return [f"servers do not connect any more: {self.topology.links()}"]
        return super().wrong(identity, outcome, mark, victim)


class DirectoryByTool(DirectoryByLdap):
    name = "replace-certificate, then purged"

    def way(self):
        return {"route": "tool", "tool": self.topology["ds1"].directory / "bin" / "replace-certificate",
                "keytool": KEYTOOL, "ads-truststore": self.topology["ds1"].truststore,
                "store-password-file": self.topology.password_file("a-store-password", "store-password")}
