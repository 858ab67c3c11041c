"""A process that exchanges what names stand for, as quickly as it can: run as `swapper.py DROP SOURCE OUTSIDE SEED`.

DROP is a drop directory, SOURCE a tree with ..data, OUTSIDE holds what must never be read: canary.pem, the directory
generation with tls.crt in it. It ends when its input does, puts DROP back to what it was, and prints how often it swapped."""
import os
import pathlib
import random
import select
import sys

from producers import rename_exchange

NAMES = 24


class Swapper:
    def __init__(self, drop, source, outside, seed):
        self.drop, self.source, self.outside = drop, source, outside
        self.random = random.Random(seed)
        self.swaps = 0
        self.names = [f"n{i}.pem" for i in range(NAMES)]
        self.staged = []

    def make(self, directory, name, kind):
        path, canary = directory / name, self.outside / "canary.pem"
        if kind == "file":
            path.write_bytes(b"-----BEGIN CERTIFICATE-----\n" + os.urandom(40).hex().encode())
        elif kind == "link":
            path.symlink_to(canary)
        elif kind == "relative link":
            path.symlink_to(os.path.relpath(canary, directory))
        elif kind == "magic link":
            path.symlink_to("/proc/self/fd/0")
        elif kind == "hard link":
            os.link(canary, path)
        elif kind == "fifo":
            os.mkfifo(path)
        elif kind == "directory":
            path.mkdir()
        elif kind == "linked directory":
            path.symlink_to(self.outside)

    KINDS = ("file", "file", "link", "relative link", "magic link", "hard link", "fifo", "directory",
             "linked directory")

    def prepare(self):
        """In the drop: a file for each name, and beside them, under names that are left alone, one of each kind."""
        for name in self.names:
            self.make(self.drop, name, "file")
        for i, kind in enumerate(self.KINDS * 2):
            self.make(self.drop, f".staged{i}", kind)
            self.staged.append(f".staged{i}")
        # What takes the place of the whole drop: a link to outside.
        self.evil = self.drop.parent / ".evil"
        self.evil.symlink_to(self.outside)
        # In the source: its generation and a link to outside change places, and so do its files.
        for name in ("..data_evil", "..1_evil"):
            (self.source / name).symlink_to(self.outside / "generation")
        (self.source / "..1" / ".staged").symlink_to(self.outside / "canary.pem")
        (self.source / ".relative").symlink_to(f"../{self.outside.name}/canary.pem")

    def swap(self):
        self.swaps += 1
        draw = self.random.random()
        if draw < 0.85:
            rename_exchange(self.drop / self.random.choice(self.names), self.drop / self.random.choice(self.staged))
        elif draw < 0.88:
            rename_exchange(self.source / "..data", self.source / "..data_evil")
        elif draw < 0.91:
            rename_exchange(self.source / "..1", self.source / "..1_evil")
        elif draw < 0.94:
            rename_exchange(self.source / "linked.pem", self.source / ".relative")
        elif draw < 0.96:
            try:
                rename_exchange(self.source / "..1" / "tls.crt", self.source / "..1" / ".staged")
            except FileNotFoundError:
                pass  # ..1 leads outside just now
        elif draw < 0.99:
            # A hard link that comes and goes, so that a file has one name again.
            name = self.drop / f"h{self.random.randrange(4)}.pem"
            try:
                os.link(self.outside / "canary.pem", name)
            except FileExistsError:
                name.unlink()
        else:
            rename_exchange(self.drop, self.evil)
            rename_exchange(self.drop, self.evil)

    def put_back(self):
        """The drop is a directory again, and empty but for what is certdrop's."""
        if self.drop.is_symlink():
            rename_exchange(self.drop, self.evil)
        for path in self.drop.iterdir():
            if path.name.startswith(("n", "h", ".staged")):
                path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()


def main():
    drop, source, outside = map(pathlib.Path, sys.argv[1:4])
    swapper = Swapper(drop, source, outside, int(sys.argv[4]))
    swapper.prepare()
    print("ready", flush=True)
    while not select.select([sys.stdin], [], [], 0)[0]:
        for _ in range(50):
            try:
                swapper.swap()
            except FileNotFoundError:
                pass  # the drop is the outside just now, or a file was moved aside
    swapper.put_back()
    print(swapper.swaps, flush=True)


if __name__ == "__main__":
    main()
