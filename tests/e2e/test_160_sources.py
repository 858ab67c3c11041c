"""Trees that other tools write are read, never written, and one generation is never mixed with the next."""
import os
import subprocess

import pytest

from waiting import until


def tree(directory):
    """Everything below a directory, to see that nothing was written there."""
    return sorted((str(path.relative_to(directory)), path.lstat().st_mtime_ns, path.lstat().st_ino)
                  for path in directory.rglob("*") if ".git" not in path.parts)


def serve_from(certdrop, nginx, source, **more):
    certdrop.configure([nginx.target(source=str(source), **more)])
    certdrop.start()


class Kubernetes:
    """A volume as the kubelet writes it: ..data is a link to a generation, and is flipped."""

    def __init__(self, directory):
        self.directory = directory
        self.generation = 0

    def write(self, pair):
        self.generation += 1
        current = self.directory / f"..2026_11_0{self.generation}"
        current.mkdir()
        (current / "tls.crt").write_bytes(pair.fullchain)
        (current / "tls.key").write_bytes(pair.key)
        (self.directory / "..data_tmp").symlink_to(current.name)
        os.replace(self.directory / "..data_tmp", self.directory / "..data")
        for name in ("tls.crt", "tls.key"):
            if not (self.directory / name).is_symlink():
                (self.directory / name).symlink_to(f"..data/{name}")


class Certbot:
    """live/NAME/*.pem are links to archive/NAME/*N.pem, replaced one after the other."""

    def __init__(self, directory):
        self.live = directory / "live" / "web.example.com"
        self.archive = directory / "archive" / "web.example.com"
        self.live.mkdir(parents=True)
        self.archive.mkdir(parents=True)
        self.number = 0

    def write(self, pair):
        self.number += 1
        for name, content in (("privkey", pair.key), ("cert", pair.leaf), ("chain", pair.chain),
                              ("fullchain", pair.fullchain)):
            (self.archive / f"{name}{self.number}.pem").write_bytes(content)
            link = self.live / f"{name}.pem"
            link.unlink(missing_ok=True)
            link.symlink_to(f"../../archive/web.example.com/{name}{self.number}.pem")


class Git:
    """A checkout that pulls from another repository."""

    def __init__(self, directory):
        self.origin, self.checkout = directory / "origin", directory / "checkout"
        self.git(directory, "init", "-q", "-b", "main", str(self.origin))

    def git(self, directory, *arguments):
        subprocess.run(["git", "-c", "user.name=t", "-c", "user.email=t@example.com", "-C", str(directory),
                        *arguments], check=True, capture_output=True, stdin=subprocess.DEVNULL,
                       env={**os.environ, "GIT_CONFIG_NOSYSTEM": "1", "HOME": str(self.origin.parent)})

    def write(self, pair):
        (self.origin / "tls.crt").write_bytes(pair.fullchain)
        (self.origin / "tls.key").write_bytes(pair.key)
        self.git(self.origin, "add", "-A")
        self.git(self.origin, "commit", "-qm", "renewed")
        if self.checkout.exists():
            self.git(self.checkout, "pull", "-q")
        else:
            self.git(self.origin.parent, "clone", "-q", str(self.origin), str(self.checkout))


@pytest.fixture
def tools(scratch):
    directory = scratch / "tools"
    directory.mkdir()
    return directory


def run_through(certdrop, nginx, authority, tool, source, **more):
    first, second = authority.issue("web.example.com"), authority.issue("web.example.com")
    tool.write(first)
    serve_from(certdrop, nginx, source, **more)
    until(lambda: nginx.served() == first.fingerprint, certdrop.log)
    tool.write(second)
    before = tree(source)
    until(lambda: nginx.served() == second.fingerprint, certdrop.log)
    assert certdrop.run("status", "--wait", "10").returncode == 0
    assert tree(source) == before, "a source is never written to"
    assert "refused" not in certdrop.log()


def test_a_kubernetes_volume(certdrop, nginx, authority, tools):
    run_through(certdrop, nginx, authority, Kubernetes(tools), tools)


def test_certbot(certdrop, nginx, authority, tools):
    certbot = Certbot(tools)
    run_through(certdrop, nginx, authority, certbot, certbot.live, **{"source-root": str(tools)})


def test_a_git_checkout(certdrop, nginx, authority, tools):
    git = Git(tools)
    run_through(certdrop, nginx, authority, git, git.checkout)


def test_a_link_that_leads_out_of_the_source_is_not_followed(certdrop, nginx, authority, tools, scratch):
    pair = authority.issue("web.example.com")
    (scratch / "outside.pem").write_bytes(pair.fullchain + pair.key)
    (tools / "tls.pem").symlink_to(scratch / "outside.pem")
    old = nginx.served()
    serve_from(certdrop, nginx, tools)
    status = certdrop.run("status", "--wait", "2")
    assert status.returncode == 1
    assert nginx.served() == old


def test_the_receipt_of_a_source_lies_under_the_state(certdrop, nginx, authority, tools):
    Kubernetes(tools).write(authority.issue("web.example.com"))
    serve_from(certdrop, nginx, tools)
    assert certdrop.run("status", "--wait", "20").returncode == 0
    found = list(certdrop.state.rglob("*receipt*"))
    assert found, "no receipt below the state directory"
    assert not list(tools.rglob("*receipt*"))


def test_nobody_is_told_to_drop_into_a_source(certdrop, nginx, authority, tools):
    """What comes next there is for whoever writes it, as long as it is empty, and when something is refused."""
    certdrop.configure([nginx.target(source=str(tools))])
    assert certdrop.json("status")["targets"][0]["next"] == f"put a certificate and its key into {tools}"
    ended = authority.issue("web.example.com", starts_in_days=-40, days=10)
    (tools / "tls.pem").write_bytes(ended.fullchain + ended.key)
    status = certdrop.json("status")["targets"][0]
    assert (status["state"], status["next"]) == ("refused", f"put another one into {tools}, or take this one away")
