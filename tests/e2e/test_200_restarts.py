"""Killed, restarted, or robbed of its state: it finds its way back."""
import hashlib
import os
import shutil
import signal
import time

from thorough import thorough
from waiting import until


def test_killed_while_idle(serving, authority):
    web, nginx, first = serving
    web.kill()
    web.start()
    assert web.run("status", "--wait", "20").returncode == 0
    assert nginx.served() == first.fingerprint
    second = authority.issue("second.example.com")
    web.drop("web", {"all.pem": second.fullchain + second.key})
    web.until_in_service("web", second)


def test_a_drop_while_it_was_down(serving, authority):
    web, nginx, first = serving
    web.stop()
    second = authority.issue("second.example.com")
    web.drop("web", {"all.pem": second.fullchain + second.key})
    web.start()
    web.until_in_service("web", second)
    assert nginx.served() == second.fingerprint


def test_a_state_that_is_lost_is_built_anew(serving, authority):
    web, nginx, first = serving
    web.stop()
    shutil.rmtree(web.state)
    web.start()
    web.run("status", "--wait", "3")
    assert nginx.served() == first.fingerprint, "nothing is taken away for want of memory"
    second = authority.issue("second.example.com")
    web.drop("web", {"all.pem": second.fullchain + second.key})
    web.until_in_service("web", second)


def test_a_database_that_is_damaged_is_moved_aside(serving, authority):
    web, nginx, first = serving
    web.stop()
    databases = [path for path in web.state.rglob("*") if path.is_file()
                 and path.read_bytes()[:15] == b"SQLite format 3"]
    assert databases
    for database in databases:
        database.write_bytes(b"\xff" * 8192)
    web.start()
    second = authority.issue("second.example.com")
    web.drop("web", {"all.pem": second.fullchain + second.key})
    web.until_in_service("web", second)
    assert nginx.served() == second.fingerprint


def test_what_was_cut_short_before_it_was_loaded_is_loaded_afterwards(certdrop, authority, scratch):
    """Without a handshake the files alone would say that all is done."""
    slow, begun, loaded, published = (scratch / name for name in ("slow", "begun", "loaded", "tls"))
    load = f"touch {begun}; [ ! -e {slow} ] || exec sleep 600; sha256sum <{published}/leaf.pem >>{loaded}"
    certdrop.configure([{"name": "web", "product": "files", "publish": published,
                         "files": [{"name": "leaf.pem", "content": "leaf", "mode": "0644"}],
                         "reload": ["/bin/sh", "-c", load]}])
    certdrop.start()
    first, second = authority.issue("first.example.com"), authority.issue("second.example.com")
    certdrop.drop("web", {"all.pem": first.fullchain + first.key})
    certdrop.until_in_service("web", first)
    (web,) = certdrop.json("status", "web")["targets"]
    assert web["state"] == "in-service" and web["installed"]["fingerprint"] == first.fingerprint

    slow.touch()
    begun.unlink()
    certdrop.drop("web", {"all.pem": second.fullchain + second.key})
    until(begun.exists, "the reload never began")
    processes = certdrop.processes()
    for process in processes:
        os.kill(process, signal.SIGKILL)
    certdrop.process.wait()
    until(lambda: not any(alive(process) for process in processes), "they are killed")

    slow.unlink()
    certdrop.start()
    certdrop.until_in_service("web", second)
    served = hashlib.sha256((published / "leaf.pem").read_bytes()).hexdigest()
    assert loaded.read_text().splitlines()[-1].split()[0] == served


@thorough
def test_a_change_is_not_cut_short_by_a_reload(certdrop, authority, scratch):
    """However long it takes: longer than a stop would wait for it."""
    slow, runs, published = (scratch / name for name in ("slow", "runs", "tls"))
    load = f"echo began >>{runs}; while [ -e {slow} ]; do sleep 0.1; done; echo ended >>{runs}"
    web = {"name": "web", "product": "files", "publish": published,
           "files": [{"name": "leaf.pem", "content": "leaf", "mode": "0644"}], "reload": ["/bin/sh", "-c", load]}
    certdrop.configure([web])
    certdrop.start()
    slow.touch()
    pair = authority.issue("web.example.com")
    certdrop.drop("web", {"all.pem": pair.fullchain + pair.key})
    until(runs.exists, "the reload never began")
    began = time.monotonic()
    for name in ("mail", "news"):  # the second comes while the first is waiting
        certdrop.configure([web, {**web, "name": name, "publish": scratch / name}])
        certdrop.process.send_signal(signal.SIGHUP)
        until(lambda: certdrop.log().count("once the change") == (1 if name == "mail" else 2), certdrop.log)
    until(lambda: time.monotonic() > began + 10, "", seconds=20)
    assert runs.read_text() == "began\n"
    slow.unlink()
    certdrop.until_in_service("web", pair)
    until(lambda: "news" in certdrop.run("status").stdout, certdrop.log)
    assert runs.read_text() == "began\nended\n"


def test_children_that_are_killed_are_replaced(serving, authority):
    web, nginx, first = serving
    children = web.processes()[1:]
    assert children, "workers are started ahead of need"
    for child in children:
        os.kill(child, signal.SIGKILL)
    second = authority.issue("second.example.com")
    web.drop("web", {"all.pem": second.fullchain + second.key})
    web.until_in_service("web", second)
    assert nginx.served() == second.fingerprint


def test_no_key_in_the_state_is_readable_by_others(serving):
    web, nginx, first = serving
    for path in [web.state, *web.state.rglob("*")]:
        assert path.is_socket() or path.is_symlink() or path.stat().st_mode & 0o077 == 0 or \
            path.is_dir(), f"{path} is open to others"
    key = first.key.split(b"\n")[1]
    holders = [path for path in web.state.rglob("*") if path.is_file() and key in path.read_bytes()]
    assert all(path.stat().st_mode & 0o077 == 0 for path in holders)


def test_nothing_secret_in_arguments_or_environment(serving):
    web, nginx, first = serving
    secret = first.key.split(b"\n")[1]
    for process in web.processes():
        for what in ("cmdline", "environ"):
            with open(f"/proc/{process}/{what}", "rb") as text:
                assert secret not in text.read()


def test_it_ends_with_its_children(serving):
    web, nginx, first = serving
    processes = web.processes()
    web.stop()
    until(lambda: not any(alive(process) for process in processes), "a child is left behind")


def alive(process):
    try:
        with open(f"/proc/{process}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False
