"""A change waits for its window and for other targets, and does not wait too long."""
import datetime
import signal

import pytest

from nginx import Nginx
from waiting import until

HOUR = 3600


def window(opens, closes, **more):
    """From and to so many hours from now, every day. nginx is made to reload, so that is what it is for."""
    now = datetime.datetime.now(datetime.timezone.utc)
    shown = [(now + datetime.timedelta(hours=hours)).strftime("%H:%M") for hours in (opens, closes)]
    return {"from": shown[0], "to": shown[1], "zone": "UTC", "for": "reload", **more}


def drop(certdrop, target, pair):
    certdrop.drop(target, {"all.pem": pair.fullchain + pair.key})


def reconfigure(certdrop, targets):
    certdrop.configure(targets)
    certdrop.process.send_signal(signal.SIGHUP)


@pytest.fixture
def second(scratch, authority):
    directory = scratch / "second"
    directory.mkdir(mode=0o755)
    server = Nginx(directory, authority.issue("old2.example.com"))
    server.start()
    yield server
    server.stop()


def test_a_closed_window_holds_and_an_open_one_lets_go(certdrop, nginx, authority):
    certdrop.configure([nginx.target(windows=[window(2, 3)])])
    certdrop.start()
    old, pair = nginx.served(), authority.issue("web.example.com")
    drop(certdrop, "web", pair)
    receipt = certdrop.until_state("web", "held")
    assert "its next window for reload" in receipt["reason"] and "opens on 20" in receipt["reason"]
    until(lambda: certdrop.dropped("web") == [], "what is held is taken in all the same")

    status = certdrop.json("status", "web")["targets"][0]
    left = datetime.datetime.fromisoformat(status["retry_at"].replace("Z", "+00:00")) - \
        datetime.datetime.now(datetime.timezone.utc)
    assert datetime.timedelta(hours=1.9) < left <= datetime.timedelta(hours=2)
    plan = certdrop.run("plan", "web")
    assert plan.returncode == 2 and "its next window" in plan.stdout
    assert certdrop.run("apply", "web").returncode == 1, "to ask for it opens no window"
    assert nginx.served() == old and nginx.called("reload") == 0

    reconfigure(certdrop, [nginx.target(windows=[window(-1, 1)])])
    certdrop.until_in_service("web", pair)
    assert nginx.comes_to_serve(pair)


def test_what_is_held_is_held_after_a_restart(certdrop, nginx, authority):
    certdrop.configure([nginx.target(windows=[window(2, 3)])])
    certdrop.start()
    pair = authority.issue("web.example.com")
    drop(certdrop, "web", pair)
    certdrop.until_state("web", "held")
    certdrop.kill()
    certdrop.start()
    until(lambda: certdrop.json("status", "web")["targets"][0]["retry_at"], certdrop.log)
    assert certdrop.receipt("web")["state"] == "held"
    assert nginx.called("reload") == 0


def test_it_begins_by_itself_before_the_old_certificate_ends(certdrop, scratch, authority):
    """The window is two hours away, the old certificate ends in an hour and a few seconds."""
    old = authority.issue("old.example.com", starts_in_days=-1, days=1 + (HOUR + 4) / (24 * HOUR))
    server = Nginx(scratch, old)
    server.start()
    try:
        certdrop.configure([server.target(windows=[window(2, 3)], **{"window-override": "1h"})])
        certdrop.start()
        pair = authority.issue("web.example.com")
        drop(certdrop, "web", pair)
        receipt = certdrop.until_state("web", "held")
        assert "in any case, because the certificate that is served ends" in receipt["reason"]
        certdrop.until_in_service("web", pair)
        latest = certdrop.json("history", "web")["passes"][0]
        assert latest["reason"].startswith("outside its windows, because the certificate that is served ends on")
    finally:
        server.stop()


def rolled_back(certdrop):
    done = certdrop.run("rollback", "web")
    assert done.returncode == 0 or "is being changed" in done.stderr, done.stderr
    return done.returncode == 0


def test_an_order_to_go_back_waits_for_no_window(certdrop, nginx, authority):
    certdrop.configure([nginx.target(windows=[window(-1, 1)])])
    certdrop.start()
    first = authority.issue("first.example.com")
    drop(certdrop, "web", first)
    certdrop.until_in_service("web", first)
    drop(certdrop, "web", second := authority.issue("second.example.com"))
    certdrop.until_in_service("web", second)

    certdrop.stop()
    certdrop.configure([nginx.target(windows=[window(2, 3)])])
    certdrop.start()
    until(lambda: rolled_back(certdrop), certdrop.log)
    assert nginx.comes_to_serve(first)


def test_one_target_comes_after_another(certdrop, nginx, second, authority):
    first_pair, second_pair = authority.issue("first.example.com"), authority.issue("second.example.com")

    def targets(hold):
        return [nginx.target("web", hold=hold), second.target("mail", after="web")]
    certdrop.configure(targets(True))
    certdrop.start()
    drop(certdrop, "web", first_pair)
    certdrop.until_state("web", "held")
    drop(certdrop, "mail", second_pair)
    receipt = certdrop.until_state("mail", "held")
    assert receipt["reason"] == "web comes first, for which there is something to do"
    assert second.called("reload") == 0

    reconfigure(certdrop, targets(False))
    certdrop.until_in_service("mail", second_pair)
    assert certdrop.receipt("web")["state"] == "in-service", "it came first"


def test_a_circle_is_told_with_its_place(certdrop, nginx, second):
    certdrop.configure([nginx.target("web", after="mail"), second.target("mail", after="web")])
    done = certdrop.run("check")
    assert done.returncode == 1
    assert "goes round in a circle: mail, web, mail" in done.stdout + done.stderr
