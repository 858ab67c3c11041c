"""One server of a topology: LDAP with StartTLS, LDAPS, the replication port, the registry and its mirroring."""
import datetime
import os
import signal
import socket
import ssl
import sys
import threading
import time

from standins.pingdirectory import ber, entries, extended, jks, ldap, links
from standins.pingdirectory.instance import (MONITOR, STAGE, SUBTREE_MONITOR, TOPOLOGY, authenticate, instances,
                                             user_entry, users)
from standins.pingdirectory.ldap import Refusal
from standins.pingdirectory.registry import Registry

RESPONSES = {0x60: 0x61, 0x63: 0x65, 0x66: 0x67, 0x77: 0x78, 0x68: 0x69, 0x4A: 0x6B, 0x6C: 0x6D, 0x6E: 0x6F}


class Kept:
    """The pairs as they were at the start."""

    def __init__(self, instance):
        self.pairs = {kind: instance.pair(kind) for kind in ("inter-server", "listener")}

    def pair(self, kind):
        return self.pairs[kind]


class Server:
    def __init__(self, name):
        self.instances = instances()
        self.instance = next(each for each in self.instances if each.name == name)
        self.registry = Registry(self.instance)
        self.at_start = Kept(self.instance)
        self.links = links.Links(self)

    def primary(self):
        """The instance that takes the writes; a topology may have none."""
        return STAGE.setting("primary", self.instances[0].name)

    def is_primary(self):
        return self.primary() == self.instance.name

    # ---- from start to end ----

    def run(self):
        ports = ((self.instance.ldap, self.serve_plain), (self.instance.ldaps, self.serve_secure),
                 (self.instance.replication, self.links.accept))
        for port, serve in ports:
            listener = socket.create_server((self.instance.host, port), backlog=64)
            threading.Thread(target=serve, args=(listener,), daemon=True).start()
        signal.signal(signal.SIGHUP, lambda *_: self.links.reset())
        for work in (self.links.keep_all, self.links.mirror):
            threading.Thread(target=work, daemon=True).start()
        print("started", flush=True)
        while not STAGE.abandoned():
            time.sleep(0.5)

    def serve_plain(self, listener):
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=Connection(self, connection).run, daemon=True).start()

    def serve_secure(self, listener):
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=Connection(self, connection).run_secure, daemon=True).start()

    def context(self):
        """The listener certificate, as it is in the key store now."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        links.load_pair(context, *self.instance.pair("listener"))
        return context

    # ---- the registry as an operation sees it ----

    def get(self, place):
        entry = self.registry.entries.get(place[0])
        return entry.texts(place[1]) if entry else []

    def put(self, place, value):
        done = self.links.write(*place, [value])
        if done is None:
            raise Refusal(ldap.UNWILLING, f"the mirrored subtree '{TOPOLOGY}' cannot be written: "
                          "no master is set for it, or the master cannot be reached")
        if not done:
            raise Refusal(ldap.NO_SUCH_OBJECT, f"there is no entry '{place[0]}'")

    def tree(self):
        """The configuration, and the monitors as they are at this moment."""
        with self.registry.lock:
            held = entries.Entries(self.registry.entries.below(""))
        for entry in (*self.monitors(), *map(user_entry, users())):
            held.add(entry)
        return held

    def monitors(self):
        yield entries.Entry(MONITOR, {"objectClass": ["top", "ds-monitor-entry", "extensibleObject"], "cn": "monitor"})
        connected = [name for name, up in self.links.states.items() if up]
        reachable = self.is_primary() or self.primary() in connected
        yield entries.Entry(SUBTREE_MONITOR, {
            "objectClass": ["top", "ds-monitor-entry", "extensibleObject"],
            "cn": "Mirrored subtree manager for base DN cn_Topology_cn_config",
            "master-instance-name": self.primary() if reachable else
            "No master is set because a majority of the servers of this topology cannot be reached"})
        for kind, name in (("inter-server", "inter-server-certificate"), ("listener", "listener-certificate")):
            if STAGE.setting("monitor") == "none":
                break
            try:
                yield self.monitor_of(kind, name)
            except (OSError, ValueError, jks.Unreadable):
                continue

    def monitor_of(self, kind, property_name):
        stale = STAGE.setting("monitor") == "stale" or STAGE.setting("replication-certificate") == "start"
        certificate = (self.at_start if stale else self.instance).pair(kind)[1][0]
        store, alias = self.instance.store(kind)
        stamp = "%Y%m%d%H%M%S.000Z"
        left = certificate.not_valid_after - datetime.datetime.utcnow()
        return entries.Entry(f"cn=X.509 Certificate {property_name},{MONITOR}", {
            "objectClass": ["top", "ds-monitor-entry", "ds-x509-certificate-monitor-entry", "extensibleObject"],
            "cn": f"X.509 Certificate {property_name}", "subject": certificate.subject.rfc4514_string(),
            "issuer": certificate.issuer.rfc4514_string(), "serial-number": f"{certificate.serial_number:x}",
            "not-valid-before": certificate.not_valid_before.strftime(stamp),
            "not-valid-after": certificate.not_valid_after.strftime(stamp),
            "expires-seconds": str(int(left.total_seconds())),
            "currently-valid": str(left > datetime.timedelta(0)).lower(), "component-name": self.instance.name,
            "keystore-type": "JKS", "keystore-file": str(store), "alias": alias, "property": property_name})


class Connection:
    """One client of LDAP."""

    def __init__(self, server, connection):
        self.server, self.connection = server, connection
        self.secure = False
        self.dn, self.privileges = "", None

    def run_secure(self):
        try:
            with self.connection:
                self.connection.settimeout(20)
                self.connection = self.server.context().wrap_socket(self.connection, server_side=True)
                self.secure = True
                self.run()
        except (OSError, ValueError, jks.Unreadable) as error:
            print(f"ldaps: {error}", flush=True)

    def run(self):
        with self.connection:
            try:
                self.connection.settimeout(None)
                self.converse()
            except (OSError, ValueError, IndexError, ber.Malformed, jks.Unreadable) as error:
                print(f"ldap: {error}", flush=True)

    def converse(self):
        while True:
            received = ber.receive(self.connection)
            if received is None:
                return
            (_, number), (tag, content) = ber.elements(received)[:2]
            self.number = ber.number(number)
            if tag == 0x42:
                return
            if tag in RESPONSES and not self.operate(tag, content):
                return

    def operate(self, tag, content):
        """False: the connection is at its end."""
        work = {0x60: self.bind, 0x63: self.search, 0x66: self.modify, 0x77: self.extended}.get(tag)
        try:
            if not work:
                raise Refusal(ldap.UNWILLING, "this operation is not supported")
            return work(ber.elements(content)) is not False
        except Refusal as refusal:
            self.respond(RESPONSES[tag], refusal.code, str(refusal))
            return True

    def respond(self, tag, code, text="", *more):
        self.connection.sendall(ldap.message(self.number, tag, ldap.result(code, text), *more))

    def record(self, operation, code, **facts):
        STAGE.record(instance=self.server.instance.name, operation=operation, secure=self.secure, dn=self.dn,
                     code=code, **facts)

    # ---- bind, search, modify ----

    def bind(self, parts):
        (_, version), (_, dn), (method, password) = parts[:3]
        self.dn, self.privileges = "", None
        if ber.number(version) != 3 or method != 0x80:
            raise Refusal(ldap.AUTH_METHOD_NOT_SUPPORTED, "only a simple bind of version 3 is supported")
        if password and not self.secure and STAGE.setting("require-secure-bind", False):
            raise Refusal(ldap.CONFIDENTIALITY_REQUIRED, "a password is accepted over a secure connection only")
        if password or dn:
            self.privileges = authenticate(dn.decode(), password)
            self.record("bind", 0 if self.privileges is not None else ldap.INVALID_CREDENTIALS, bound=dn.decode())
            if self.privileges is None:
                raise Refusal(ldap.INVALID_CREDENTIALS, "")
            self.dn = dn.decode()
        self.respond(0x61, 0)

    def demand(self, privilege):
        if privilege not in (self.privileges or []):
            raise Refusal(ldap.INSUFFICIENT_ACCESS, f"you do not have the {privilege} privilege")

    def search(self, parts):
        base, scope = parts[0][1].decode(), ber.number(parts[1][1])
        names = [name.decode().lower() for _, name in ber.elements(parts[7][1])]
        self.record("search", 0, base=base)
        if not base and scope == entries.BASE:
            found = [self.root()]
        else:
            if not self.dn or entries.normal(base) != entries.normal(self.dn):
                self.demand("metrics-read" if entries.normal(base)[-1:] == (MONITOR,) else "config-read")
            found = self.server.tree().search(base, scope, entries.condition(*parts[6]))
        if STAGE.setting("monitor") == "silent" and entries.normal(base) == entries.normal(MONITOR):
            return
        if found is None:
            raise Refusal(ldap.NO_SUCH_OBJECT, f"there is no entry '{base}'")
        for entry in found:
            self.connection.sendall(ldap.message(self.number, 0x64, ber.octets(entry.dn), selected(entry, names)))
        self.respond(0x65, 0)

    def root(self):
        operations = list(extended.OPERATIONS) if extended.handler(self.server.instance)["enabled"] else []
        return entries.Entry("", {
            "objectClass": ["top", "ds-root-dse"], "vendorName": "Ping Identity Corporation",
            "namingContexts": "dc=example,dc=com", "supportedLDAPVersion": "3",
            "supportedExtension": [ldap.START_TLS, ldap.WHO_AM_I, *operations]})

    def modify(self, parts):
        """Replacing one value of one attribute of the registry, which is what the tools do."""
        self.demand("config-write")
        dn = parts[0][1].decode()
        for _, change in ber.elements(parts[1][1]):
            (_, kind), (_, attribute) = ber.elements(change)
            (_, name), (_, values) = ber.elements(attribute)
            values = [value.decode() for _, value in ber.elements(values)]
            if ber.number(kind) != 2 or len(values) != 1 or not entries.normal(dn)[-2:] == entries.normal(TOPOLOGY):
                raise Refusal(ldap.UNWILLING, "only one value below the topology can be replaced")
            self.server.put((dn, name.decode()), values[0])
        self.record("modify", 0, base=dn)
        self.respond(0x67, 0)

    # ---- extended operations ----

    def extended(self, parts):
        fields = dict(parts)
        oid, value = fields[0x80].decode(), fields.get(0x81)
        if oid == ldap.START_TLS:
            return self.start_tls()
        if oid == ldap.WHO_AM_I:
            identity = f"dn:{self.dn}" if self.dn else ""
            return self.respond(0x78, 0, "", ber.octets(identity, 0x8B))
        if oid not in extended.OPERATIONS:
            raise Refusal(ldap.PROTOCOL_ERROR, "unsupported extended operation")
        return self.replace_certificate(oid, value)

    def start_tls(self):
        if self.secure:
            raise Refusal(ldap.OPERATIONS_ERROR, "TLS is on already")
        if STAGE.setting("no-start-tls", False):
            raise Refusal(ldap.PROTOCOL_ERROR, "unsupported extended operation")
        self.respond(0x78, 0)
        self.connection = self.server.context().wrap_socket(self.connection, server_side=True)
        self.secure = True
        return None

    def replace_certificate(self, oid, value):
        instance = self.server.instance
        try:
            extended.admit(instance, oid, self.privileges)
            answer = extended.perform(instance, oid, value, self.server)
        except Refusal as refusal:
            self.record("extended", refusal.code, oid=oid)
            raise
        self.record("extended", 0, oid=oid)
        if STAGE.fails_at(f"reply:{instance.name}"):
            return False
        return self.respond(0x78, 0, "", ber.octets(oid, 0x8A), ber.octets(answer, 0x8B))


def selected(entry, names):
    """The attributes asked for; none named, or "*": all of them; "1.1": none."""
    attributes = [(name, values) for key, (name, values) in entry.attributes.items()
                  if not names or "*" in names or key in names]
    return ber.sequence(*(
        ber.sequence(ber.octets(name), ber.element(ber.SET, *map(ber.octets, values))) for name, values in attributes))


def main():
    os.umask(0o077)
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    Server(sys.argv[1]).run()


if __name__ == "__main__":
    main()
