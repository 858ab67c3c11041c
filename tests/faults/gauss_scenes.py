"""openGauss: a cluster and single nodes, with the restart that follows, and the way back."""
from scene import Scene
import gauss_target
from opengauss import CertificateSet, OpenGauss


class GaussCluster(Scene):
    """gs_om for all nodes, and the restart of each of them as a follow-up."""

    product, name, target = "opengauss", "cluster by gs_om, restart follows", "gauss"
    settings, nodes, follows = {"restart": "later"}, 2, True

    def raise_stand_in(self):
        self.count = 0
        self.cluster = OpenGauss(self.scratch, self.fresh(), nodes=self.nodes).start()
        return gauss_target.target(self.cluster, self.scratch, **self.settings)

    def clear(self):
        self.cluster.stop()

    def own(self):
        return (self.cluster.root,)

    def fresh(self):
        self.count += 1
        certificates = CertificateSet(self.authority, f"db{self.count}.example.com")
        certificates.name = f"db{self.count}.example.com"
        return certificates

    def drop(self, certificates):
        self.certdrop.drop("gauss", {"db-cert-replacement.zip": certificates.zip()})

    def seen(self):
        return set(self.cluster.served())

    def is_whole(self, certificates):
        """No node has a file of another set, or of none."""
        sets = [node.files() for node in self.cluster.nodes]
        return all(each == sets[0] for each in sets) and sets[0]["server.crt"] == certificates.files["server.crt"]


class GaussLocal(GaussCluster):
    name, settings, nodes, follows = "one node by gs_om -L", {"restart": "never", "local": True}, 1, False
    waits = False


class GaussLite(GaussCluster):
    name, settings, nodes = "lite, gs_ctl restart follows", {**gauss_target.LITE, "restart": "later"}, 1


class GaussBack(GaussCluster):
    """The second of two nodes fails half way, each time: all is put back."""

    name, settings, expected, follows = "cluster by gs_om, rolled back", {"restart": "never"}, "old", False
    waits = False

    def begin(self):
        self.cluster.order("copy:node2:server.key", "fail")


class GaussLiteBack(GaussLite):
    """The server goes on with the old certificate: the old files are put back."""

    name, expected, follows, waits = "lite, rolled back", "old", False, False
    settings = {**gauss_target.LITE, "restart": "never", "probe-deadline": "1s"}

    def begin(self):
        self.cluster.set(reads="start")
        done = self.cluster.run("gs_ctl", "restart", "-D", self.cluster.nodes[0].data, "-m", "fast")
        assert done.returncode == 0, done.stdout
