"""openGauss: a package in any shape is proven, packed anew, installed, and seen served on every node."""
import shutil

import pytest
from cryptography.hazmat.primitives import serialization

from gauss_packages import NAMES
from gauss_target import LITE, cert_calls, drop_package, new, old, target, until_served, watched  # noqa: F401
from opengauss import OWNER, as_owner, codec, put, revocation_list
from postgresql import PROGRAMS

pytestmark = pytest.mark.skipif(not PROGRAMS, reason="PostgreSQL is not installed")


def test_a_package_is_installed_on_all_nodes_under_the_passphrase_in_service(certdrop, watched, new, old):
    cluster = watched(nodes=3)
    drop_package(certdrop, new)
    until_served(certdrop, new)
    assert cluster.served() == [new.fingerprint] * 3
    for node in cluster.nodes:
        files = node.files()
        assert codec.decode(files["server.key.cipher"], files["server.key.rand"]) == old.passphrase
        assert serialization.load_pem_private_key(files["server.key"], old.passphrase)
        assert files["server.key.cipher"] != old.files["server.key.cipher"]
        client = {name: (node.sslcert("om") / name).read_bytes() for name in NAMES}
        assert codec.decode(client["client.key.cipher"], client["client.key.rand"]) == b"Client@5678"
        assert client["client.crt"] == new.client.fullchain
    (call,) = cert_calls(cluster)
    assert call[2].startswith("--cert-file=/") and len(call) == 3
    assert certdrop.dropped("gauss") == []
    assert "@" not in certdrop.run("history", "gauss").stdout.replace("$@", "")


def test_a_node_that_is_not_proven_is_told(certdrop, scratch, watched):
    cluster = watched(nodes=2)
    assert certdrop.json("status")["targets"][0]["warnings"] == []
    certdrop.configure([target(cluster, scratch, probe=[f"127.0.0.1:{cluster.nodes[0].port}"])])
    certdrop.restart()
    (warning,) = certdrop.json("status")["targets"][0]["warnings"]
    assert "gs_om tells of 2 nodes, and probe has only 1" in warning


def test_loose_files_under_any_names_will_do(certdrop, watched, new):
    cluster = watched(settings={"local": True, "runner": as_owner()})
    certdrop.drop("gauss", {"one.key": new.files["server.key"], "client.pem": new.client.leaf})
    certdrop.drop("gauss", {"one.key.cipher": new.files["server.key.cipher"], "two.key": new.client.key})
    certdrop.drop("gauss", {"one.key.rand": new.files["server.key.rand"], "server.p7": new.server.leaf,
                            "ca.pem": new.files["cacert.pem"]})
    until_served(certdrop, new)
    assert cluster.served() == [new.fingerprint]
    assert cert_calls(cluster)[0][3] == "-L" and certdrop.dropped("gauss") == []
    backup = cluster.nodes[0].data / "gsql_cert_backup.tar.gz"
    assert backup.stat().st_mode & 0o777 == 0o600


def test_what_gs_om_would_delete_stays(certdrop, watched, authority, new, old):
    """The revocation list, openssl.cnf, and the client's key for JDBC, which is the new client's."""
    listed = revocation_list(authority, [old.client])

    def prepare(cluster):
        node = cluster.nodes[0]
        for path, content in ((node.sslcert("om") / "openssl.cnf", b"[ca]\n"),
                              (node.sslcert("om") / "client.key.pk8", old.client.key_der),
                              (node.data / "sslcrl-file.crl", listed)):
            put(path, content, 0o600)
            shutil.chown(path, OWNER.pw_uid, OWNER.pw_gid)
    cluster = watched(prepare=prepare)
    drop_package(certdrop, new)
    until_served(certdrop, new)
    node = cluster.nodes[0]
    assert (node.sslcert("om") / "openssl.cnf").read_bytes() == b"[ca]\n"
    assert (node.sslcert("om") / "client.key.pk8").read_bytes() == new.client.key_der
    assert node.files()["sslcrl-file.crl"] == listed


def test_without_gs_om_the_files_are_put_in_place(certdrop, watched, authority, new, old):
    cluster = watched(settings=LITE)
    drop_package(certdrop, new)
    until_served(certdrop, new)
    files = cluster.nodes[0].files()
    assert cluster.served() == [new.fingerprint] and cluster.calls("gs_om")[1:] == []
    assert files["server.key.cipher"] == old.files["server.key.cipher"]
    assert serialization.load_pem_private_key(files["server.key"], old.passphrase)
    assert (cluster.nodes[0].data / "server.crt").stat().st_mode & 0o777 == 0o600

    # Nobody asks for a pair of the clients there.
    next_one = authority.issue("next.example.com")
    certdrop.drop("gauss", {"a.pem": next_one.fullchain, "b.pem": next_one.key, "c.pem": new.files["cacert.pem"]})
    certdrop.until_in_service("gauss", next_one, seconds=60)
    assert cluster.served() == [next_one.fingerprint]


def certificates_in(pem):
    """Whatever their order."""
    return {block.strip() for block in pem.split(b"-----END CERTIFICATE-----")}


def test_the_clients_get_their_set_before_the_servers(certdrop, scratch, watched, new):
    """The same drop feeds both targets."""
    cluster = watched(settings={"after": ["apps"]}, others=[{
        "name": "apps", "product": "files", "from": "gauss", "publish": scratch / "apps", "parts": ["ca", "client-leaf"],
        "files": [{"name": "cacert.pem", "content": "ca"}, {"name": "client.crt", "content": "client-fullchain"},
                  {"name": "client.key", "content": "client-key"}]}])
    drop_package(certdrop, new)
    until_served(certdrop, new)
    held = {entry.name: entry.read_bytes() for entry in (scratch / "apps").glob("c*")}
    assert certificates_in(held["cacert.pem"]) == certificates_in(new.files["cacert.pem"])
    assert held["client.crt"] == new.client.fullchain and held["client.key"] == new.client.key
    began = min(line["time"] for line in cluster.records() if "cert" in line.get("arguments", []))
    assert (scratch / "apps").lstat().st_mtime < began
