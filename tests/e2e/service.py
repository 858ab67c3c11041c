"""certdrop under test: its configuration, the service, the commands, and what it leaves behind."""
import contextlib
import json
import os
import pathlib
import re
import signal
import socket
import subprocess

from waiting import PATIENCE, until

# A reason may name the line that a file ends before.
KEY = re.compile(r"PRIVATE KEY-----\s*(\\n)?[A-Za-z0-9+/]{16}")
SANITIZER = re.compile(r"AddressSanitizer|LeakSanitizer|UndefinedBehaviorSanitizer|runtime error:")


def setting(value):
    """A value as libconfig writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, dict):
        return "{ " + " ".join(f"{name} = {setting(v)};" for name, v in value.items()) + " }"
    if isinstance(value, (list, tuple)):
        inside = ", ".join(setting(v) for v in value)
        return f"( {inside} )" if any(isinstance(v, dict) for v in value) else f"[ {inside} ]"
    text = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


class Certdrop:
    def __init__(self, build, scratch):
        self.programs = build / "controller"
        self.program = self.programs / "certdrop" / "certdrop"
        self.scratch = scratch
        self.configuration = scratch / "certdrop.conf"
        self.drops = scratch / "drop"
        self.state = scratch / "state"
        self.socket = scratch / "control.sock"
        self.log_path = scratch / "certdrop.log"
        self.process = None
        self.output = ""

    # ---- configuration ----

    def configure(self, targets, **more):
        settings = {"drop": self.drops, "state": self.state, "socket": self.socket,
                    "inspect-program": self.programs / "inspect" / "certdrop-inspect",
                    "apply-program": self.programs / "apply" / "certdrop-apply",
                    **more, "targets": targets}
        self.drops.mkdir(exist_ok=True)
        for target in targets:
            if "source" not in target:
                (self.drops / target.get("from", target["name"])).mkdir(exist_ok=True)
        self.configuration.write_text(
            "".join(f"{name} = {setting(value)};\n" for name, value in settings.items()))

    # ---- the service ----

    def start(self, wrapper=(), wait=True):
        self.socket.unlink(missing_ok=True)
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [*wrapper, str(self.program), "run", "--config", str(self.configuration)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        if wait:
            until(self._answers, lambda: "certdrop does not answer:\n" + self.log())

    def _answers(self):
        assert self.process.poll() is None, "certdrop has ended:\n" + self.log()
        with socket.socket(socket.AF_UNIX) as connection, contextlib.suppress(OSError):
            connection.connect(str(self.socket))
            return True
        return False

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                code = self.process.wait(20 * PATIENCE)
            except subprocess.TimeoutExpired:
                self.kill()
                raise AssertionError("certdrop did not end on SIGTERM:\n" + self.log()) from None
            assert code == 0, f"certdrop ended with {code}:\n" + self.log()
        self.process = None

    def kill(self):
        """Pulls the rug: the service and every child of it, at once."""
        for process in self.processes():
            with contextlib.suppress(ProcessLookupError):  # a child that has ended since
                os.kill(process, signal.SIGKILL)
        self.process.wait()
        self.process = None

    def restart(self):
        self.stop()
        self.start()

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def assert_clean(self):
        everything = self.log() + self.output
        found = SANITIZER.search(everything)
        assert not found, "a sanitizer has something to say:\n" + everything[found.start() - 200:][:8000]
        assert not KEY.search(everything), "a private key in the output"

    def processes(self):
        """The service and all its descendants."""
        found, left = [], [self.process.pid]
        while left:
            process = left.pop()
            found.append(process)
            for children in pathlib.Path(f"/proc/{process}/task").glob("*/children"):
                left += [int(child) for child in children.read_text().split()]
        return found

    # ---- the commands ----

    def run(self, *arguments, seconds=60, wrapper=()):
        done = subprocess.run([*wrapper, str(self.program), *arguments, "--config", str(self.configuration)],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=seconds * PATIENCE)
        self.output += done.stdout + done.stderr
        return done

    def json(self, *arguments):
        done = self.run(*arguments, "--json")
        try:
            return json.loads(done.stdout)
        except ValueError:
            raise AssertionError(f"{arguments}: not JSON: {done.stdout!r} {done.stderr!r}") from None

    # ---- drops and receipts ----

    def drop(self, target, files):
        for name, content in files.items():
            (self.drops / target / name).write_bytes(content)

    def dropped(self, target):
        """What lies in the drop, the receipt and its like aside."""
        return sorted(entry.name for entry in (self.drops / target).iterdir()
                      if not entry.name.startswith(".") and entry.name != "receipt.json")

    def receipt(self, target):
        try:
            return json.loads((self.drops / target / "receipt.json").read_text())
        except FileNotFoundError:
            return {}

    def until_state(self, target, *states, seconds=20, where=lambda receipt: True):
        """Waits for a receipt in one of the states, and gives it."""
        def reached():
            receipt = self.receipt(target)
            return receipt if receipt.get("state") in states and where(receipt) else None
        return until(reached, lambda: f"{target} is not {' or '.join(states)}: {self.receipt(target)}\n"
                     + self.log(), seconds)

    def until_in_service(self, target, pair, seconds=20):
        return self.until_state(target, "in-service", seconds=seconds,
                                where=lambda receipt: plain(receipt["fingerprint"]) == pair.fingerprint)


def plain(fingerprint):
    """A fingerprint without decoration."""
    return (fingerprint or "").removeprefix("sha256:").replace(":", "").lower()
