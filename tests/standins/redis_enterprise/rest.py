"""The REST API of a cluster: who asks, which node answers, and which function does it.

Common to all requests (rs/references/rest-api): 401 without a login, 403 without the permission, 404 for what
is not there, 400 for a body that is not JSON or not declared so. A node that does not lead redirects to the
leader's internal address with 307 (known limitation RS40641 in rs/release-notes), unless handle_redirects."""
import asyncio
import re

from . import record, rest_cluster, rest_crdbs, rest_databases, rest_nodes, rest_users
from .access import LOCAL
from .http1 import Dropped, Response
from .upload import Refused

# (method, pattern of the path, permission or None for everybody, function)
ROUTES = [(method, re.compile(pattern + "$"), permission, function)
          for module in (rest_cluster, rest_nodes, rest_users, rest_databases, rest_crdbs)
          for method, pattern, permission, function in module.ROUTES]

# What every node answers for itself.
LOCAL_PATHS = ("/v1/local/", "/v1/bootstrap")


class Call:
    """What a function of the API gets."""

    def __init__(self, cluster, node, user, request, words):
        self.cluster = cluster
        self.node = node
        self.user = user
        self.request = request
        self.words = words        # The variable parts of the path.

    def body(self):
        """The JSON object of the body."""
        try:
            body = self.request.json()
        except ValueError as error:
            raise Refused(400, "bad_request", "the body is not JSON") from error
        if not isinstance(body, dict):
            raise Refused(400, "invalid_schema", "the body is not an object")
        return body

    @property
    def dry_run(self):
        return self.request.query.get("dry_run", "false").lower() in ("", "1", "true")

    def only_fields(self, facts):
        """What ?fields= asks for."""
        fields = self.request.query.get("fields")
        return {key: facts[key] for key in fields.split(",") if key in facts} if fields else facts


class Api:
    """Answers for every node of a cluster."""

    def __init__(self, cluster):
        self.cluster = cluster

    async def answer(self, node, request, certificate, connection):
        """For a request that came over the network."""
        user, how = None, "redirected"
        entry = self._record(node, request, connection)
        await asyncio.sleep(self.cluster.round_trip())
        try:
            redirected = self._redirect(node, request)
            if not redirected:
                user, how = self.cluster.access.identify(request.headers.get("authorization"), certificate)
            entry.update(user=user.email if user else None, authentication=how)
            return await self._finish(entry, node, request, user, redirected)
        except Dropped:
            self.cluster.site.record.answered(entry, None)
            raise

    async def answer_local(self, node, request):
        """For a tool on the node itself, which needs no login and is never redirected."""
        entry = self._record(node, request, 0)
        entry.update(user=None, authentication="local")
        if not node.up:
            raise Dropped
        response = await self._finish(entry, node, request, LOCAL, None)
        if self.cluster.site.faults.active("tools-exit-0", self.cluster):
            response.headers["x-exit-code"] = 0
        return response

    def _record(self, node, request, connection):
        try:
            body = record.summary(request.json()) if request.body else None
        except ValueError:
            body = None
        return self.cluster.site.record.request(
            cluster=self.cluster.name, node=node.uid, connection=connection, method=request.method,
            path=request.path, query=request.query, body=body)

    def _redirect(self, node, request):
        settings = self.cluster.settings
        if (self.cluster.version.certificate_login_at_leader_only and not node.leads
                and settings["mtls_certificate_authentication"]):
            raise Dropped
        if node.leads or settings["handle_redirects"] or request.path.startswith(LOCAL_PATHS):
            return None
        return Response(307, None, {"location": f"https://{self.cluster.leader.internal}:9443{request.target}"})

    async def _finish(self, entry, node, request, user, redirected):
        faults = self.cluster.site.faults
        fault = faults.take("answer", self.cluster, node=node.uid, method=request.method, path=request.path)
        if fault:
            await asyncio.sleep(fault.get("delay_ms", 0) / 1000)
        spoilt = fault and not {"drop", "power", "status"}.isdisjoint(fault)
        response = redirected
        if not response and (not spoilt or fault.get("after")):
            response = await self._respond(node, request, user)
        if spoilt:
            response = self._spoil(fault, node)
        response.headers["cluster-state-id"] = self.cluster.state_id
        self.cluster.site.record.answered(entry, response.status)
        return response

    def _spoil(self, fault, node):
        if fault.get("power"):
            self.cluster.cut_power(node)
        if fault.get("power") or fault.get("drop"):
            raise Dropped
        form = fault.get("form", "json")
        if form != "json":
            return Response(fault["status"], b"" if form == "empty" else b"upstream connect error")
        return self.error(fault["status"], fault.get("code", "internal_error"), fault.get("text", "told to fail"))

    async def _respond(self, node, request, user):
        if not user:
            return self.error(401, "unauthorized", "authentication information is missing or incorrect",
                              {"www-authenticate": 'Basic realm="redis"'})
        try:
            return await self._call(node, request, user)
        except Refused as refused:
            return self.error(refused.status, refused.code, refused.text)

    async def _call(self, node, request, user):
        found = [(route, match) for route in ROUTES if (match := route[1].match(request.path))]
        chosen = next(((route, match) for route, match in found if route[0] == request.method), None)
        if not chosen:
            raise Refused(405 if found else 404, "not_found", "there is no such resource")
        (_, _, permission, function), match = chosen
        if permission and not user.may(permission):
            raise Refused(403, "forbidden", f"the role {user.role} lacks {permission}")
        if request.body and not request.headers.get("content-type", "").startswith("application/json"):
            raise Refused(400, "bad_request", "the content type is not application/json")
        answer = await function(Call(self.cluster, node, user, request, match.groups()))
        return answer if isinstance(answer, Response) else Response(200, answer)

    def error(self, status, code, text, headers=None):
        """{"error_code", "description"} in the OpenAPI document, "error_code and message" on the prose pages."""
        return Response(status, {"error_code": code, self.cluster.version.error_text: text}, headers)
