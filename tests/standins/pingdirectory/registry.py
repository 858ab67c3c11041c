"""The configuration of one instance, of which the part below cn=Topology,cn=config is the same on all.

Every write goes to the primary; the others ask it at an interval whether its digest of the subtree is still theirs,
and take the whole subtree when it is not. Where the primary cannot be reached, the subtree cannot be written.
"""
import base64
import hashlib
import threading

from standins.pingdirectory import entries
from standins.pingdirectory.instance import INTER_SERVER, LISTENER, TOPOLOGY, pem_certificates


class Registry:
    def __init__(self, instance):
        self.instance = instance
        self.lock = threading.RLock()
        self.entries = entries.Entries(entries.read(instance.configuration.read_text()))
        self.sum_up()

    def sum_up(self):
        """The mirrored part as the peers get it, and the digest by which they tell whether theirs is the same."""
        self.text = entries.written(self.entries.below(TOPOLOGY))
        self.digest = base64.b64encode(hashlib.sha256(self.text.encode()).digest()).decode()

    def save(self):
        self.sum_up()
        new = self.instance.configuration.with_name("config.ldif.new")
        new.write_text(entries.written(self.entries.below("")))
        new.rename(self.instance.configuration)

    def take(self, text):
        """The primary's subtree in the place of ours."""
        with self.lock:
            self.entries.replace_below(TOPOLOGY, entries.read(text))
            self.save()

    def put(self, dn, name, values):
        """On the primary only. False: there is no such entry."""
        with self.lock:
            entry = self.entries.get(dn)
            if not entry:
                return False
            entry.put(name, values)
            self.save()
            return True

    def certificates(self, dn, name):
        entry = self.entries.get(dn)
        values = entry.texts(name) if entry else []
        return [certificate for value in values for certificate in pem_certificates(value)]

    def trusted(self, instance):
        """Whom a connection to that instance's replication port may present."""
        return self.certificates(instance.dn, INTER_SERVER)

    def listeners(self, instance):
        return self.certificates(instance.listener_dn, LISTENER)
