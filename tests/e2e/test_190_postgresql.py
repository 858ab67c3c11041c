"""A second real server: PostgreSQL, whose handshake begins after an SSLRequest."""
import pytest

from postgresql import PROGRAMS, Postgresql


@pytest.fixture
def postgresql(scratch, authority):
    if not PROGRAMS:
        pytest.skip("PostgreSQL is not installed")
    server = Postgresql(scratch, authority.issue("old.example.com"))
    server.start()
    yield server
    server.stop()


def test_a_new_certificate_is_served_after_a_reload(certdrop, postgresql, authority):
    owned = {"owner": postgresql.owner.pw_name} if postgresql.as_owner("x") != ["x"] else {}
    certdrop.configure([{
        "name": "db", "product": "files", "publish": str(postgresql.published),
        "files": [{"name": "server.crt", "content": "fullchain", "mode": "0644", **owned},
                  {"name": "server.key", "content": "key", "mode": "0600", **owned}],
        "reload": postgresql.reload(), "protocol": "postgresql",
        "probe": [f"127.0.0.1:{postgresql.port}"]}])
    certdrop.start()
    for _ in range(2):
        pair = authority.issue("db.example.com")
        certdrop.drop("db", {"all.pem": pair.fullchain + pair.key})
        certdrop.until_in_service("db", pair)
        assert postgresql.served() == pair.fingerprint


def test_a_pair_that_it_will_not_load_is_put_back(certdrop, postgresql, authority):
    """The key is readable by others: PostgreSQL logs it, goes on with the old pair, and pg_ctl says OK."""
    owned = {"owner": postgresql.owner.pw_name} if postgresql.as_owner("x") != ["x"] else {}
    certdrop.configure([{
        "name": "db", "product": "files", "publish": str(postgresql.published),
        "files": [{"name": "server.crt", "content": "fullchain", "mode": "0644", **owned},
                  {"name": "server.key", "content": "key", "mode": "0666", **owned}],
        "reload": postgresql.reload(), "protocol": "postgresql", "probe-deadline": "1s",
        "probe": [f"127.0.0.1:{postgresql.port}"]}])
    old = postgresql.served()
    certdrop.start()
    pair = authority.issue("db.example.com")
    certdrop.drop("db", {"all.pem": pair.fullchain + pair.key})
    certdrop.until_state("db", "rolled-back", seconds=40)
    assert postgresql.served() == old and str(postgresql.published.readlink()) == "old"
