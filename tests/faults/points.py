"""Where a pass can be stopped: the points of the conversation between certdrop and its worker.

    points = Points(build, directory)                  certdrop is configured with points.settings()
    points.forget(); ...a pass...; points.said()       every point of that pass, in its order
    points.aim(point); ...a pass...; points.held()     None, or the processes that wait there
    points.kill("service", service)                    kill -9, as the name says
    points.go_on()                                     or let it go on

tests/faults/relay stands between the two and says what a point is. A pass goes through many workers; all of them are
behind a relay, and the first that comes to the point takes it.
"""
import json
import os
import pathlib
import shutil
import signal

RELAY = pathlib.Path(__file__).resolve().parent / "relay"
# Whose end it is: the service's, the worker's, or that of both, in this order.
VICTIMS = {"service": ["controller"], "worker": ["worker"], "both": ["controller", "worker"]}


class Points:
    def __init__(self, build, directory):
        self.directory = directory
        self.directory.mkdir()
        self.program = directory / "certdrop-apply"
        self.program.write_text(f'#!/bin/sh\nexec {RELAY} {directory} {build}/controller/apply/certdrop-apply "$@"\n')
        self.program.chmod(0o755)

    def settings(self):
        return {"apply-program": self.program}

    def said(self):
        path = self.directory / "said"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def forget(self):
        for name in ("said", "point", "taken", "held", "go-on"):
            (self.directory / name).unlink(missing_ok=True)

    def aim(self, point):
        self.forget()
        new = self.directory / "point.new"
        new.write_text(json.dumps(point))
        new.rename(self.directory / "point")

    def held(self):
        path = self.directory / "held"
        return json.loads(path.read_text()) if path.exists() else None

    def kill(self, whom, service):
        """The relay dies with them: who is left sees that the other end is gone. Nothing that was held is told."""
        held = self.held()
        for victim in [*VICTIMS[whom], "relay"]:
            os.kill(held[victim], signal.SIGKILL)
        if "controller" in VICTIMS[whom]:
            service.process.wait()
            service.process = None

    def go_on(self):
        (self.directory / "go-on").touch()

    def is_over(self):
        """What was held and goes on has come to an end, one way or the other."""
        relay = self.held()["relay"]
        return "end " in self.said()[-1]["says"] or not pathlib.Path(f"/proc/{relay}").exists()

    def close(self):
        shutil.rmtree(self.directory, ignore_errors=True)
