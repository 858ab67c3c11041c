"""rladmin, as rs/references/cli-utilities/rladmin describes it: rladmin.py SOCKET NODE ARGUMENTS...

    cluster certificate set NAME certificate_file FILE [key_file FILE]
    cluster certificate set internal dpine_certificate_file FILE dpine_key_file FILE
                                     cpine_certificate_file FILE cpine_key_file FILE
    cluster config handle_redirects enabled | disabled
    cluster ocsp certificate_compatible
    cluster running_actions
    info cluster
    status [nodes | databases | endpoints] [extra WORD] [issues_only]
    tune cluster SETTING VALUE
"""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from local_api import ask, fail, table

SETTABLE = ("cm", "api", "proxy", "syncer", "metrics_exporter")
INTERNAL = {"dpine": "data_internode_encryption", "cpine": "ccs_internode_encryption"}


class Rladmin:
    def __init__(self, path, node):
        self.path = path
        self.node = node

    def ask(self, method, target, body=None):
        return ask(self.path, method, target, body)

    # ---- cluster certificate ----

    def certificate(self, name, *words):
        if len(words) % 2:
            fail("a parameter lacks its value")
        files = dict(zip(words[::2], words[1::2]))
        if name == "internal":
            return self._internal(files)
        if name not in SETTABLE:
            fail(f"there is no certificate {name}")
        if not {"certificate_file"} <= set(files) <= {"certificate_file", "key_file"}:
            fail("usage: rladmin cluster certificate set <name> certificate_file <path> [key_file <path>]")
        body = {"name": name, "certificate": read(files["certificate_file"])}
        if "key_file" in files:
            body["key"] = read(files["key_file"])
        self.ask("PUT", "/v1/cluster/update_cert", body)
        print(f"Set {name} certificate to contents of file {files['certificate_file']}")
        if "key_file" in files:
            print(f"Set {name} key to contents of file {files['key_file']}")

    def _internal(self, files):
        wanted = {f"{short}_{what}_file" for short in INTERNAL for what in ("certificate", "key")}
        if set(files) != wanted:
            fail("both internode certificates and their keys are needed")
        entries = [{"name": name, "certificate": read(files[f"{short}_certificate_file"]),
                    "key": read(files[f"{short}_key_file"])} for short, name in INTERNAL.items()]
        self.ask("PUT", "/v1/cluster/certificates", {"certificates": entries})
        for name in wanted:
            print(f"Set {name.removesuffix('_file').replace('_', ' ')} to contents of file {files[name]}")

    # ---- status and info ----

    def status(self, *words):
        part = words[0] if words and words[0] in ("nodes", "databases", "endpoints") else None
        if not part:
            self._cluster()
        for title, show in (("nodes", self._nodes), ("databases", self._databases), ("endpoints", self._endpoints)):
            if part in (None, title):
                show("issues_only" in words)

    def _cluster(self):
        nodes = {str(node["uid"]): node for node in self.ask("GET", "/v1/nodes")}
        leader = next(uid for uid, facts in self.ask("GET", "/v1/nodes/status").items() if facts["role"] == "master")
        print(f"CLUSTER:\nOK. Cluster master: {leader} ({nodes[leader]['addr']})")
        print("Cluster health: OK, [1, 0.13333333333333333, 0.03333333333333333]")
        print("failures/minute - avg1 1.00, avg15 0.13, avg60 0.03.\n")

    def _nodes(self, issues_only):
        rows = [["NODE:ID", "ROLE", "ADDRESS", "EXTERNAL_ADDRESS", "HOSTNAME", "SHARDS", "CORES", "VERSION", "STATUS"]]
        statuses = self.ask("GET", "/v1/nodes/status")
        for node in self.ask("GET", "/v1/nodes"):
            facts = statuses[str(node["uid"])]
            state = "OK" if facts["node_status"] == "active" else "DOWN"
            if not (issues_only and state == "OK"):
                mark = "*" if str(node["uid"]) == self.node else ""
                rows.append([f"{mark}node:{node['uid']}", facts["role"], node["addr"], node["external_addr"][0],
                             facts["hostname"], f"{node['shard_count']}/100", node["cores"],
                             node["software_version"], state])
        print("CLUSTER NODES:")
        table(rows)
        print()

    def _databases(self, issues_only):
        rows = [["DB:ID", "NAME", "TYPE", "STATUS", "SHARDS", "PLACEMENT", "REPLICATION", "PERSISTENCE", "ENDPOINT"]]
        for bdb in self.ask("GET", "/v1/bdbs"):
            if not (issues_only and bdb["status"] == "active"):
                endpoint = bdb["endpoints"][0]
                rows.append([f"db:{bdb['uid']}", bdb["name"], bdb["type"], bdb["status"], 1, "dense", "disabled",
                             "disabled", f"{endpoint['dns_name']}:{endpoint['port']}"])
        print("DATABASES:")
        table(rows)
        print()

    def _endpoints(self, issues_only):
        rows = [["DB:ID", "NAME", "ID", "NODE", "ROLE", "SSL"]]
        nodes = self.ask("GET", "/v1/nodes")
        for bdb in self.ask("GET", "/v1/bdbs") if not issues_only else []:
            rows += [[f"db:{bdb['uid']}", bdb["name"], f"endpoint:{bdb['uid']}:1", f"node:{node['uid']}",
                      "all-nodes", "Yes"] for node in nodes]
        print("ENDPOINTS:")
        table(rows)

    def info(self, what, *_):
        if what != "cluster":
            fail(f"there is no information on {what}")
        print("Cluster configuration:")
        for name, value in self.ask("GET", "/v1/cluster").items():
            if not name.endswith("_certificate"):
                print(f"    {name}: {self._shown(name, value)}")

    @staticmethod
    def _shown(name, value):
        if isinstance(value, bool):
            return "enabled" if value else "disabled"
        return "disabled" if name == "login_lockout_threshold" and value == 0 else value

    # ---- the rest ----

    def running_actions(self):
        actions = [action for action in self.ask("GET", "/v1/actions")["state-machines"]
                   if action["status"] == "active"]
        print(f"Got {len(actions)} tasks:" if actions else "No active tasks")
        for number, action in enumerate(actions, 1):
            print(f"{number}) Task: {action['name']} ({action['action_uid']}) Status: running")

    def ocsp(self, what):
        if what != "certificate_compatible":
            fail(f"there is no ocsp {what}")
        fail("the proxy certificate has no OCSP URI")

    def configure(self, setting, value):
        self.ask("PUT", "/v1/cluster", {setting: {"enabled": True, "disabled": False}.get(value, value)})
        print("Cluster configured successfully")

    def tune(self, what, setting, value):
        if what != "cluster":
            fail(f"{what} cannot be tuned")
        self.ask("PUT", "/v1/cluster", {setting: int(value)})
        print("Finished successfully")

    def run(self, words):
        commands = {("cluster", "certificate", "set"): self.certificate, ("cluster", "config"): self.configure,
                    ("cluster", "ocsp"): self.ocsp, ("cluster", "running_actions"): self.running_actions,
                    ("info",): self.info, ("status",): self.status, ("tune",): self.tune}
        for head, command in commands.items():
            if tuple(words[:len(head)]) == head:
                return command(*words[len(head):])
        fail(f"there is no command {' '.join(words)}")


def read(path):
    try:
        return pathlib.Path(path).read_text()
    except (OSError, UnicodeDecodeError) as error:
        fail(f"{path} cannot be read: {error}")


if __name__ == "__main__":
    try:
        Rladmin(*sys.argv[1:3]).run(sys.argv[3:])
    except TypeError:
        fail("the command has too few or too many parameters")
