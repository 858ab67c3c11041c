"""As much of HTTP/1.1 (RFC 9112) as curl and libcurl need: Content-Length bodies and connections kept alive."""
import asyncio
import http
import json
import urllib.parse

LONGEST_BODY = 4 << 20


class Request:
    def __init__(self, method, target, headers, body):
        url = urllib.parse.urlsplit(target)
        self.method = method
        self.target = target
        self.path = url.path.rstrip("/") or "/"
        self.query = dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True))
        self.headers = headers
        self.body = body

    def json(self):
        """The body as JSON; ValueError when it is not, or is not UTF-8."""
        return json.loads(self.body.decode())


class Response:
    """body: what becomes JSON, or bytes that go out as they are, or None for an empty body."""

    def __init__(self, status, body=None, headers=None):
        self.status = status
        self.body = body
        self.headers = headers or {}

    def encode(self, server):
        body = self.body
        if body is None:
            body = b""
        elif not isinstance(body, bytes):
            body = json.dumps(body).encode()
        headers = {"server": server, "content-type": "application/json", "content-length": len(body), **self.headers}
        lines = [f"HTTP/1.1 {self.status} {http.HTTPStatus(self.status).phrase}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class Dropped(Exception):
    """Raised by a handler that wants the connection gone instead of an answer."""


async def _read_request(reader, writer):
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, target, _ = head[0].split(" ", 2)
    headers = {}
    for line in head[1:]:
        name, colon, value = line.partition(":")
        if colon:
            headers[name.strip().lower()] = value.strip()
    length = int(headers.get("content-length", 0))
    if length > LONGEST_BODY:
        raise ValueError("the body is too long")
    if length and headers.get("expect", "").lower() == "100-continue":
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        await writer.drain()
    return Request(method, target, headers, await reader.readexactly(length))


async def serve(reader, writer, handle, server="envoy"):
    """Answers the requests of one connection with what the coroutine handle(request) returns."""
    try:
        while True:
            request = await _read_request(reader, writer)
            response = await handle(request)
            writer.write(response.encode(server))
            await writer.drain()
            if request.headers.get("connection", "").lower() == "close":
                return
    except Dropped:
        writer.transport.abort()
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError, OSError):
        pass
