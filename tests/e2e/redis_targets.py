"""Targets of certdrop for the clusters of a RedisEnterprise: who they talk to, as whom, and what they trust."""
from certificates import pem_of
from redis_enterprise import ADMIN
from thorough import thorough


class Targets:
    def __init__(self, scratch, authority, site):
        self._authority = authority
        self._site = site
        self.root = pem_of(authority.root)
        self._ca = scratch / "ca.pem"
        self._ca.write_bytes(self.root)
        self._password = scratch / "password"
        self._password.write_text(ADMIN["password"] + "\n")
        self._password.chmod(0o600)

    def access(self, cluster):
        return {"api": [f"https://{address}:9443" for address in self._site.addresses(cluster)],
                "fqdn": self._site.fqdn(cluster), "ca-file": self._ca, "user": ADMIN["email"],
                "password-file": self._password}

    def target(self, cluster, certificate, **more):
        """The one named "CLUSTER-CERTIFICATE"."""
        facts = {"name": f"{cluster}-{certificate}", "product": "redis-enterprise", "certificate": certificate,
                 "authorities": self._ca, "probe-deadline": "20s", **self.access(cluster)}
        if certificate == "proxy":
            facts["probe"] = [f"{address}:{port}" for address in self._site.addresses(cluster)
                              for port in self.ports(cluster)]
        return {**facts, **more}

    def ports(self, cluster):
        return sorted(facts["port"] for facts in self._site.cluster(cluster)["databases"].values())

    def pair(self, cluster, **more):
        return self._authority.issue(self._site.fqdn(cluster), **more)


def cluster_of(authority, name, **more):
    """A cluster for a description, whose API shows a certificate of the authority."""
    fqdn = f"{name}.example.test"
    api = authority.issue(fqdn)
    return {"name": name, "fqdn": fqdn, "users": [ADMIN],
            "certificates": {"api": {"certificate": (api.fullchain + pem_of(authority.root)).decode(),
                                     "key": api.key.decode()}}, **more}


def drop(certdrop, target, pair):
    certdrop.drop(target, {"fullchain.pem": pair.fullchain, "key.pem": pair.key})
