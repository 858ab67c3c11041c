"""Certificates by the ten thousand, and every way in which tools put files into a directory."""
import ctypes
import datetime
import fcntl
import hashlib
import mmap
import os
import pathlib
import random
import subprocess
import time

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from certificates import DAY, Authority, der, der_children

AT_FDCWD, AT_SYMLINK_FOLLOW, RENAME_EXCHANGE = -100, 0x400, 2
libc = ctypes.CDLL(None, use_errno=True)


def rename_exchange(one, other):
    if libc.renameat2(AT_FDCWD, os.fsencode(one), AT_FDCWD, os.fsencode(other), RENAME_EXCHANGE) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(other))


# ---- contents ----

class Content:
    """A credential: what is dropped, and how it is recognized in the log."""

    def __init__(self, fullchain, key, fingerprint):
        self.fullchain, self.key, self.fingerprint = fullchain, key, fingerprint
        self.all = fullchain + key


class Mint:
    """Issues leaves quickly: one template for each of a few keys, with another serial number and another
    beginning, signed again. Each begins a second after the one before, and all end on the same day."""

    KEYS = 8

    def __init__(self):
        self.authority = Authority("mint")
        self.templates = []
        for _ in range(self.KEYS):
            pair = self.authority.issue("many.example.com", days=365)
            (_, _, certificate), = der_children(pair.leaf_der)
            tbs, algorithm, _ = list(der_children(certificate))
            parts = [whole for _, whole, _ in der_children(tbs[2])]
            self.templates.append((pair, parts, algorithm[1]))
        self.start = datetime.datetime.utcnow() - 5 * DAY
        self.made = 0

    def issue(self):
        pair, parts, algorithm = self.templates[self.made % self.KEYS]
        self.made += 1
        begins = (self.start + datetime.timedelta(seconds=self.made)).strftime("%y%m%d%H%M%SZ").encode()
        (_, _, first), = der_children(self.templates[0][1][4])
        ends = list(der_children(first))[1][1]
        changed = [*parts]
        changed[1] = der(0x02, (2 ** 62 + self.made).to_bytes(8, "big"))
        changed[4] = der(0x30, der(0x17, begins) + ends)
        tbs = der(0x30, b"".join(changed))
        signature = self.authority.key.sign(tbs, ec.ECDSA(hashes.SHA256()))
        leaf = der(0x30, tbs + algorithm + der(0x03, b"\0" + signature))
        return Content(pem(leaf) + pair.chain, pair.key, hashlib.sha256(leaf).hexdigest())


def pem(certificate):
    import base64
    text = base64.encodebytes(certificate).decode().replace("\n", "")
    lines = "\n".join(text[at:at + 64] for at in range(0, len(text), 64))
    return f"-----BEGIN CERTIFICATE-----\n{lines}\n-----END CERTIFICATE-----\n".encode()


# ---- files that are dropped ----

def write(path, content, mode=0o600, flags=os.O_TRUNC):
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | flags, mode)
    try:
        os.write(descriptor, content)
    finally:
        os.close(descriptor)


class Drop:
    """One drop directory. Each method puts one content there, as one kind of tool does. `elsewhere` is on the
    same file system, `other` on another one."""

    def __init__(self, directory, elsewhere, other, seed):
        self.directory, self.elsewhere, self.other = directory, elsewhere, other
        self.random = random.Random(seed)
        self.count = 0

    def place(self):
        """Where it goes to: now and then under a new name, mostly under one that was there before."""
        self.count += 1
        if self.random.random() < 0.2:
            return self.directory / f"bundle-{self.count}.pem"
        return self.directory / "bundle.pem"

    def aside(self, content):
        path = self.elsewhere / f"{self.directory.name}.pem"
        write(path, content.all)
        return path

    def pause(self):
        time.sleep(self.random.random() * 0.003)  # what is played is a writer that pauses

    # -- system calls --

    def written(self, content):
        write(self.place(), content.all)

    def slow_writer(self, content):
        with open(self.place(), "wb", buffering=0) as slow:
            step = len(content.all) // self.random.randint(2, 6) + 1
            for at in range(0, len(content.all), step):
                slow.write(content.all[at:at + step])
                self.pause()

    def renamed(self, content):
        os.rename(self.aside(content), self.place())

    def by_way_of_a_hidden_name(self, content):
        """As rsync does."""
        place = self.place()
        hidden = self.directory / f".{place.name}.{self.random.randrange(10 ** 6):06}"
        write(hidden, content.all)
        os.utime(hidden)
        os.rename(hidden, place)

    def linked_and_unlinked(self, content):
        """As OpenSSH's sftp-server does."""
        upload, place = self.directory / ".upload", self.directory / f"linked-{self.count}.pem"
        self.count += 1
        write(upload, content.all)
        os.link(upload, place)
        self.pause()
        os.unlink(upload)

    def hard_link_from_elsewhere(self, content):
        path, place = self.aside(content), self.directory / f"hard-{self.count}.pem"
        self.count += 1
        os.link(path, place)
        os.unlink(path)

    def nameless_and_linked(self, content):
        place = self.directory / f"nameless-{self.count}.pem"
        self.count += 1
        unnamed = os.open(self.directory, os.O_TMPFILE | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        try:
            os.write(unnamed, content.all)
            if libc.linkat(AT_FDCWD, f"/proc/self/fd/{unnamed}".encode(), AT_FDCWD, os.fsencode(place),
                           AT_SYMLINK_FOLLOW) < 0:
                raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        finally:
            os.close(unnamed)

    def exchanged(self, content):
        """With half a file that lay there."""
        path, place = self.aside(content), self.directory / f"exchanged-{self.count}.pem"
        self.count += 1
        write(place, content.all[:200])
        rename_exchange(path, place)
        os.unlink(path)

    def killed_writer(self, content):
        """All that is seen of it is half a file that was closed; a second try comes later."""
        place = self.place()
        write(place, content.all[:self.random.randrange(1, len(content.all) - 40)])
        self.pause()
        if self.random.random() < 0.5:
            write(place, content.all)
        else:
            os.rename(self.aside(content), place)

    def two_writers(self, content):
        """The second one appends."""
        place = self.place()
        write(place, content.fullchain)
        self.pause()
        write(place, content.key, flags=os.O_APPEND)

    def two_files(self, content):
        files = [("tls.crt", content.fullchain), ("tls.key", content.key)]
        self.random.shuffle(files)
        for name, text in files:
            write(self.directory / name, text)
            self.pause()

    def installed(self, content):
        """As install and tar do: mode and times come after the file was closed."""
        place = self.place()
        write(place, content.all, 0o666)
        try:
            os.chmod(place, 0o640)
            os.utime(place, (time.time() - 5, time.time() - 5))
        except FileNotFoundError:
            pass  # it was taken in already

    def copied_from_another_file_system(self, content):
        source = self.other / f"{self.directory.name}.pem"
        write(source, content.all)
        place = self.place()
        write(place, source.read_bytes())
        try:
            os.utime(place, (time.time() - 5, time.time() - 5))
        except FileNotFoundError:
            pass
        os.unlink(source)

    # -- what only a rescan finds --

    def truncated_by_path(self, content):
        """Too large to be taken, until it is cut: that gives no event but MODIFY."""
        place = self.directory / f"cut-{self.count}.pem"
        self.count += 1
        write(place, content.all + b"\n" * (1 << 20))
        os.truncate(place, len(content.all))

    def stored_through_a_mapping(self, content):
        place = self.directory / f"mapped-{self.count}.pem"
        self.count += 1
        with open(place, "w+b") as file:
            file.write(content.all[:-40].ljust(len(content.all), b"\n"))
            file.flush()
            mapping = mmap.mmap(file.fileno(), 0)
        mapping[-40:] = content.all[-40:]
        mapping.flush()
        mapping.close()

    # -- the tools themselves --

    def run(self, *command, **more):
        """Whether it says that all went well does not count: some set mode and times of a file that is taken by then."""
        subprocess.run([str(word) for word in command], check=False, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, **more)

    def cp(self, content):
        self.run("cp", self.aside(content), self.place())

    def rsync(self, content):
        path = self.aside(content)
        self.run("rsync", "-a", "--ignore-times", path, self.place())  # a file of that size and second may still lie there

    def sftp(self, content):
        path, place = self.aside(content), self.directory / f"sftp-{self.count}.pem"
        self.count += 1
        batch = f"put {path} {self.directory}/.upload\nrename -l {self.directory}/.upload {place}\n"
        self.run("sftp", "-q", "-b", "-", "-D", "/usr/lib/openssh/sftp-server", input=batch.encode())

    def tar(self, content):
        path = self.aside(content)
        archive = subprocess.run(["tar", "-C", path.parent, "-c", path.name], check=True, capture_output=True)
        self.run("tar", "--no-same-owner", "-C", self.directory, "-x", input=archive.stdout)

    def install(self, content):
        self.run("install", "-m", "0640", self.aside(content), self.place())

    def killed_for_good(self, content):
        place = self.place()
        writer = subprocess.Popen(["sh", "-c", f"head -c {len(content.all) // 2} {self.aside(content)}; kill -9 $$"],
                                  stdout=open(place, "wb"))
        writer.wait()
        os.rename(self.aside(content), place)

    CALLS = (written, slow_writer, renamed, by_way_of_a_hidden_name, linked_and_unlinked, hard_link_from_elsewhere,
             nameless_and_linked, exchanged, killed_writer, two_writers, two_files, installed,
             copied_from_another_file_system)
    RESCANNED = (truncated_by_path, stored_through_a_mapping)
    TOOLS = (cp, rsync, sftp, tar, install, killed_for_good)


# ---- trees that other tools write ----

class Kubernetes:
    """A volume as the kubelet writes it: ..data is a link to a generation, and is flipped."""

    def __init__(self, directory):
        self.directory = self.source = directory
        self.generation = 0

    def write(self, content):
        self.generation += 1
        old = self.directory / f"..{self.generation - 1}"
        current = self.directory / f"..{self.generation}"
        current.mkdir()
        (current / "tls.crt").write_bytes(content.fullchain)
        (current / "tls.key").write_bytes(content.key)
        (self.directory / "..data_tmp").symlink_to(current.name)
        os.replace(self.directory / "..data_tmp", self.directory / "..data")
        for name in ("tls.crt", "tls.key"):
            if not (self.directory / name).is_symlink():
                (self.directory / name).symlink_to(f"..data/{name}")
        if old.exists():
            for name in ("tls.crt", "tls.key"):
                (old / name).unlink()
            old.rmdir()


class Certbot:
    """live/NAME/*.pem are links to archive/NAME/*N.pem, removed and made again one after the other."""

    def __init__(self, directory):
        self.source = directory / "live" / "many.example.com"
        self.archive = directory / "archive" / "many.example.com"
        self.source.mkdir(parents=True)
        self.archive.mkdir(parents=True)
        self.number = 0

    def write(self, content):
        self.number += 1
        for name, text in (("privkey", content.key), ("fullchain", content.fullchain)):
            (self.archive / f"{name}{self.number}.pem").write_bytes(text)
            link = self.source / f"{name}.pem"
            link.unlink(missing_ok=True)
            link.symlink_to(f"../../archive/many.example.com/{name}{self.number}.pem")
            (self.archive / f"{name}{self.number - 2}.pem").unlink(missing_ok=True)


class Git:
    """A checkout that pulls from another repository."""

    def __init__(self, directory):
        self.origin, self.source = directory / "origin", directory / "checkout"
        self.git(directory, "init", "-q", "-b", "main", str(self.origin))
        self.git(self.origin, "commit", "-q", "--allow-empty", "-m", "empty")
        self.git(directory, "clone", "-q", str(self.origin), str(self.source))

    def git(self, directory, *arguments):
        subprocess.run(["git", "-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "gc.auto=0", "-C",
                        str(directory), *arguments], check=True, capture_output=True, stdin=subprocess.DEVNULL,
                       env={**os.environ, "GIT_CONFIG_NOSYSTEM": "1", "HOME": str(self.origin.parent)})

    def write(self, content):
        (self.origin / "tls.crt").write_bytes(content.fullchain)
        (self.origin / "tls.key").write_bytes(content.key)
        self.git(self.origin, "add", "-A")
        self.git(self.origin, "commit", "-qm", "renewed")
        self.git(self.source, "pull", "-q")


class InPlace:
    """As acme.sh does: files that are written over, one after the other."""

    def __init__(self, directory):
        self.source = directory

    def write(self, content):
        for name, text in (("cert.pem", content.fullchain), ("key.pem", content.key)):
            write(self.source / name, text)
