"""Somebody else's hand in what is installed or served is noticed and put right."""
import os
import subprocess
import time

import pytest

from waiting import until


@pytest.fixture
def watchful(certdrop, nginx, authority):
    certdrop.configure([nginx.target()], rescan="1s", check="1s")
    certdrop.start()
    pair = authority.issue("web.example.com")
    certdrop.drop("web", {"all.pem": pair.fullchain + pair.key})
    certdrop.until_in_service("web", pair)
    return certdrop, nginx, pair


def published(nginx):
    try:
        return ((nginx.published / "fullchain.pem").read_bytes(), (nginx.published / "privkey.pem").read_bytes())
    except OSError:
        return None


def test_files_that_were_overwritten(watchful, authority):
    certdrop, nginx, pair = watchful
    other = authority.issue("intruder.example.com")
    (nginx.published / "fullchain.pem").write_bytes(other.fullchain)
    (nginx.published / "privkey.pem").write_bytes(other.key)
    until(lambda: published(nginx) == (pair.fullchain, pair.key), certdrop.log)
    until(lambda: nginx.served() == pair.fingerprint, certdrop.log)


def test_a_file_that_was_removed(watchful):
    certdrop, nginx, pair = watchful
    (nginx.published / "privkey.pem").unlink()
    until(lambda: published(nginx) == (pair.fullchain, pair.key), certdrop.log)


def test_a_mode_that_was_opened_up(watchful):
    certdrop, nginx, pair = watchful
    (nginx.published / "privkey.pem").chmod(0o644)
    until(lambda: (nginx.published / "privkey.pem").stat().st_mode & 0o777 == 0o600, certdrop.log)


def test_a_directory_that_nobody_can_pass(watchful):
    certdrop, nginx, pair = watchful
    store = nginx.published.with_name(f".{nginx.published.name}.certdrop")
    store.chmod(0o700)
    until(lambda: store.stat().st_mode & 0o777 == 0o711, certdrop.log)


def test_a_link_that_leads_elsewhere(watchful):
    certdrop, nginx, pair = watchful
    elsewhere = nginx.published.parent / "elsewhere"
    elsewhere.symlink_to("old")
    os.replace(elsewhere, nginx.published)
    until(lambda: published(nginx) == (pair.fullchain, pair.key), certdrop.log)
    assert published(nginx) and nginx.served() == pair.fingerprint
    assert (nginx.old / "fullchain.pem").exists(), "what is not certdrop's stays"


def test_a_server_that_serves_something_else(watchful, authority):
    """nginx was made to load other files, which were then put back without a reload."""
    certdrop, nginx, pair = watchful
    link = nginx.published.readlink()
    certdrop.stop()
    nginx.published.unlink()
    nginx.published.symlink_to("old")
    subprocess.run(nginx.command("-s", "reload"), check=True)
    # Its old workers answer for a moment: not once, but never again.
    until(lambda: all(nginx.served() != pair.fingerprint for _ in range(30)), "nginx did not take the old certificate")
    nginx.published.unlink()
    nginx.published.symlink_to(link)
    assert certdrop.run("plan").returncode == 2
    certdrop.start()
    until(lambda: nginx.served() == pair.fingerprint, certdrop.log)


def test_a_server_that_was_down_and_comes_back(watchful, authority):
    certdrop, nginx, pair = watchful
    nginx.stop()
    until(lambda: certdrop.run("status").returncode == 1, "a server that is down is not in service")
    nginx.start()
    until(lambda: certdrop.run("status").returncode == 0, certdrop.log, seconds=40)


def test_idle_time_writes_nothing(watchful):
    """Rescans and checks look, and write nothing as long as nothing has changed."""
    certdrop, nginx, pair = watchful
    certdrop.run("status", "--wait", "10")

    def written():
        return [line for process in certdrop.processes()
                for line in open(f"/proc/{process}/io") if line.startswith("write_bytes")]
    before = written()
    time.sleep(4)  # what is tested is that time passes: four rescans and checks
    assert written() == before
