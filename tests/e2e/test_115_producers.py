"""Whatever tool puts the files there, and however it does it."""
import ctypes
import os
import signal
import subprocess
import tempfile
import time

import pytest

from waiting import until

AT_FDCWD, AT_SYMLINK_FOLLOW = -100, 0x400


@pytest.fixture
def arrival(web, authority, scratch):
    """(certdrop, the drop directory, a pair, and a directory elsewhere with all of it in bundle.pem)"""
    pair = authority.issue("web.example.com")
    elsewhere = scratch / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "bundle.pem").write_bytes(pair.fullchain + pair.key)
    return web, web.drops / "web", pair, elsewhere


def test_cp(arrival):
    web, drop, pair, elsewhere = arrival
    subprocess.run(["cp", elsewhere / "bundle.pem", drop], check=True)
    web.until_in_service("web", pair)


def test_cp_from_another_file_system(arrival):
    web, drop, pair, elsewhere = arrival
    with tempfile.TemporaryDirectory(dir="/dev/shm") as other:
        subprocess.run(["cp", elsewhere / "bundle.pem", other], check=True)
        subprocess.run(["mv", f"{other}/bundle.pem", drop], check=True)
    web.until_in_service("web", pair)


def test_rename(arrival):
    web, drop, pair, elsewhere = arrival
    (elsewhere / "bundle.pem").rename(drop / "bundle.pem")
    web.until_in_service("web", pair)


def test_install(arrival):
    web, drop, pair, elsewhere = arrival
    subprocess.run(["install", "-m", "0640", elsewhere / "bundle.pem", drop], check=True)
    web.until_in_service("web", pair)


def test_rsync(arrival):
    web, drop, pair, elsewhere = arrival
    subprocess.run(["rsync", "-a", f"{elsewhere}/", f"{drop}/"], check=True)
    web.until_in_service("web", pair)


def test_tar(arrival):
    web, drop, pair, elsewhere = arrival
    archive = subprocess.run(["tar", "-C", elsewhere, "-c", "bundle.pem"], check=True, capture_output=True)
    subprocess.run(["tar", "--no-same-owner", "-C", drop, "-x"], input=archive.stdout, check=True)
    web.until_in_service("web", pair)


def test_unzip(arrival):
    web, drop, pair, elsewhere = arrival
    subprocess.run(["zip", "-qj", elsewhere / "bundle.zip", elsewhere / "bundle.pem"], check=True)
    subprocess.run(["unzip", "-q", elsewhere / "bundle.zip", "-d", drop], check=True)
    web.until_in_service("web", pair)


def test_sftp_that_renames_by_link_and_unlink(arrival):
    """OpenSSH's server renames without overwriting: it links the new name and unlinks the old one."""
    web, drop, pair, elsewhere = arrival
    batch = f"put {elsewhere}/bundle.pem {drop}/.upload\nrename -l {drop}/.upload {drop}/bundle.pem\n"
    subprocess.run(["sftp", "-q", "-b", "-", "-D", "/usr/lib/openssh/sftp-server"], input=batch, text=True,
                   check=True, capture_output=True)
    web.until_in_service("web", pair)


def test_a_file_without_a_name_that_is_linked_in(arrival):
    web, drop, pair, elsewhere = arrival
    libc = ctypes.CDLL(None, use_errno=True)
    unnamed = os.open(drop, os.O_TMPFILE | os.O_WRONLY, 0o600)
    os.write(unnamed, (elsewhere / "bundle.pem").read_bytes())
    code = libc.linkat(AT_FDCWD, f"/proc/self/fd/{unnamed}".encode(), AT_FDCWD,
                       str(drop / "bundle.pem").encode(), AT_SYMLINK_FOLLOW)
    assert code == 0, os.strerror(ctypes.get_errno())
    os.close(unnamed)
    web.until_in_service("web", pair)


def test_a_slow_writer(arrival):
    """One descriptor, many writes with pauses: nothing half-written is acted on."""
    web, drop, pair, elsewhere = arrival
    content = (elsewhere / "bundle.pem").read_bytes()
    seen = set()
    with open(drop / "bundle.pem", "wb", buffering=0) as slow:
        for at in range(0, len(content), 256):
            slow.write(content[at:at + 256])
            time.sleep(0.03)  # what is tested is a writer that pauses
            seen.add(web.receipt("web").get("state"))
    web.until_in_service("web", pair)
    assert not seen & {"refused", "failed", "rolled-back"}, seen


def test_a_killed_writer_is_waited_for_and_replaced(arrival):
    web, drop, pair, elsewhere = arrival
    half = (elsewhere / "bundle.pem").read_bytes()[:700]
    writer = subprocess.Popen(["sh", "-c", f"head -c 700 {elsewhere}/bundle.pem; kill -9 $$"],
                              stdout=open(drop / "bundle.pem", "wb"))
    assert writer.wait() == -signal.SIGKILL and (drop / "bundle.pem").read_bytes() == half
    receipt = web.until_state("web", "waiting", "refused")
    assert receipt["reason"]
    subprocess.run(["cp", elsewhere / "bundle.pem", drop], check=True)
    web.until_in_service("web", pair)


def test_files_that_were_there_before_the_start(certdrop, nginx, authority):
    certdrop.configure([nginx.target()])
    pair = authority.issue("web.example.com")
    certdrop.drop("web", {"bundle.pem": pair.fullchain + pair.key})
    certdrop.start()
    certdrop.until_in_service("web", pair)


def test_a_drop_directory_that_comes_later(certdrop, nginx, authority):
    certdrop.configure([nginx.target()])
    (certdrop.drops / "web").rmdir()
    certdrop.start()
    until(lambda: certdrop.run("status").stdout, "no status")
    (certdrop.drops / "web").mkdir(exist_ok=True)
    pair = authority.issue("web.example.com")
    certdrop.drop("web", {"bundle.pem": pair.fullchain + pair.key})
    certdrop.until_in_service("web", pair)


def test_a_drop_directory_that_is_replaced(serving, authority):
    web, nginx, _ = serving
    (web.drops / "web").rename(web.drops / "web.gone")
    # certdrop may be faster: it makes the directory anew when it is gone.
    (web.drops / "web").mkdir(exist_ok=True)
    pair = authority.issue("web.example.com")
    web.drop("web", {"bundle.pem": pair.fullchain + pair.key})
    until(lambda: nginx.served() == pair.fingerprint, web.log, seconds=90)
