"""What a stand-in is told, and what it tells: a directory that its programs and the test share.

    ROOT/orders/POINT     how it is to misbehave when it comes to POINT; "*" in the name matches anything
                          "fail"       as the product fails there
                          "fail-once"  the same, and the order is then forgotten
                          "hang"       until the order is withdrawn
                          "kill"       the program kills itself
    ROOT/settings.json    what holds all the time
    ROOT/calls            one JSON object a line: a program begins, comes to a point, or ends

The secrets that a program is given are recorded by nobody.
"""
import fnmatch
import json
import os
import pathlib
import signal
import time


class Stage:
    def __init__(self, root):
        self.root = pathlib.Path(root)

    def lay(self):
        """Makes what is shared, once."""
        (self.root / "orders").mkdir(parents=True)
        (self.root / "calls").touch()
        self.set(test_process=os.getpid())

    # ---- the test's side ----

    def order(self, point, order):
        """What is to happen at a point; None: nothing any more."""
        path = self.root / "orders" / point
        if order is None:
            path.unlink(missing_ok=True)
        else:
            replace(path, order)

    def set(self, **settings):
        """With underscores here, with hyphens in the tables. None: as if it were never set."""
        path = self.root / "settings.json"
        held = json.loads(path.read_text()) if path.exists() else {}
        held.update({name.replace("_", "-"): value for name, value in settings.items()})
        replace(path, json.dumps({name: value for name, value in held.items() if value is not None}))

    def forget(self):
        """No orders, and the settings of the beginning."""
        for order in (self.root / "orders").iterdir():
            order.unlink()
        replace(self.root / "settings.json", "{}")
        self.set(test_process=os.getpid())

    def records(self):
        return [json.loads(line) for line in (self.root / "calls").read_text().splitlines()]

    def calls(self, program=None):
        """The argument lists with which the programs were called so far."""
        return [line["arguments"] for line in self.records()
                if "arguments" in line and program in (None, line["program"])]

    def points(self):
        """What the programs have come to so far."""
        return [line["point"] for line in self.records() if "point" in line]

    # ---- the stand-in's side ----

    def setting(self, name, default=None):
        return json.loads((self.root / "settings.json").read_text()).get(name, default)

    def abandoned(self):
        """The test has ended without ending the servers: whoever removed its directory, or killed it."""
        try:
            os.kill(self.setting("test-process", os.getpid()), 0)
        except (FileNotFoundError, ProcessLookupError):
            return True
        except PermissionError:
            pass
        return False

    def fails_at(self, point):
        """The program has come to this point: true when it is to fail as the product would."""
        self.record(point=point)
        entry, order = self._order_at(point)
        if order == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        while order == "hang":
            time.sleep(0.02)
            entry, order = self._order_at(point)
        if order == "fail-once":
            entry.unlink()
        return order.startswith("fail")

    def _order_at(self, point):
        for entry in sorted((self.root / "orders").iterdir()):
            if fnmatch.fnmatchcase(point, entry.name):
                try:
                    return entry, entry.read_text()
                except FileNotFoundError:
                    break
        return None, ""

    def record(self, **facts):
        line = json.dumps({"process": os.getpid(), "time": time.time(), **facts}) + "\n"
        with open(self.root / "calls", "ab", buffering=0) as calls:
            calls.write(line.encode())


def replace(path, text):
    """Seen as a whole or not at all, and by every user."""
    new = path.parent.parent / f".{path.name}.new"
    new.write_text(text)
    new.chmod(0o644)
    new.rename(path)
