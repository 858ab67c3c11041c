"""What the end-to-end tests share: a scratch directory, an authority, a real nginx, and certdrop itself."""
import os
import pathlib
import shutil
import tempfile

import pytest

from certificates import Authority
from nginx import Nginx
from service import Certdrop

TOP = pathlib.Path(__file__).resolve().parents[2]
os.environ.setdefault("LSAN_OPTIONS", f"suppressions={TOP}/tests/leaks-of-others:print_suppressions=0")



def pytest_addoption(parser):
    parser.addoption("--build", default="build-test", help="the build directory with the programs to test")


@pytest.fixture(scope="session")
def build(request):
    return TOP / request.config.getoption("--build")


@pytest.fixture
def scratch():
    """A short path: the control socket's name has to fit into 107 bytes."""
    directory = pathlib.Path(tempfile.mkdtemp(prefix="certdrop-", dir="/tmp"))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="session")
def authority():
    return Authority("e2e")


@pytest.fixture
def certdrop(build, scratch):
    """certdrop, configured and started by the test, stopped and searched for sanitizer reports here."""
    service = Certdrop(build, scratch)
    yield service
    service.stop()
    service.assert_clean()


@pytest.fixture
def nginx(certdrop, scratch, authority):
    """A running nginx that serves the pair "old" through the link scratch/tls."""
    server = Nginx(scratch, authority.issue("old.example.com"))
    server.start()
    yield server
    certdrop.stop()  # what it is doing there comes to its end
    server.stop()


@pytest.fixture
def web(certdrop, nginx):
    """certdrop running with one target "web" in front of nginx."""
    certdrop.configure([nginx.target()])
    certdrop.start()
    return certdrop


@pytest.fixture
def serving(web, nginx, authority):
    """The same, and a first credential is already in service: (certdrop, nginx, that pair)."""
    pair = authority.issue("first.example.com")
    web.drop("web", {"fullchain.pem": pair.fullchain, "privkey.pem": pair.key})
    web.until_in_service("web", pair)
    assert nginx.served() == pair.fingerprint
    return web, nginx, pair
