"""What the tests of the product "pingdirectory" share: certdrop in front of a topology of stand-ins."""
import pytest

from pingdirectory import ADMIN, KEYTOOL, Identity, PingDirectory
from thorough import thorough
from waiting import until

needs_java = pytest.mark.skipif(not KEYTOOL, reason="Java's keytool is not installed")


@pytest.fixture
def topology(scratch):
    """A topology that the test may leave in any state."""
    made = PingDirectory(scratch).start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One that is whole after each test, whatever its servers show by then."""
    made = PingDirectory(tmp_path_factory.mktemp("shared")).start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def identities():
    """Each may be any server's, and only one's."""
    return [Identity(f"{each}.example.com") for each in ("first", "second", "third", "fourth")]


def reached(topology, name):
    """Where a server is, and by which certificate it is known."""
    return {"server": f"ldaps://127.0.0.1:{topology[name].ldaps}", "pin": until(topology[name].listener, name)}


def target(topology, name="ds1", **more):
    return {"name": name, "product": "pingdirectory", "instance": name, **reached(topology, name),
            "peers": tuple(reached(topology, each.name) for each in topology.instances if each.name != name),
            "bind-dn": ADMIN, "password-file": topology.password_file(), "settle": "0ms",
            "probe": [f"127.0.0.1:{topology[name].replication}"], "registry-deadline": "10s",
            "probe-deadline": "10s", **more}


def by_tool(topology, name="ds1"):
    return {"route": "tool", "tool": topology[name].directory / "bin" / "replace-certificate", "keytool": KEYTOOL,
            "store-password-file": topology.password_file("a-store-password", "store-password"),
            "ads-truststore": topology[name].truststore}


def drop(certdrop, identity, name="ds1"):
    certdrop.drop(name, {"pair.pem": identity.pem + identity.key_pem})


def assert_everywhere(topology, fingerprints, name="ds1"):
    for each in topology.running():
        assert topology.registered(name, at=each.name) == fingerprints


def reason(certdrop, state, says, name="ds1"):
    return certdrop.until_state(name, state, where=lambda receipt: says in (receipt["reason"] or ""))
