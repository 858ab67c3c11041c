"""What the stand-in is told to do wrong, until it is told otherwise.

A fault has a kind, may be narrowed to a cluster (its name), a node (its uid), a method, a path (with * for
anything), a crdb (its GUID), and holds `times` times, or until it is taken away:

    kind                      more                           what happens
    answer                    status, code, text, form       a request is answered with this error; `form` is
                                                             "json", "empty" or "text"
                              after                          ... although it was carried out
                              drop                           ... or the connection is reset instead
                              power                          ... or the node loses its power instead
                              delay_ms                       ... or it just takes longer
    stuck-task                                               a CRDB's task stays "started"
    failed-task                                              it ends as "failed"
    resync-on-edit                                           a change of replica_sources starts from the beginning
    skipped-node-is-not-told                                 200, although a node did not take the certificate
    api-restarts                                             connections to 9443 end after `api` was replaced
    internode-silence         ms                             9443 is gone for a while after an internode change
    tools-exit-0                                             rladmin and crdb-cli exit with 0 though they failed

What happens once, at a word, is in control.py. CASES.md has the sentences behind both."""
import fnmatch
import itertools

KINDS = ("answer", "stuck-task", "failed-task", "resync-on-edit", "skipped-node-is-not-told", "api-restarts",
         "internode-silence", "tools-exit-0")
NARROWED_BY = ("cluster", "node", "method", "crdb")


class Faults:
    def __init__(self):
        self._faults = {}
        self._ids = itertools.count(1)

    def add(self, fault):
        """Returns the number by which it can be taken away."""
        if fault.get("kind") not in KINDS:
            raise ValueError(f"there is no fault {fault.get('kind')}")
        number = next(self._ids)
        self._faults[number] = dict(fault)
        return number

    def remove(self, number):
        self._faults.pop(number, None)

    def clear(self):
        self._faults.clear()

    def active(self, kind, cluster, **facts):
        """The number of the first fault that applies, or None."""
        facts["cluster"] = cluster.name
        for number, fault in self._faults.items():
            narrow = all(fault[key] == facts.get(key) for key in NARROWED_BY if key in fault)
            if fault["kind"] == kind and narrow and fnmatch.fnmatch(facts.get("path", ""), fault.get("path", "*")):
                return number
        return None

    def take(self, kind, cluster, **facts):
        """The first fault that applies, which counts as one of its times; or None."""
        number = self.active(kind, cluster, **facts)
        if number is None:
            return None
        fault = self._faults[number]
        if "times" in fault:
            fault["times"] -= 1
            if fault["times"] <= 0:
                self.remove(number)
        return fault
