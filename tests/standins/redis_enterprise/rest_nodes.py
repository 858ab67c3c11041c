"""Nodes: rs/references/rest-api/requests/nodes, .../nodes/status, .../node_master_healthcheck, .../bootstrap."""
from .upload import Refused


def _node(call):
    uid = int(call.words[0])
    for node in call.cluster.nodes:
        if node.uid == uid:
            return node
    raise Refused(404, "node_not_exist", f"there is no node {uid}")


async def get_nodes(call):
    return [call.cluster.describe_node(node) for node in call.cluster.nodes]


async def get_node(call):
    return call.cluster.describe_node(_node(call))


async def get_nodes_status(call):
    return {str(node.uid): call.cluster.node_status(node) for node in call.cluster.nodes}


async def get_node_status(call):
    return call.cluster.node_status(_node(call))


async def get_master_healthcheck(call):
    return {"status": "active" if call.node.leads else "inactive"}


async def get_bootstrap(call):
    return {"bootstrap_status": {"state": "completed"},
            "local_node_info": {"uid": str(call.node.uid), "software_version": call.node.software_version}}


ROUTES = [
    ("GET", "/v1/nodes", "view_all_nodes_info", get_nodes),
    ("GET", "/v1/nodes/status", "view_node_info", get_nodes_status),
    ("GET", "/v1/nodes/([0-9]+)", "view_node_info", get_node),
    ("GET", "/v1/nodes/([0-9]+)/status", "view_node_info", get_node_status),
    ("GET", "/v1/local/node/master_healthcheck", None, get_master_healthcheck),
    ("GET", "/v1/bootstrap", None, get_bootstrap),
]
