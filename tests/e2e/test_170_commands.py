"""The commands: exit codes, and JSON wherever facts are printed, with the service and without."""
import signal
import subprocess

import pytest

from service import plain


@pytest.fixture(params=["with the service", "without it"])
def either(request, serving):
    """A target in service; the commands ask the service, or work alone."""
    certdrop, nginx, pair = serving
    if request.param == "without it":
        certdrop.stop()
    return certdrop, nginx, pair


@pytest.fixture
def alone(certdrop, nginx, authority):
    """Something was dropped and no service runs."""
    certdrop.configure([nginx.target()])
    pair = authority.issue("web.example.com")
    certdrop.drop("web", {"all.pem": pair.fullchain + pair.key})
    return certdrop, nginx, pair


def test_nothing_to_plan(either):
    certdrop, _, _ = either
    assert certdrop.run("plan").returncode == 0
    assert certdrop.run("plan", "web").returncode == 0
    assert certdrop.run("plan", "nosuch").returncode == 1


def test_status_of_what_is_in_service(either):
    certdrop, nginx, pair = either
    done = certdrop.run("status")
    assert done.returncode == 0 and "in-service" in done.stdout, done.stdout + done.stderr
    assert "\x1b" not in done.stdout, "no colour in a pipe"
    told = str(certdrop.json("status"))
    assert "in-service" in told and pair.fingerprint in told.replace(":", "")
    assert certdrop.run("status", "nosuch").returncode == 1


def test_options_before_and_after_the_command(either):
    certdrop, _, _ = either
    done = subprocess.run([certdrop.program, "--config", certdrop.configuration, "status"],
                          capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stderr


def test_history_and_explain(either):
    certdrop, _, pair = either
    history = certdrop.run("history", "web")
    assert history.returncode == 0 and "publish" in history.stdout, history.stdout + history.stderr
    assert "ms" in history.stdout or " s" in history.stdout
    certdrop.json("history")
    explain = certdrop.run("explain", "web")
    assert explain.returncode == 0 and explain.stdout
    certdrop.json("explain", "web")


def test_where_no_certificate_is_installed_explain_says_so(certdrop, nginx):
    certdrop.configure([nginx.target(publish=str(nginx.published.parent / "none"))])
    assert "no certificate is installed" in certdrop.run("explain", "web").stdout


def test_apply_with_nothing_to_do(either):
    certdrop, nginx, pair = either
    reloads = nginx.called("reload")
    assert certdrop.run("apply").returncode == 0
    assert nginx.called("reload") == reloads


def test_a_plan_without_the_service_changes_nothing(alone):
    certdrop, nginx, pair = alone
    old = nginx.served()
    done = certdrop.run("plan")
    assert done.returncode == 2, done.stdout + done.stderr
    assert "publish" in done.stdout and "web" in done.stdout
    certdrop.json("plan")
    assert nginx.served() == old and str(nginx.published.readlink()) == "old"
    assert nginx.called("test") == nginx.called("reload") == 0


def test_status_without_the_service_says_what_lies_in_the_drop(alone):
    certdrop, nginx, pair = alone
    status = certdrop.json("status")["targets"][0]
    assert status["state"] == "waiting"
    assert status["reason"] == "not taken in yet: the service is not running"
    assert status["next"] == "start the service, or take it in with certdrop apply web"
    assert certdrop.dropped("web") == ["all.pem"]


def test_apply_without_the_service(alone):
    certdrop, nginx, pair = alone
    done = certdrop.run("apply", "web")
    assert done.returncode == 0, done.stdout + done.stderr
    assert nginx.served() == pair.fingerprint
    receipt = certdrop.receipt("web")
    assert receipt["state"] == "in-service" and plain(receipt["fingerprint"]) == pair.fingerprint
    assert certdrop.run("plan").returncode == 0
    assert certdrop.run("status").returncode == 0


def test_apply_that_fails(alone):
    certdrop, nginx, pair = alone
    nginx.order("refuse-test")
    old = nginx.served()
    done = certdrop.run("apply")
    assert done.returncode == 1
    assert nginx.served() == old and str(nginx.published.readlink()) == "old"


def test_inspect(alone, authority, scratch):
    certdrop, nginx, pair = alone
    good, bad = scratch / "good.pem", scratch / "bad.pem"
    good.write_bytes(pair.fullchain + pair.key)
    expired = authority.issue("web.example.com", starts_in_days=-40, days=10)
    bad.write_bytes(expired.fullchain + expired.key)
    done = certdrop.run("inspect", str(good))
    assert done.returncode == 0 and "web.example.com" in done.stdout, done.stdout + done.stderr
    assert certdrop.run("inspect", str(good), "--for", "web").returncode == 0
    assert certdrop.run("inspect", str(bad), "--for", "web").returncode == 1
    certdrop.json("inspect", str(good))
    assert certdrop.run("inspect", "/nonexistent").returncode == 1
    assert "PRIVATE" not in done.stdout


def test_inspect_needs_no_configuration(build, scratch, authority):
    pair = authority.issue("web.example.com")
    (scratch / "good.pem").write_bytes(pair.fullchain + pair.key)
    done = subprocess.run([build / "controller" / "certdrop" / "certdrop", "inspect", "good.pem"],
                          cwd=scratch, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if "certdrop-inspect" in done.stderr and done.returncode != 0:
        pytest.skip("certdrop-inspect is not installed, and the configuration says where it is")
    assert done.returncode == 0, done.stderr


def test_a_second_service_is_refused(serving):
    certdrop, _, _ = serving
    done = certdrop.run("run")
    assert done.returncode == 1 and done.stderr
    assert certdrop.run("status").returncode == 0


@pytest.mark.parametrize("arguments", [["nosuch"], [], ["status", "--nosuch"], ["rollback"], ["explain"]])
def test_misuse_is_told(certdrop, nginx, arguments):
    certdrop.configure([nginx.target()])
    done = certdrop.run(*arguments)
    assert done.returncode not in (0, 2) or "usage" in (done.stdout + done.stderr).lower()
    assert done.stderr or done.stdout


@pytest.mark.parametrize("arguments", [["check"], ["status"], ["--version"]])
def test_what_could_not_be_printed_is_no_success(certdrop, nginx, arguments):
    certdrop.configure([nginx.target()])
    with open("/dev/full", "w") as full:
        done = subprocess.run([certdrop.program, "--config", certdrop.configuration, *arguments], stdout=full,
                              stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1 and "standard output: No space left on device" in done.stderr, done.stderr


def test_status_waits_for_the_outcome(web, authority, nginx):
    pair = authority.issue("web.example.com")
    web.drop("web", {"all.pem": pair.fullchain + pair.key})
    done = web.run("status", "web", "--wait", "20")
    assert done.returncode == 0 and nginx.served() == pair.fingerprint


def test_an_end_that_is_near_is_flagged(web, authority, nginx):
    pair = authority.issue("web.example.com", days=9)
    web.drop("web", {"all.pem": pair.fullchain + pair.key})
    web.until_in_service("web", pair)
    assert any(word in web.run("status").stdout for word in ("ends", "expire"))


@pytest.mark.parametrize("arguments", [["status", "--wait", "1"], ["apply"]])
def test_a_service_that_does_not_answer_is_not_waited_for(serving, arguments):
    web, _, _ = serving
    web.process.send_signal(signal.SIGSTOP)
    try:
        asked = web.run(*arguments, seconds=14)
    finally:
        web.process.send_signal(signal.SIGCONT)
    assert asked.returncode == 1 and not asked.stdout
    assert f"the service does not answer (socket {web.socket})" in asked.stderr
