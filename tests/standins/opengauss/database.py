"""The PostgreSQL behind a server. Making a data directory takes longer than most tests do, so they are lent: a node
keeps one for as long as its own directory exists, and then another test's node has it."""
import ctypes
import itertools
import os
import pathlib
import signal
import subprocess

from standins.opengauss.cluster import ROOT

PROGRAMS = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"))
PARAMETERS = {"listen_addresses": "", "port": 5432, "fsync": "off", "max_connections": 40, "shared_buffers": "2MB",
              "autovacuum": "off"}
PR_SET_PDEATHSIG = 1


def in_use(directory):
    """Somebody's PostgreSQL still runs there."""
    try:
        process = (directory / "postmaster.pid").read_text().split()[0]
        return os.path.exists(f"/proc/{process}")
    except (OSError, IndexError):
        return False


def lend(node):
    """A data directory that nobody has, beside the template: its owner is named by a link."""
    template = (ROOT / "template").resolve()
    for number in itertools.count(1):
        directory = template.with_name(f"database{number}")
        owner = template.with_name(f"database{number}.owner")
        if owner.is_symlink() and not owner.exists() and not in_use(directory):
            owner.unlink()
        try:
            owner.symlink_to(node.directory)
        except FileExistsError:
            continue
        if not directory.exists():
            subprocess.run(["cp", "-a", "--reflink=auto", template, directory], check=True)
        return directory


def start(node):
    """Ends when we do, however that is."""
    if not node.database.exists():
        node.database.symlink_to(lend(node))
    libc = ctypes.CDLL(None)
    settings = {**PARAMETERS, "unix_socket_directories": node.directory}
    return subprocess.Popen(
        [PROGRAMS[-1] / "postgres", "-D", node.database.resolve(),
         *(f"--{name}={value}" for name, value in settings.items())],
        stdin=subprocess.DEVNULL, cwd="/", preexec_fn=lambda: libc.prctl(PR_SET_PDEATHSIG, signal.SIGQUIT))


def answers(node):
    """PostgreSQL says in its postmaster.pid when it accepts connections."""
    try:
        return (node.database / "postmaster.pid").read_text().splitlines()[7].strip() == "ready"
    except (OSError, IndexError):
        return False
