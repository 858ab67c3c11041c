"""Databases and the actions on them: rs/references/rest-api/requests/bdbs and .../actions."""
import time
import uuid

from . import background, upload
from .upload import Refused


def _database(call):
    database = call.cluster.databases.get(int(call.words[0]))
    if not database:
        raise Refused(404, "db_not_exist", "there is no such database")
    return database


async def get_bdbs(call):
    return [call.only_fields(await database.describe()) for database in call.cluster.databases.values()]


async def get_bdb(call):
    return call.only_fields(await _database(call).describe())


async def put_bdb(call):
    """200: "The request is accepted and is being processed. The database state will be 'active-change-pending'
    until the request has been fully processed.\""""
    database = _database(call)
    change = call.body()
    database.check(change)
    if not call.dry_run:
        _begin(call.cluster, database, change)
    return await database.describe()


def _begin(cluster, database, change):
    action = {"action_uid": str(uuid.uuid4()), "name": "SMUpdateBDB", "object_name": f"bdb:{database.uid}",
              "status": "active", "state": "proxy_policy", "progress": "50",
              "creation_time": str(int(time.time()))}
    cluster.actions[action["action_uid"]] = action
    database.status = "active-change-pending"
    database.action_uid = action["action_uid"]
    cluster.state_id += 1
    background.run(_run(cluster, database, action, change))


async def _run(cluster, database, action, change):
    await database.change(change)
    database.action_uid = None
    action.update(status="completed", progress="100", state="completed")
    cluster.site.record.event("bdb-changed", cluster=cluster.name, bdb=database.uid, fields=sorted(change))


async def get_last_stats(call):
    """Of rs/references/rest-api/requests/bdbs/stats/last, what tells how soon a backlog is full."""
    database = _database(call)
    facts = await database.server.facts("stats")
    return {str(database.uid): {
        "interval": "1sec", "ingress_bytes": float(facts["instantaneous_input_kbps"]) * 1024,
        "write_req": float(facts["instantaneous_ops_per_sec"])}}


def _with_certificates(call):
    """The database, in a version that knows of certificates for one database alone."""
    if not call.cluster.version.database_certificates:
        raise Refused(404, "not_found", "there is no such resource")
    return _database(call)


async def get_certificates(call):
    database = _with_certificates(call)
    if not database.own:
        raise Refused(404, "certificate_not_found", "the database has no certificate of its own")
    return database.describe_own()


async def post_certificates(call):
    database = _with_certificates(call)
    body = call.body()
    entry = {"name": "proxy", "certificate": body.get("cert"), "key": body.get("private_key")}
    pair = upload.check(entry, {}, call.cluster.version)
    if not call.dry_run:
        await database.show(pair)
    return database.describe_own() if database.own else {}


async def delete_certificates(call):
    await _with_certificates(call).show(None)


def _action(call):
    action = call.cluster.actions.get(call.words[0])
    if not action:
        raise Refused(404, "action_uid_not_exist", "there is no such action")
    return action


async def get_actions(call):
    return {"actions": [], "state-machines": list(call.cluster.actions.values())}


async def get_action(call):
    return _action(call)


async def get_database_actions(call):
    return [action for action in call.cluster.actions.values()
            if action["object_name"] == f"bdb:{call.words[0]}" and action["status"] == "active"]


def _second(cluster, action):
    """The newer form: rs/references/rest-api/requests/actions/v2."""
    if not cluster.version.v2_actions:
        raise Refused(404, "not_found", "there is no such resource")
    status = {"active": "running"}.get(action["status"], action["status"])
    return {**action, "status": status, "creation_time": int(action["creation_time"]),
            "progress": float(action["progress"])}


async def get_second_actions(call):
    return [_second(call.cluster, action) for action in call.cluster.actions.values()]


async def get_second_action(call):
    return _second(call.cluster, _action(call))


ROUTES = [
    ("GET", "/v1/bdbs", "view_all_bdbs_info", get_bdbs),
    ("GET", "/v1/bdbs/([0-9]+)", "view_bdb_info", get_bdb),
    ("PUT", "/v1/bdbs/([0-9]+)", "update_bdb", put_bdb),
    ("GET", "/v1/bdbs/stats/last/([0-9]+)", "view_bdb_info", get_last_stats),
    ("GET", "/v1/bdbs/([0-9]+)/certificates", "view_bdb_info", get_certificates),
    ("POST", "/v1/bdbs/([0-9]+)/certificates", "update_bdb", post_certificates),
    ("DELETE", "/v1/bdbs/([0-9]+)/certificates", "update_bdb", delete_certificates),
    ("GET", "/v1/actions", "view_status_of_cluster_action", get_actions),
    ("GET", "/v1/actions/bdb/([0-9]+)", "view_status_of_cluster_action", get_database_actions),
    ("GET", "/v1/actions/([0-9a-f-]+)", "view_status_of_cluster_action", get_action),
    ("GET", "/v2/actions", "view_status_of_cluster_action", get_second_actions),
    ("GET", "/v2/actions/([0-9a-f-]+)", "view_status_of_cluster_action", get_second_action),
]
