"""crdb-cli, as rs/references/cli-utilities/crdb-cli describes it: crdb_cli.py SOCKET NODE ARGUMENTS..."""
import argparse
import json
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from local_api import ask, fail, table

# Options of `crdb update` that change a configuration. They are taken, and have no effect here.
OTHERS = ("default-db-config", "default-db-config-file", "compression", "causal-consistency", "credentials",
          "encryption", "oss-cluster", "featureset-version", "memory-size", "bigstore-ram-size",
          "eviction-policy", "update-module", "update-db-config-modules")


def list_crdbs(call, _):
    rows = [["CRDB-GUID", "NAME", "REPL-ID", "CLUSTER-FQDN"]]
    for crdb in call("GET", "/v1/crdbs"):
        rows += [[crdb["guid"], crdb["name"], instance["id"], instance["cluster"]["name"]]
                 for instance in crdb["instances"]]
    table(rows)


def get_crdb(call, options):
    crdb = call("GET", f"/v1/crdbs/{options.crdb_guid}")
    print(f"CRDB-GUID: {crdb['guid']}\nName: {crdb['name']}\nEncryption: {crdb['encryption']}")
    print(f"Causal consistency: {crdb['causal_consistency']}\nProtocol version: {crdb['protocol_version']}")
    print(f"FeatureSet version: {crdb['featureset_version']}\nModules: {crdb['modules']}\nDefault-DB-Config:")
    for name, value in crdb["default_db_config"].items():
        print(f"  {name}: {value}")
    for instance in crdb["instances"]:
        print(f"Instance:\n  Id: {instance['id']}\n  Cluster:\n    FQDN: {instance['cluster']['name']}")
        print(f"    URL: {instance['cluster']['url']}\n    Replication-Endpoint: <Default>")
        print(f"    Replication TLS SNI: <Default>\n  Compression: {instance['compression']}")


def health_report(call, options):
    print(json.dumps(call("GET", f"/v1/crdbs/{options.crdb_guid}/health_report"), indent=2))


def update_crdb(call, options):
    changed = [name for name in OTHERS if getattr(options, name.replace("-", "_")) is not None]
    if not options.force and not changed:
        fail("there is nothing to update")
    task = call("POST", f"/v1/crdbs/{options.crdb_guid}/updates", {"force_update": True} if options.force else {})
    print(f"Task {task['id']} created", flush=True)
    if not options.no_wait:
        follow(call, task)


def follow(call, task):
    """Prints each change of the status; ends with the task."""
    status = "queued"
    while status not in ("finished", "failed"):
        now = call("GET", f"/v1/crdb_tasks/{task['id']}")
        if now["status"] != status:
            if status == "queued" and now["status"] != "started":
                print("  ---> Status changed: queued -> started", flush=True)
                status = "started"
            print(f"  ---> Status changed: {status} -> {now['status']}", flush=True)
            status = now["status"]
        else:
            time.sleep(0.02)
    if status == "failed":
        fail("; ".join(f"{error['cluster_name']}: {error['description']}" for error in now["errors"]) or "failed")


def list_tasks(call, _):
    rows = [["TASK-ID", "CRDB-GUID", "OPERATION", "STATUS", "WORKER-NAME", "STARTED", "ENDED"]]
    rows += [[task["id"], task["crdb_guid"], task["operation"], task["status"], task["worker_name"],
              task["started"], task["ended"]] for task in call("GET", "/v1/crdb_tasks")]
    table(rows)


def task_status(call, options):
    task = call("GET", f"/v1/crdb_tasks/{options.task_id}")
    print(f"Task-ID: {task['id']}\nCRDB-GUID: {task['crdb_guid']}\nOperation: {task['operation']}")
    print(f"Status: {task['status']}\nWorker-Name: {task['worker_name']}\nStarted: {task['started']}")
    print(f"Ended: {task['ended']}")
    for error in task["errors"]:
        print(f"Error: {error['cluster_name']}: {error['description']}")


def cancel_task(call, options):
    call("POST", f"/v1/crdb_tasks/{options.task_id}/actions/cancel")
    print(f"Task {options.task_id} cancelled")


def parse(arguments):
    parser = argparse.ArgumentParser(prog="crdb-cli", allow_abbrev=False)
    subjects = parser.add_subparsers(dest="subject", required=True)
    crdb = subjects.add_parser("crdb").add_subparsers(dest="command", required=True)
    task = subjects.add_parser("task").add_subparsers(dest="command", required=True)
    crdb.add_parser("list").set_defaults(run=list_crdbs)
    for name, run in (("get", get_crdb), ("health-report", health_report), ("update", update_crdb)):
        command = crdb.add_parser(name, allow_abbrev=False)
        command.add_argument("--crdb-guid", required=True)
        command.set_defaults(run=run)
    command.add_argument("--force", action="store_true")
    command.add_argument("--no-wait", action="store_true")
    for name in OTHERS:
        command.add_argument(f"--{name}")
    task.add_parser("list").set_defaults(run=list_tasks)
    for name, run in (("status", task_status), ("cancel", cancel_task)):
        command = task.add_parser(name)
        command.add_argument("--task-id", required=True)
        command.add_argument("--verbose", action=argparse.BooleanOptionalAction)
        command.set_defaults(run=run)
    return parser.parse_args(arguments)


def main():
    options = parse(sys.argv[3:])
    options.run(lambda method, target, body=None: ask(sys.argv[1], method, target, body), options)


if __name__ == "__main__":
    main()
