"""The cluster and its certificates: rs/references/rest-api/requests/cluster and .../cluster/certificates."""
import asyncio

from . import background, upload
from .http1 import Response
from .upload import Refused

SETTABLE = {"handle_redirects", "mtls_certificate_authentication", "control_plane_basic_authentication",
            "mask_bdb_credentials", "login_lockout_threshold", "login_lockout_counter_reset_after",
            "login_lockout_duration", "min_control_TLS_version", "min_data_TLS_version"}


async def get_cluster(call):
    return call.only_fields(call.cluster.describe())


async def put_cluster(call):
    change = call.body()
    unknown = sorted(set(change) - SETTABLE)
    if unknown:
        raise Refused(406, "invalid_schema", f"{unknown[0]} cannot be changed")
    if change.get("control_plane_basic_authentication") is False and not call.cluster.version.basic_can_be_off:
        raise Refused(406, "invalid_schema", "control_plane_basic_authentication cannot be changed")
    call.cluster.settings.update(change)
    return call.cluster.describe()


async def get_certificates(call):
    """Certificates and keys, flat: proxy_cert, proxy_key and so on."""
    answer = {}
    for name, pair in call.cluster.certificates.items():
        answer[f"{name}_cert"] = pair.certificate
        if pair.key:
            answer[f"{name}_key"] = pair.key
    return answer


async def put_certificates(call):
    if not call.cluster.version.put_certificates:
        raise Refused(405, "not_found", "there is no such resource")
    body = call.body()
    entries = body.get("certificates")
    if set(body) != {"certificates"} or not isinstance(entries, list):
        raise Refused(400, "invalid_schema", "the body has an array of certificates, nothing else")
    return await _replace(call.cluster, entries)


async def put_update_cert(call):
    return await _replace(call.cluster, [call.body()])


async def _replace(cluster, entries):
    """"This endpoint validates all provided certificates before actually updating the cluster.\""""
    pairs = {}
    for entry in entries:
        pair = upload.check(entry, cluster.certificates, cluster.version)
        pairs[entry["name"]] = pair
    if cluster.settings["block_cluster_changes"]:
        raise Refused(409, "config_edit_conflict", "the cluster is busy with another change")
    if "ccs_internode_encryption" in pairs and len(pairs) > 1 and cluster.version.internode_corrupts:
        cluster.site.record.event("internode-pair-corrupted", cluster=cluster.name)
    missed = await cluster.replace(pairs)
    quiet = cluster.site.faults.active("skipped-node-is-not-told", cluster)
    if missed and not quiet:
        raise Refused(409, "not_all_nodes_updated", "not all nodes have been updated")
    _after(cluster, pairs)
    return Response(200)


def _after(cluster, pairs):
    """What may befall the connection that brought the certificates, once the answer has gone out."""
    faults = cluster.site.faults
    if "api" in pairs and faults.active("api-restarts", cluster):
        asyncio.get_running_loop().call_later(0.01, lambda: [node.reset_api() for node in cluster.nodes])
    silence = faults.take("internode-silence", cluster) if set(pairs) & set(upload.INTERNODE) else None
    if silence:
        background.run(cluster.silence(silence.get("ms", 1000) / 1000))


async def delete_certificate(call):
    name, = call.words
    if name in upload.REQUIRED:
        raise Refused(403, "required_certificate", f"{name} is required")
    if name not in call.cluster.certificates:
        raise Refused(404, "unknown_certificate", f"there is no certificate named {name}")
    call.cluster.remove_certificate(name)
    return Response(200)


async def get_alert(call):
    """The body as rs/references/rest-api/requests/cluster/alerts shows it."""
    names = call.cluster.expiring()
    return {"enabled": True, "state": bool(names), "severity": "WARNING", "change_time": "",
            "change_value": {"certs_about_to_expire": names, "global_threshold": "45", "state": bool(names)}}


async def get_health(call):
    """rs/monitoring/health-report"""
    if not call.cluster.version.health:
        raise Refused(404, "not_found", "there is no such resource")
    nodes = [{"uid": node.uid, "role": "master" if node.leads else "slave", "version": node.software_version,
              "status": "ok" if node.up else "error"} for node in call.cluster.nodes]
    down = any(not node.up for node in call.cluster.nodes)
    return {"status": "error" if down else "ok", "nodes": nodes,
            "certificates": [{"type": name, "expired": False} for name in call.cluster.certificates]}


async def get_ocsp(_):
    return {"ocsp_functionality": False}


ROUTES = [
    ("GET", "/v1/cluster", "view_cluster_info", get_cluster),
    ("PUT", "/v1/cluster", "update_cluster", put_cluster),
    ("GET", "/v1/cluster/certificates", "view_cluster_info", get_certificates),
    ("PUT", "/v1/cluster/certificates", "update_cluster", put_certificates),
    ("PUT", "/v1/cluster/update_cert", "update_cluster", put_update_cert),
    ("DELETE", "/v1/cluster/certificates/([a-z_]+)", "update_cluster", delete_certificate),
    ("GET", "/v1/cluster/alerts/cluster_certs_about_to_expire", "view_cluster_alerts", get_alert),
    ("GET", "/v4/cluster/health", "view_cluster_info", get_health),
    ("GET", "/v1/ocsp", "view_cluster_info", get_ocsp),
]
