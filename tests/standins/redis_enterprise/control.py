"""The test's own interface, in plain HTTP on a loopback address: how to make the stand-in fail, and what it saw.

    POST   /faults          a fault (faults.py); answers {"id"}
    DELETE /faults/ID, DELETE /faults
    POST   /do/WORD         one of the words below, with its arguments as a JSON object
    POST   /settings        one of site.SETTINGS, such as {"round_trip_ms": 20}
    GET    /site            clusters, nodes, addresses, what each node serves
    GET    /requests        every request since the start (record.py)
    GET    /events          everything else that happened
    DELETE /record          forgets both

    word            arguments                   what happens
    node-down       cluster, node               its power is cut, and another node leads; node-up switches it on again
    lead            cluster, node               this node leads from now on
    keep            cluster, node, name         the node goes on with the certificate it has; name "*": with all
    replace         cluster, certificates       somebody else replaces certificates
    revert          cluster, name               the product puts a self-signed certificate there
    upgrade         cluster, software_version,  node after node gets the version, within `ms`, in the background if
                    ms                          there are any; then all get the certificates of the first
    old-workers     cluster, ms                 every second connection meets the certificate of before
    set             cluster, settings           the cluster's settings, as PUT /v1/cluster sets them, and more
    stop-sync       cluster, bdb, error         Replica Of stops with an unrecoverable error
    busy            cluster, bdb, ms            somebody else changes the database meanwhile
    crdb-update     cluster, crdb, forced       somebody else updates a CRDB
    cut             cluster                     all syncer connections from and to the cluster end
    unlock          cluster, user               an administrator unlocks a user
"""
import asyncio
import json

from . import background, http1, pem
from .http1 import Response

words = {}


def word(function):
    words[function.__name__.strip("_").replace("_", "-")] = function
    return function


def _node(cluster, uid):
    return next(node for node in cluster.nodes if node.uid == uid)


@word
async def node_down(_, cluster, node):
    cluster.cut_power(_node(cluster, node))


@word
async def node_up(_, cluster, node):
    _node(cluster, node).start()


@word
async def lead(_, cluster, node):
    cluster.lead(_node(cluster, node))


@word
async def keep(_, cluster, node, name="*"):
    _node(cluster, node).keeps.add(name)


@word
async def replace(_, cluster, certificates):
    await cluster.replace({name: pem.Pair(**pair) for name, pair in certificates.items()})


@word
async def revert(_, cluster, name):
    await cluster.replace({name: pem.self_signed(cluster.fqdn, name)})


@word
async def upgrade(_, cluster, software_version=None, ms=0):
    upgrading = cluster.upgrade(software_version or cluster.version.software_version, ms)
    if ms:
        background.run(upgrading)
    else:
        await upgrading


@word
async def old_workers(_, cluster, ms, certificate=None, key=None):
    """Without a pair, that which is shown now."""
    pair = pem.Pair(certificate, key) if certificate else cluster.certificates["proxy"]
    cluster.keep_old_workers(pair, ms / 1000)


@word
async def _set(_, cluster, settings):
    cluster.settings.update(settings)


@word
async def stop_sync(_, cluster, bdb, error="the syncer exited with code 4"):
    cluster.databases[bdb].stop_sync(error)


@word
async def busy(_, cluster, bdb, ms):
    database = cluster.databases[bdb]
    database.status = "active-change-pending"
    asyncio.get_running_loop().call_later(ms / 1000, lambda: setattr(database, "status", "active"))


@word
async def crdb_update(site, cluster, crdb, forced=False):
    found = next(each for each in site.crdbs if crdb in (each.guid, each.name))
    return {"task": found.update(cluster, forced).id}


@word
async def cut(_, cluster):
    cluster.cut_replication()


@word
async def unlock(_, cluster, user):
    cluster.access.unlock(cluster.access.user(user))


class Control:
    def __init__(self, site):
        self._site = site

    async def serve(self, reader, writer):
        await http1.serve(reader, writer, self._answer, "stand-in")
        writer.close()

    async def _answer(self, request):
        try:
            body = json.loads(request.body) if request.body else {}
            answer = await self._do(request.method, request.path.strip("/").split("/"), body)
            return Response(200, answer)
        except (ValueError, KeyError, TypeError, StopIteration, AttributeError) as error:
            return Response(400, {"error": f"{type(error).__name__}: {error}"})

    async def _do(self, method, path, body):
        site = self._site
        reading = {"site": site.describe, "requests": lambda: site.record.requests,
                   "events": lambda: site.record.events}
        if method == "GET" and path[0] in reading:
            return reading[path[0]]()
        if method == "POST" and path == ["faults"]:
            return {"id": site.faults.add(body)}
        if method == "DELETE" and path[0] == "faults":
            return site.faults.remove(int(path[1])) if path[1:] else site.faults.clear()
        if method == "DELETE" and path == ["record"]:
            return site.record.clear()
        if method == "POST" and path == ["settings"]:
            return site.settings.update(body)
        if method == "POST" and path[0] == "do":
            return await words[path[1]](site, site.cluster(body.pop("cluster")), **body)
        raise ValueError("there is no such thing")
