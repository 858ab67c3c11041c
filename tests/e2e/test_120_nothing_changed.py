"""When nothing changed nothing happens: no step, no write."""
import pathlib
import re
import signal
import subprocess

from waiting import until

WRITING = ("connect,write,pwrite64,writev,pwritev,rename,renameat,renameat2,link,linkat,symlink,symlinkat,unlink,"
           "unlinkat,mkdir,mkdirat,ftruncate,fsync,fdatasync,fallocate,openat,openat2,open,creat,execve")


class Trace:
    """strace on the service and all its children, for as long as the with-block lasts."""

    def __init__(self, certdrop, path):
        self.certdrop, self.path = certdrop, path

    def __enter__(self):
        attach = [f"-p{process}" for process in self.certdrop.processes()]
        self.strace = subprocess.Popen(["strace", "-f", "-y", "-s", "0", "-o", self.path, "-e",
                                        "trace=" + WRITING, *attach], stderr=subprocess.PIPE, text=True)
        for _ in attach:
            assert "attached" in self.strace.stderr.readline()
        return self

    def __exit__(self, *unused):
        self.strace.send_signal(signal.SIGINT)
        self.strace.communicate()

    def calls(self):
        return [line for line in self.path.read_text().splitlines() if re.match(r"\d+ +\w+\(", line)]


def is_stopped(process):
    return pathlib.Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] in "tT"


def changes(calls, scratch, published):
    """The calls that change a file of certdrop's or the product's, ask the server, or start a program."""
    ours = re.compile(f"{re.escape(str(scratch))}/(state|{published}|\\.{published}|drop/web/(\\.)?receipt)")
    opened = re.compile(r"O_(WRONLY|RDWR|CREAT|TRUNC)")
    found = []
    for call in calls:
        name = re.search(r"(\w+)\(", call).group(1)
        if name == "execve" or (name == "connect" and "AF_INET" in call):
            found.append(call)
        elif name in ("open", "openat", "openat2"):
            found += [call] if ours.search(call) and opened.search(call) else []
        elif ours.search(call) or "receipt" in call:
            found.append(call)
    return found


def test_dropping_the_same_again(serving, scratch):
    web, nginx, pair = serving
    before = (web.drops / "web" / "receipt.json").read_bytes()
    generation = nginx.published.readlink()
    reloads = nginx.called("reload")
    web.run("status", "--wait", "10")
    with Trace(web, scratch / "trace") as trace:
        # Seen once it is whole: that half of it is there, or is being written, would be told, and rightly.
        web.process.send_signal(signal.SIGSTOP)
        until(lambda: is_stopped(web.process), "it does not stop")
        web.drop("web", {"fullchain.pem": pair.fullchain, "privkey.pem": pair.key})
        web.process.send_signal(signal.SIGCONT)
        until(lambda: web.dropped("web") == [], "what is in service already is taken away as well")
        web.run("status", "--wait", "10")
    until(lambda: "target web: taken away: " in web.log(), web.log)
    calls = trace.calls()
    assert any("unlink" in call for call in calls), "the trace has seen nothing"
    assert changes(calls, scratch, "tls") == []
    assert (web.drops / "web" / "receipt.json").read_bytes() == before
    assert nginx.published.readlink() == generation and nginx.called("reload") == reloads


def test_touching_a_file_that_is_refused(serving, authority, scratch):
    web, nginx, _ = serving
    expired = authority.issue("expired.example.com", starts_in_days=-30, days=10)
    web.drop("web", {"expired.pem": expired.fullchain + expired.key})
    web.until_state("web", "refused")
    before = (web.drops / "web" / "receipt.json").read_bytes()
    with Trace(web, scratch / "trace") as trace:
        (web.drops / "web" / "expired.pem").touch()
        until(lambda: any("expired.pem" in call for call in trace.calls()), "the touch was not seen", 90)
        web.run("status")
    assert changes(trace.calls(), scratch, "tls") == []
    assert (web.drops / "web" / "receipt.json").read_bytes() == before


def test_a_restart_changes_nothing(serving):
    web, nginx, pair = serving
    reloads, generation = nginx.called("reload"), nginx.published.readlink()
    web.restart()
    assert web.run("status", "--wait", "20").returncode == 0
    assert nginx.called("reload") == reloads and nginx.published.readlink() == generation
    assert nginx.served() == pair.fingerprint
    assert web.run("plan").returncode == 0
