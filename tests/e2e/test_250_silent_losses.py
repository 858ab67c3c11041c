"""What no event tells of is found by the next rescan, status says what cannot be relied on, and from then on the
directory is polled.

Mounts are made in a namespace of the service's own, and inotify is refused to it alone: nothing else on the machine
notices. Where namespaces cannot be had, the tests that need them are skipped."""
import os
import shutil
import subprocess

import pytest

from waiting import until

AS_ROOT = ["--user", "--map-root-user"] if os.geteuid() else []


def can(*command):
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True).returncode == 0


def namespace(preparation, *kinds):
    """A wrapper that starts a program in namespaces of its own, after a preparation in shell."""
    if not can("unshare", *AS_ROOT, *kinds, "true"):
        pytest.skip("namespaces cannot be had here")
    return ["unshare", *AS_ROOT, *kinds, "sh", "-ec", f"{preparation}\nexec \"$@\"", "sh"]


class Silence:
    """certdrop with one target, and a way to look at things as the service sees them."""

    def __init__(self, certdrop, authority, scratch):
        self.certdrop, self.authority, self.scratch = certdrop, authority, scratch

    def start(self, wrapper=(), rescan="1s", **target):
        """`target`: a drop, or source=DIRECTORY."""
        self.certdrop.configure([{"name": "web", "product": "files", "publish": str(self.scratch / "published"),
                                  "files": [{"name": "all.pem", "content": "fullchain"}], **target}], rescan=rescan)
        self.certdrop.start(wrapper)

    def inside(self, path):
        """The path as the service sees it."""
        return type(path)(f"/proc/{self.certdrop.process.pid}/root{path}")

    def in_namespace(self, *command):
        pid = self.certdrop.process.pid
        user = ["-U", "--preserve-credentials"] if AS_ROOT or "unshare" in self.user_of(pid) else []
        subprocess.run(["nsenter", "-t", str(pid), *user, "-m", *command], check=True)

    def user_of(self, pid):
        same = os.readlink(f"/proc/{pid}/ns/user") == os.readlink("/proc/self/ns/user")
        return "" if same else "unshare"

    def degraded(self):
        return self.certdrop.json("status")["degraded"]

    def until_degraded(self, *words):
        until(lambda: any(all(word in sentence for word in words) for sentence in self.degraded()),
              lambda: f"{words} are not in {self.degraded()}\n" + self.certdrop.log())

    def until_sound(self):
        until(lambda: not self.degraded(), lambda: f"still degraded: {self.degraded()}")

    def arrives(self, directory, name="all.pem"):
        """A new credential is put there; it gets into service."""
        pair = self.authority.issue("web.example.com")
        (directory / name).write_bytes(pair.fullchain + pair.key)
        self.until_published(pair)

    def until_published(self, pair):
        published = self.scratch / "published" / "all.pem"
        until(lambda: published.exists() and published.read_bytes() == pair.fullchain, self.certdrop.log)

    def silent_changes(self):
        return self.certdrop.json("status")["watching"]["silent_changes"]


@pytest.fixture
def silence(certdrop, authority, scratch):
    return Silence(certdrop, authority, scratch)


def test_a_directory_above_is_renamed_and_made_again(silence, scratch):
    certdrop = silence.certdrop
    certdrop.drops = scratch / "above" / "between" / "drop"
    certdrop.drops.mkdir(parents=True)
    silence.start()
    silence.arrives(certdrop.drops / "web")
    assert silence.degraded() == []
    (scratch / "above").rename(scratch / "away")
    (certdrop.drops / "web").mkdir(parents=True, mode=0o700)
    silence.arrives(certdrop.drops / "web")
    silence.until_degraded("web:", "without an event", "polled")
    assert silence.silent_changes() == 1
    silence.arrives(certdrop.drops / "web")
    assert silence.degraded(), "it is polled from then on"


def test_a_directory_above_is_renamed_for_good(silence, scratch):
    certdrop = silence.certdrop
    certdrop.drops = scratch / "above" / "between" / "drop"
    certdrop.drops.mkdir(parents=True)
    silence.start()
    silence.arrives(certdrop.drops / "web")
    (scratch / "above").rename(scratch / "away")
    silence.until_degraded("web:", "does not exist")
    until(lambda: silence.silent_changes() == 1, "no silent change is counted")
    (scratch / "away").rename(scratch / "above")
    silence.arrives(certdrop.drops / "web")
    silence.until_degraded("web:", "without an event", "polled")


def test_something_is_mounted_over_it_and_taken_away_again(silence):
    drop = silence.certdrop.drops / "web"
    silence.start(namespace("", "--mount"))
    silence.arrives(drop)
    silence.in_namespace("mount", "-t", "tmpfs", "-o", "mode=0700", "none", str(drop))
    silence.arrives(silence.inside(drop))
    assert not silence.certdrop.dropped("web"), "what was dropped lies in the mount"
    silence.until_degraded("web:", "mounted over", "polled")
    silence.in_namespace("umount", "-l", str(drop))
    silence.arrives(drop)


def overlay(scratch):
    for name in ("lower", "upper", "work", "merged"):
        (scratch / name).mkdir(mode=0o700)
    return (f"mount -t overlay -o lowerdir={scratch}/lower,upperdir={scratch}/upper,workdir={scratch}/work "
            f"overlay {scratch}/merged")


def test_the_lower_layer_of_an_overlay_is_written(silence, scratch):
    """New files, and one that is written over. (A name that is given to another file below is not seen before the
    kernel forgets the old one: it caches what names stand for, whoever asks.)"""
    wrapper = namespace(overlay(scratch), "--mount")
    if not can(*wrapper, "true"):
        pytest.skip("an overlay cannot be mounted here")
    silence.start(wrapper, source=str(scratch / "merged"))
    silence.until_degraded("merged", "not every change gives an event", "polled")
    for name in ("one.pem", "two.pem", "two.pem"):
        silence.arrives(scratch / "lower", name)


def test_a_fuse_file_system_that_sends_no_events(silence, scratch):
    (scratch / "behind").mkdir(mode=0o700)
    (scratch / "merged").mkdir(mode=0o700)
    wrapper = namespace(f"bindfs {scratch}/behind {scratch}/merged", "--mount")
    if not shutil.which("bindfs") or not can(*wrapper, "true"):
        pytest.skip("a FUSE file system cannot be mounted here")
    silence.start(wrapper, source=str(scratch / "merged"))
    silence.until_degraded("merged", "not every change gives an event", "polled")
    for _ in range(3):
        silence.arrives(scratch / "behind")
        (scratch / "behind" / "all.pem").unlink()


@pytest.mark.parametrize("limit, words", [("max_inotify_watches", ["web:", "no more watches"]),
                                          ("max_inotify_instances", ["watching:", "Too many open files"])])
def test_inotify_is_refused_and_granted_later(silence, limit, words):
    drop = silence.certdrop.drops / "web"
    sysctl = f"/proc/sys/user/{limit}"
    wrapper = ["unshare", "--user", "--map-root-user", "sh", "-ec", f'echo 0 >{sysctl}\nexec "$@"', "sh"]
    if not can(*wrapper, "true"):
        pytest.skip("a user namespace cannot be had here")
    silence.start(wrapper)
    silence.until_degraded(*words, "polled")
    silence.arrives(drop)
    subprocess.run(["nsenter", "-t", str(silence.certdrop.process.pid), "-U", "--preserve-credentials",
                    "sh", "-c", f"echo 100 >{sysctl}"], check=True)
    silence.until_sound()
    silence.arrives(drop)
    assert silence.certdrop.json("status")["watching"]["events"] > 0
