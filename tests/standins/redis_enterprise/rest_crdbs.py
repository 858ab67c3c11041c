"""Active-Active databases and their tasks: rs/references/rest-api/requests/crdbs and .../crdb_tasks."""
import time

from .http1 import Response
from .upload import Refused


def _crdb(call):
    for crdb in call.cluster.crdbs:
        if crdb.guid == call.words[0]:
            return crdb
    raise Refused(404, "crdb_not_found", "there is no such Active-Active database")


async def get_crdbs(call):
    return [crdb.describe(call.cluster) for crdb in call.cluster.crdbs]


async def get_crdb(call):
    return _crdb(call).describe(call.cluster)


async def get_health_report(call):
    return _crdb(call).health_report(call.cluster)


async def patch_crdb(call):
    """An update without force: what has not changed is not sent to the instances."""
    return _update(call, _crdb(call), forced=False)


async def post_update(call):
    """force_update: "Force the configuration update and increment the configuration version even if there is no
    change" (rs/references/rest-api/objects/crdb/modify_request)."""
    body = call.body()
    if set(body) - {"crdb", "force_update", "add_instances", "remove_instances"}:
        raise Refused(400, "invalid_schema", "a modify_request has no such field")
    crdb = _crdb(call)
    if call.dry_run:
        return Response(200, {"id": "", "crdb_guid": crdb.guid, "status": "finished", "operation": "update_crdb"})
    return _update(call, crdb, body.get("force_update") is True)


def _update(call, crdb, forced):
    task = crdb.update(call.cluster, forced, call.request.headers.get("x-task-id"))
    lifetime = call.request.headers.get("x-result-ttl")
    if lifetime and lifetime.isdigit():
        task.kept = int(lifetime)
    return task.describe()


def _tasks(cluster):
    """Those that are not forgotten."""
    now = time.monotonic()
    return {uid: task for uid, task in cluster.tasks.items() if not task.over or now - task.ended_at < task.kept}


def _task(call):
    task = _tasks(call.cluster).get(call.words[0])
    if not task:
        raise Refused(404, "task_not_found", "there is no such task")
    return task


async def get_tasks(call):
    return [task.describe() for task in _tasks(call.cluster).values()]


async def get_task(call):
    return _task(call).describe()


async def cancel_task(call):
    task = _task(call)
    if task.over or task.commits:
        raise Refused(406, "cannot_cancel", "the task cannot be cancelled")
    task.end("failed")
    return task.describe()


ROUTES = [
    ("GET", "/v1/crdbs", "view_crdb_list", get_crdbs),
    ("GET", "/v1/crdbs/([0-9a-f-]+)", "view_crdb", get_crdb),
    ("PATCH", "/v1/crdbs/([0-9a-f-]+)", "update_crdb", patch_crdb),
    ("POST", "/v1/crdbs/([0-9a-f-]+)/updates", "update_crdb", post_update),
    ("GET", "/v1/crdbs/([0-9a-f-]+)/health_report", "view_crdb", get_health_report),
    ("GET", "/v1/crdb_tasks", "view_crdb_task_list", get_tasks),
    ("GET", "/v1/crdb_tasks/([^/]+)", "view_crdb_task", get_task),
    ("POST", "/v1/crdb_tasks/([^/]+)/actions/cancel", "update_crdb", cancel_task),
]
