"""One node: its addresses, what it listens on, and the certificates it shows there.

It is reached at two addresses, as rs/networking/multi-ip-ipv6 has it: an external one for clients and an
internal one between nodes, which is also where the REST API redirects to."""
from . import http1, pem
from .listener import Listener

# rs/networking/port-configurations: the REST API, the Cluster Manager UI, the metrics exporter.
PORTS = {"api": 9443, "cm": 8443, "metrics_exporter": 8070}


class Node:
    """served: the pairs by name that this node shows, which differ from the cluster's when it missed a change."""

    def __init__(self, cluster, uid, external, internal):
        self.cluster = cluster
        self.uid = uid
        self.external = external
        self.internal = internal
        self.hostname = f"node{uid}.{cluster.fqdn}"
        self.software_version = cluster.version.software_version
        self.served = {}
        self.up = False
        self.keeps = set()        # Names of certificates that it does not take.
        self._contexts = {}
        self._listeners = []
        self.endpoints = []

    @property
    def leads(self):
        return self.cluster.leader is self

    def addresses(self):
        """Those at which the test reaches it."""
        return [self.external, self.internal] if self.cluster.internal_reachable else [self.external]

    def install(self, name, pair):
        self.served[name] = pair
        self._contexts.pop(name, None)
        if name == "mtls_trusted_ca":
            self._contexts.pop("api", None)

    def remove(self, name):
        self.served.pop(name, None)
        self._contexts.clear()

    def start(self):
        """Opens all that it listens on; again after stop()."""
        for name, port in PORTS.items():
            serve = self._serve_api if name == "api" else self._serve_page
            for address in self.addresses():
                listener = Listener(address, port, serve, lambda name=name: self._context(name),
                                    self.cluster.round_trip)
                listener.open()
                self._listeners.append(listener)
        for endpoint in self.endpoints:
            endpoint.open()
        self.up = True

    def stop(self):
        """As if its power were cut: whatever is connected is reset."""
        self.up = False
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()
        for endpoint in self.endpoints:
            endpoint.close()

    def _api_listeners(self):
        return [listener for listener in self._listeners if listener.port == PORTS["api"]]

    def reset_api(self):
        """Ends the connections to the REST API."""
        for listener in self._api_listeners():
            listener.reset()

    def mute_api(self):
        for listener in self._api_listeners():
            listener.close()

    def unmute_api(self):
        for listener in self._api_listeners():
            listener.open()

    def _context(self, name):
        if name not in self._contexts:
            authorities = self.served.get("mtls_trusted_ca") if name == "api" else None
            self._contexts[name] = pem.server_context(
                self.served[name], authorities.certificate if authorities else None)
        return self._contexts[name]

    async def _serve_api(self, reader, writer):
        certificate = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        connection = self.cluster.site.next_connection()
        await http1.serve(reader, writer, lambda request: self.cluster.api.answer(
            self, request, certificate, connection))

    async def _serve_page(self, reader, writer):
        async def answer(request):
            return http1.Response(200, self._metrics(request.path), {"content-type": "text/plain"})
        await http1.serve(reader, writer, answer)

    def _metrics(self, path):
        """How long each certificate on this node lasts: rs/security/certificates/monitor-certificates."""
        metric = "node_cert_expires_in_seconds" if path == "/v2" else "node_cert_expiration_seconds"
        lines = [f'{metric}{{logical_name="{name}",node="{self.uid}",path="/etc/opt/redislabs/{name}_cert.pem"}}'
                 f' {pem.seconds_left(pair.certificate):.0f}\n' for name, pair in sorted(self.served.items())]
        return "".join(lines).encode()
