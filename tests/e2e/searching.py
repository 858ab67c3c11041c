"""Looking for what nobody may see: keys and passwords, in every writing, wherever a service may leave them.

    secrets = Secrets()
    secrets.add_key("the key", pair.private)
    secrets.add_password("the passphrase", "swordfish")
    with Executions(certdrop, path) as executions:      # starts the service, under strace
        ...
        secrets.found_in(executions.strings())
        secrets.found_in(memory_of(certdrop.process.pid))

Each found_in() gives the names of what it has found, with the writing: "the key: prime1 as a number in memory".
"""
import base64
import itertools
import os
import pathlib
import re
import signal
import urllib.parse

from cryptography.hazmat.primitives import serialization

from waiting import until

SLICE = 16  # bytes of a number that cannot be there by chance; more would miss what is left of it


class Secrets:
    def __init__(self):
        self._writings = {}  # bytes: name

    def add(self, name, *writings):
        for writing in writings:
            assert len(writing) >= 8, f"{name} is too short to be told from chance"
            self._writings[writing] = name

    def add_password(self, name, password, user=None):
        """Also as Java and PKCS#12 write it, in a URL, and as half of what HTTP's Basic sends."""
        plain = password.encode()
        self.add(name, plain, urllib.parse.quote(password).encode())
        self.add(f"{name} in UTF-16", password.encode("utf-16-be"), password.encode("utf-16-le"))
        self.add(f"{name} in base64", *base64_of(plain))
        if user:
            self.add(f"{name} in base64", base64.b64encode(f"{user}:{password}".encode()))

    def add_key(self, name, private):
        numbers = private.private_numbers()
        secret = {"private value": numbers.private_value} if hasattr(numbers, "private_value") else {
            "exponent": numbers.d, "prime1": numbers.p, "prime2": numbers.q, "exponent1": numbers.dmp1,
            "exponent2": numbers.dmq1, "coefficient": numbers.iqmp}
        for which, number in secret.items():
            whole = number.to_bytes((number.bit_length() + 7) // 8, "big")
            self.add(f"{name}: {which} in DER", whole[:SLICE], whole[-SLICE:])
            self.add(f"{name}: {which} as a number in memory", whole[::-1][:SLICE], whole[::-1][-SLICE:])
            self.add(f"{name}: {which} in hexadecimal", whole[:SLICE].hex().encode(), whole[:SLICE].hex().upper().encode())
            for form in (serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.TraditionalOpenSSL):
                self.add(f"{name}: {which} in PEM", *lines_with(private, form, whole))

    def __len__(self):
        return len(self._writings)

    def found_in(self, pieces):
        """What is in any of the byte strings: a sorted list of names."""
        found = set()
        for piece in pieces:
            found.update(name for writing, name in self._writings.items()
                         if name not in found and writing in piece)
        return sorted(found)


def base64_of(text):
    """As it looks inside a longer text, by where it begins there."""
    for before in range(3):
        first = -(-8 * before // 6)
        whole = base64.b64encode(bytes(before) + text)
        yield whole[first:len(whole) // 4 * 4 - 4]


def lines_with(private, form, number):
    """The lines of a PEM file that hold some of the number, and enough of it."""
    encoded = [private.private_bytes(encoding, form, serialization.NoEncryption())
               for encoding in (serialization.Encoding.PEM, serialization.Encoding.DER)]
    start = encoded[1].index(number)
    for n, line in enumerate(encoded[0].splitlines()[1:-1]):
        if min(start + len(number), 48 * n + 48) - max(start, 48 * n) >= SLICE // 2:
            yield line


# ---- where to look ----

def files_below(*directories, leaving_out=()):
    """The contents of all files, by path."""
    for path in itertools.chain.from_iterable(pathlib.Path(each).rglob("*") for each in directories):
        if path.is_file() and not path.is_symlink() and not any(each in path.parents for each in leaving_out):
            yield path, path.read_bytes()


def memory_of(pid):
    """What a core of the process would hold: its memory, where it may be written, without what is kept out of cores."""
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory, open(f"/proc/{pid}/pagemap", "rb") as pages:
        for start, end in mappings(pid):
            for first, last in present(pages, start, end):
                yield os.pread(memory.fileno(), last - first, first)


def mappings(pid):
    """Start and end of each mapping that is written to a core: writable, or nobody's file."""
    head = re.compile(r"([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ (\d+) *(.*)")
    current = None
    for line in pathlib.Path(f"/proc/{pid}/smaps").read_text().splitlines():
        matched = head.match(line)
        if matched:
            current = matched
        elif line.startswith("VmFlags:"):
            flags = line.split()[1:]
            ours = "wr" in flags or current[4] == "0"
            if ours and "rd" in flags and not {"dd", "io", "pf"} & set(flags) and current[5] not in ("[vvar]", "[vsyscall]"):
                yield int(current[1], 16), int(current[2], 16)


def present(pages, start, end):
    """The parts of a mapping that are in memory: the rest was never written."""
    page = os.sysconf("SC_PAGE_SIZE")
    entries = os.pread(pages.fileno(), 8 * ((end - start) // page), 8 * (start // page))
    at = start
    for is_there, group in itertools.groupby(entries[7::8], lambda byte: byte & 0xC0):
        length = page * len(list(group))
        if is_there:
            yield at, at + length
        at += length


def memory_is_closed(pid):
    """Whether the memory is barred from others of the same user, and from cores: the kernel then gives the files
    in /proc to root."""
    return os.stat(f"/proc/{pid}/mem").st_uid == 0 and "Max core file size 0" in re.sub(
        " +", " ", pathlib.Path(f"/proc/{pid}/limits").read_text())


STRACE = ("-f", "--seccomp-bpf", "-v", "-xx", "-s", "1000000", "-e", "trace=execve,execveat")


def strings_of(trace):
    """Programs, arguments and environments, as strace has written them."""
    for line in trace.read_text().splitlines():
        if "execve" in line:
            for each in re.findall(r'"((?:\\x[0-9a-f]{2})*)"', line):
                yield bytes.fromhex(each.replace("\\x", ""))


class Executions:
    """Every program that the service and its descendants start, with all arguments and all of the environment, while the
    with-block lasts: the service is started at its beginning, so its own are among them."""

    def __init__(self, certdrop, path):
        self.certdrop, self.path = certdrop, path

    def __enter__(self):
        self.certdrop.start(wrapper=("strace", "-D", "-I", "waiting", *STRACE, "-o", self.path))
        return self

    def __exit__(self, *unused):
        """The sanitizer looks for leaks at the end of a program, and needs what strace has for that."""
        processes = self.certdrop.processes()
        os.kill(tracer_of(processes[0]), signal.SIGTERM)
        until(lambda: not any(map(tracer_of, processes)), "strace does not let go")
        self.certdrop.stop()

    def strings(self):
        return strings_of(self.path)


def tracer_of(pid):
    return int(re.search(r"^TracerPid:\t(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text(), re.M)[1])
