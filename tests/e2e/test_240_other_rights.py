"""The service runs as an ordinary user; what takes more rights is done by workers that somebody else starts."""
import errno
import os
import pwd
import signal
import socket
import stat
import subprocess
import sys

import pytest

from waiting import PATIENCE, until

ORDINARY, OWNER = "nobody", "daemon"

as_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can start programs with different rights")


class Workers:
    """Starts a worker, with our rights, for each connection: what certdrop-apply.socket does."""

    def __init__(self, service, allowance):
        self.path = service.scratch / "apply.sock"
        self.log_path = service.scratch / "workers.log"
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                ["systemd-socket-activate", "--accept", "--inetd", "--seqpacket", "-E", "LSAN_OPTIONS",
                 "-l", str(self.path), str(service.programs / "apply" / "certdrop-apply"),
                 "--controller", ORDINARY, "--allowance", str(allowance)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        until(self.path.exists, self.log)
        os.chown(self.path, -1, pwd.getpwnam(ORDINARY).pw_gid)
        self.path.chmod(0o660)

    def log(self):
        return self.log_path.read_text(errors="replace")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20 * PATIENCE)


@pytest.fixture
def workers(certdrop, scratch):
    """Workers to be had from a socket, and a certdrop that an ordinary user can run."""
    user = pwd.getpwnam(ORDINARY)
    private = scratch / "private"
    private.mkdir(mode=0o711)
    certdrop.state, certdrop.drops, certdrop.socket = (private / name for name in ("state", "drop", "control.sock"))
    for directory in (private, certdrop.state, certdrop.drops):
        directory.mkdir(exist_ok=True)
        os.chown(directory, user.pw_uid, user.pw_gid)
    started = Workers(certdrop, scratch / "apply.conf")
    yield started
    certdrop.stop()
    started.stop()
    certdrop.output += started.log()


def start(certdrop, nginx, **more):
    """The service as the ordinary user, if possible without a network, with a target whose key is somebody else's."""
    user = pwd.getpwnam(ORDINARY)
    files = [{"name": "fullchain.pem", "content": "fullchain", "mode": "0644"},
             {"name": "privkey.pem", "content": "key", "mode": "0600", "owner": OWNER}]
    certdrop.configure([nginx.target(files=files)], **more)
    os.chown(certdrop.drops / "web", user.pw_uid, user.pw_gid)
    alone = ["unshare", "--net"]
    if subprocess.run([*alone, "true"], stderr=subprocess.DEVNULL, check=False).returncode != 0:
        alone = []
    certdrop.start(wrapper=[*alone, "setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups",
                            "--inh-caps=-all", "--bounding-set=-all", "--no-new-privs"])


def drop(certdrop, authority):
    pair = authority.issue("web.example.com")
    certdrop.drop("web", {"fullchain.pem": pair.fullchain, "privkey.pem": pair.key})
    return pair


@as_root
def test_the_worker_does_what_the_service_may_not(certdrop, workers, nginx, authority):
    start(certdrop, nginx, worker=workers.path)
    pair = drop(certdrop, authority)
    certdrop.until_in_service("web", pair)

    key = (nginx.published / "privkey.pem").stat()
    assert nginx.served() == pair.fingerprint
    assert (key.st_uid, stat.S_IMODE(key.st_mode)) == (pwd.getpwnam(OWNER).pw_uid, 0o600)
    assert certdrop.run("status").returncode == 0


@as_root
def test_without_it_the_service_cannot(certdrop, workers, nginx, authority):
    start(certdrop, nginx)
    old = nginx.served()
    drop(certdrop, authority)
    certdrop.until_state("web", "failed", "rolled-back", "pending", "held")
    assert nginx.served() == old


@as_root
def test_workers_that_were_ended_are_replaced(certdrop, workers, nginx, authority):
    start(certdrop, nginx, worker=workers.path, **{"retry-first": "100ms"})
    certdrop.until_in_service("web", drop(certdrop, authority))
    for worker in (ended := worker_processes(workers)):
        os.kill(worker, signal.SIGKILL)
    until(lambda: not set(ended) & set(worker_processes(workers)), "they are still there")
    pair = drop(certdrop, authority)
    certdrop.until_in_service("web", pair)
    assert ended and nginx.served() == pair.fingerprint


def worker_processes(workers):
    with open(f"/proc/{workers.process.pid}/task/{workers.process.pid}/children", encoding="ascii") as children:
        return [int(child) for child in children.read().split()]


@as_root
def test_workers_end_with_their_service(certdrop, workers, nginx, authority):
    start(certdrop, nginx, worker=workers.path)
    certdrop.until_in_service("web", drop(certdrop, authority))
    assert worker_processes(workers)
    certdrop.kill()
    until(lambda: not worker_processes(workers), "a worker lives on")


@as_root
def test_what_is_not_allowed_is_refused_before_anything_is_done(certdrop, workers, nginx, authority, scratch):
    allowance = scratch / "apply.conf"
    allowance.write_text(f"publish {scratch}\nrun root {nginx.script} test\n")
    allowance.chmod(0o600)
    start(certdrop, nginx, worker=workers.path, **{"retry-first": "100ms", "retry-cap": "1s"})
    old = nginx.served()
    drop(certdrop, authority)
    receipt = certdrop.until_state("web", "failed", "pending", "held")
    assert "does not allow it to run" in receipt["reason"], receipt
    assert nginx.served() == old and nginx.called("test") == 0

    allowance.write_text(f"publish {scratch}\nrun root {nginx.script}\n")
    for worker in worker_processes(workers):
        os.kill(worker, signal.SIGKILL)
    pair = drop(certdrop, authority)
    certdrop.until_in_service("web", pair)
    assert nginx.served() == pair.fingerprint


@as_root
def test_nobody_else_is_obeyed(certdrop, workers, nginx, scratch):
    workers.path.chmod(0o666)
    mark = scratch / "mark"
    job = f'iwork ask\nplan web test\nask command "x"\n\tname a\n\targv touch {mark}\n'
    talk = ("import socket, sys; s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET); "
            "s.connect(sys.argv[1]); s.settimeout(20); s.send(sys.argv[2].encode())\n"
            "try: print(s.recv(65536))\nexcept ConnectionError: print(b'')")

    def ask_as(user):
        return subprocess.run(["setpriv", f"--reuid={pwd.getpwnam(user).pw_uid}", "--clear-groups",
                               sys.executable, "-c", talk, str(workers.path), job],
                              capture_output=True, text=True, check=True, timeout=60).stdout

    assert ask_as(OWNER) == "b''\n" and not mark.exists()
    assert "may not tell it what to do" in workers.log()
    assert "answer a" in ask_as(ORDINARY) and mark.exists(), workers.log()


@as_root
def test_root_leaves_nothing_in_the_state_of_the_service(certdrop, workers, nginx, authority):
    start(certdrop, nginx, worker=workers.path)
    certdrop.until_in_service("web", drop(certdrop, authority))
    certdrop.stop()
    before = {path: path.stat().st_mtime_ns for path in certdrop.state.rglob("*")}
    drop(certdrop, authority)
    for command in (["apply"], ["rollback", "web"], ["run"]):
        refused = certdrop.run(*command)
        assert refused.returncode == 1 and f"runuser -u {ORDINARY} -- certdrop" in refused.stderr, refused.stderr
    assert {path: path.stat().st_mtime_ns for path in certdrop.state.rglob("*")} == before
    assert "CN=web.example.com" in certdrop.run("status").stdout
    assert {path.stat().st_uid for path in certdrop.state.rglob("*")} == {pwd.getpwnam(ORDINARY).pw_uid}


# ---- the leash ----

def worker_with(build, job):
    """A worker that was given a job, and the controller's end of its socket."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    worker = subprocess.Popen([build / "controller" / "apply" / "certdrop-apply"], stdin=theirs)
    theirs.close()
    ours.send(b"i" + job.encode())
    return worker, ours


def test_a_tool_that_hangs_is_ended_when_the_controller_is_gone(build, scratch):
    begun = scratch / "begun"
    worker, ours = worker_with(
        build, 'work ask\nplan web test\nask command "x"\n\tname a\n\tdeadline 1000\n'
        f'\targv sh -c "echo $$ >{begun}.new; mv {begun}.new {begun}; exec sleep 600"\n')
    until(begun.exists, "the tool is not started")
    ours.close()
    worker.wait(20 * PATIENCE)
    assert not os.path.exists(f"/proc/{begun.read_text().strip()}")


def writer_of(pipe):
    """The other end of a pipe that somebody reads, else None."""
    try:
        return os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
    except OSError as error:
        assert error.errno == errno.ENXIO
        return None


def test_a_call_that_outlives_its_deadline_ends_with_its_worker(build, scratch):
    """Reading a pipe into which nobody writes is a call without a deadline of its own."""
    pipe = scratch / "pipe"
    os.mkfifo(pipe)
    server = socket.create_server(("127.0.0.1", 0))
    worker, ours = worker_with(
        build, 'work ask\nplan web test\nask http "x"\n\tname a\n\tdeadline 100\n'
        f'\turl https://127.0.0.1:{server.getsockname()[1]}/\n\tca-file {pipe}\n')
    writer = until(lambda: writer_of(pipe), "the pipe is not read")
    ours.close()
    assert worker.wait(20 * PATIENCE) == -signal.SIGKILL
    os.close(writer)
    server.close()
