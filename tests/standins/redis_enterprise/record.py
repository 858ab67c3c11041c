"""What happened and when, for tests to look at: every request, and every event behind the API.

Neither holds a secret: of a body only names, numbers and fingerprints are kept. `at` is the monotonic clock
in seconds (CLOCK_MONOTONIC, the same in all processes of the machine), `time` the wall clock."""
import time

from . import pem


def _of_certificate(entry):
    return {"name": entry.get("name"), "certificate": pem.fingerprints(entry.get("certificate")),
            "key": bool(entry.get("key"))}


def _of_source(source):
    return {"uid": source.get("uid"), "server_cert": pem.fingerprints(source.get("server_cert")),
            "fields": sorted(source)}


def summary(body):
    """The part of a JSON body that is no secret."""
    if not isinstance(body, dict):
        return None
    seen = {"fields": sorted(body)}
    if isinstance(body.get("certificates"), list):
        seen["certificates"] = [_of_certificate(entry) for entry in body["certificates"] if isinstance(entry, dict)]
    elif "certificate" in body:
        seen["certificates"] = [_of_certificate(body)]
    if isinstance(body.get("replica_sources"), list):
        seen["replica_sources"] = [_of_source(source) for source in body["replica_sources"]
                                   if isinstance(source, dict)]
    if isinstance(body.get("authentication_ssl_client_certs"), list):
        seen["authentication_ssl_client_certs"] = [
            pem.fingerprints(entry.get("client_cert")) for entry in body["authentication_ssl_client_certs"]
            if isinstance(entry, dict)]
    if "force_update" in body:
        seen["force_update"] = body["force_update"]
    return seen


class Record:
    def __init__(self):
        self.requests = []
        self.events = []

    def clear(self):
        self.requests.clear()
        self.events.clear()

    def request(self, **facts):
        """A request that has just come in; the entry is completed when it is answered."""
        entry = {"at": time.monotonic(), "time": time.time(), **facts}
        self.requests.append(entry)
        return entry

    def answered(self, entry, status):
        entry["status"] = status
        entry["answered"] = time.monotonic()

    def event(self, event, **facts):
        self.events.append({"at": time.monotonic(), "time": time.time(), "event": event, **facts})
