"""What fails is put back, the putting back is proven, and the input that did it is parked."""
import pytest

from service import plain
from waiting import until

ORDERS = ["refuse-test", "refuse-reload", "ignore-reload"]


@pytest.fixture
def rolled_back(certdrop, nginx, authority, request):
    """A second credential that nginx would not take: (certdrop, nginx, the pair in service, the other)."""
    certdrop.configure([nginx.target(**{"probe-deadline": "1s"})], **{"retry-first": "100ms"})
    certdrop.start()
    first, second = authority.issue("first.example.com"), authority.issue("second.example.com")
    certdrop.drop("web", {"all.pem": first.fullchain + first.key})
    certdrop.until_in_service("web", first)
    nginx.order(request.param)
    certdrop.drop("web", {"all.pem": second.fullchain + second.key})
    certdrop.until_state("web", "rolled-back", "failed", seconds=40)
    return certdrop, nginx, first, second


def test_where_nothing_was_changed_nothing_is_undone(certdrop, nginx, authority):
    """A link cannot take the place of a directory: the server is not told of that, at no retry."""
    nginx.published.unlink()
    nginx.old.rename(nginx.published)
    certdrop.configure([nginx.target()], check="1s", **{"retry-first": "100ms", "retry-cap": "1s"})
    certdrop.start()
    pair = authority.issue("web.example.com")
    certdrop.drop("web", {"all.pem": pair.fullchain + pair.key})
    receipt = certdrop.until_state("web", "failed", "rolled-back")
    assert receipt["state"] == "failed" and "nothing was changed" in receipt["reason"], receipt
    until(lambda: len(certdrop.json("history", "web")["passes"]) > 1, certdrop.log)
    assert {entry["outcome"] for entry in certdrop.json("history", "web")["passes"]} <= {"failed", None}
    assert nginx.called("reload") == 0 and nginx.served() != pair.fingerprint


@pytest.mark.parametrize("rolled_back", ORDERS, indirect=True)
def test_the_old_set_is_back_and_served(rolled_back):
    certdrop, nginx, first, second = rolled_back
    receipt = certdrop.receipt("web")
    assert receipt["state"] == "rolled-back", receipt
    assert receipt["reason"]
    assert nginx.served() == first.fingerprint
    assert (nginx.published / "fullchain.pem").read_bytes() == first.fullchain
    assert (nginx.published / "privkey.pem").read_bytes() == first.key
    status = certdrop.run("status")
    assert status.returncode == 1 and "rolled-back" in status.stdout


@pytest.mark.parametrize("rolled_back", ORDERS, indirect=True)
def test_the_bad_one_is_parked_across_restarts(rolled_back):
    certdrop, nginx, first, second = rolled_back
    nginx.order("")
    tests, reloads = nginx.called("test"), nginx.called("reload")
    for _ in range(2):
        certdrop.restart()
        until(lambda: "rolled-back" in certdrop.run("status").stdout, certdrop.log)
    certdrop.drop("web", {"again.pem": second.fullchain + second.key})
    until(lambda: certdrop.dropped("web") in ([], ["again.pem"]), certdrop.log)
    certdrop.run("status", "--wait", "2")
    assert nginx.called("test") == tests and nginx.called("reload") == reloads
    assert nginx.served() == first.fingerprint


@pytest.mark.parametrize("rolled_back", ORDERS, indirect=True)
def test_the_next_good_one_goes_into_service(rolled_back, authority):
    certdrop, nginx, first, second = rolled_back
    nginx.order("")
    third = authority.issue("third.example.com")
    certdrop.drop("web", {"third.pem": third.fullchain + third.key})
    certdrop.until_in_service("web", third)
    assert nginx.served() == third.fingerprint


def test_what_was_there_before_certdrop_comes_back_too(certdrop, nginx, authority):
    """The very first credential fails: the link and files that somebody else had put there are back."""
    certdrop.configure([nginx.target(**{"probe-deadline": "1s"})])
    old = nginx.served()
    nginx.order("ignore-reload")
    certdrop.start()
    pair = authority.issue("first.example.com")
    certdrop.drop("web", {"all.pem": pair.fullchain + pair.key})
    certdrop.until_state("web", "rolled-back", seconds=40)
    assert nginx.published.is_symlink() and str(nginx.published.readlink()) == "old"
    assert nginx.served() == old


def test_what_was_put_back_is_tried_again_by_order(serving, authority):
    certdrop, nginx, first = serving
    second = authority.issue("second.example.com")
    nginx.order("refuse-reload")
    certdrop.drop("web", {"all.pem": second.fullchain + second.key})
    certdrop.until_state("web", "rolled-back")
    nginx.order("")
    assert certdrop.run("apply").returncode == 1, "to apply everything is no order to try this one again"
    assert nginx.served() == first.fingerprint
    done = certdrop.run("apply", "web")
    assert done.returncode == 0, done.stdout + done.stderr
    assert nginx.served() == second.fingerprint
def test_rolled_back_stays_what_is_told_when_something_else_fails(certdrop, nginx, authority):
    """A worker dies when it looks whether all is well again: that fails, and says nothing about the drop."""
    dying, worker = certdrop.scratch / "dying", certdrop.scratch / "worker"
    worker.write_text(f"#!/bin/sh\n[ ! -e {dying} ] || kill -9 $$\n"
                      f'exec {certdrop.programs}/apply/certdrop-apply "$@"\n')
    worker.chmod(0o755)
    certdrop.configure([nginx.target(**{"probe-deadline": "1s"})], **{"apply-program": worker})
    first, second = authority.issue("first.example.com"), authority.issue("second.example.com")
    certdrop.drop("web", {"all.pem": first.fullchain + first.key})
    assert certdrop.run("apply").returncode == 0
    nginx.order("refuse-reload")
    certdrop.drop("web", {"all.pem": second.fullchain + second.key})
    certdrop.run("apply")
    told = certdrop.receipt("web")
    assert told["state"] == "rolled-back" and told["reason"], told
    dying.touch()
    certdrop.run("apply")
    assert certdrop.receipt("web")["state"] == "failed"
    dying.unlink()
    certdrop.run("apply")
    again = certdrop.receipt("web")
    assert (again["state"], again["reason"]) == (told["state"], told["reason"])


def test_rollback_by_order(serving, authority):
    certdrop, nginx, first = serving
    second = authority.issue("second.example.com")
    certdrop.drop("web", {"all.pem": second.fullchain + second.key})
    certdrop.until_in_service("web", second)
    done = certdrop.run("rollback", "web")
    assert "target web: rolled back by order: " in certdrop.log()
    assert done.returncode == 0, done.stdout + done.stderr
    assert nginx.served() == first.fingerprint
    assert (nginx.published / "privkey.pem").read_bytes() == first.key
    certdrop.restart()
    certdrop.run("status", "--wait", "5")
    assert nginx.served() == first.fingerprint, "an order to go back holds"


def test_rollback_without_a_predecessor_says_so(serving):
    certdrop, nginx, first = serving
    done = certdrop.run("rollback", "web")
    assert done.returncode == 1 and done.stdout + done.stderr
    assert nginx.served() == first.fingerprint


def test_history_tells_both_ways(serving, authority):
    certdrop, nginx, first = serving
    second = authority.issue("second.example.com")
    nginx.order("refuse-test")
    certdrop.drop("web", {"all.pem": second.fullchain + second.key})
    receipt = certdrop.until_state("web", "rolled-back", seconds=40)
    assert plain(receipt["fingerprint"]) in (first.fingerprint, second.fingerprint)
    history = certdrop.run("history", "web").stdout
    assert "told to refuse" in history or "test" in history
    assert isinstance(certdrop.json("history", "web"), (dict, list))


@pytest.mark.parametrize("rolled_back", ["refuse-reload"], indirect=True)
def test_whoever_drops_the_one_before_the_bad_one_again_is_told(rolled_back, authority):
    """Two in a row are put back: that the later one was is no answer to who drops the earlier one again."""
    certdrop, nginx, first, second = rolled_back
    third = authority.issue("third.example.com")
    certdrop.drop("web", {"third.pem": third.fullchain + third.key})
    certdrop.until_state("web", "rolled-back", where=lambda receipt: "third.example.com" in receipt["reason"])
    certdrop.drop("web", {"again.pem": second.fullchain + second.key})
    receipt = certdrop.until_state("web", "refused")
    assert "CN=second.example.com was tried before and put back: " in receipt["reason"]
    assert "certdrop apply web" in receipt["reason"]
    assert certdrop.dropped("web") == ["again.pem"]
    (certdrop.drops / "web" / "again.pem").unlink()
    certdrop.until_state("web", "rolled-back", where=lambda receipt: "third.example.com" in receipt["reason"])
    assert nginx.served() == first.fingerprint
