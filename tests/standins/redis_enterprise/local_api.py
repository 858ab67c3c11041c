"""What rladmin and crdb-cli share: requests to the node they run on, over its Unix socket.

Exit codes are not documented. A failure ends with 1, unless the stand-in is told to have it end with 0."""
import http.client
import json
import socket
import sys


class Connection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=900)
        self._path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self._path)


def ask(path, method, target, body=None, headers=None):
    """The answer's JSON; ends the program with the error's text when it is an error."""
    connection = Connection(path)
    try:
        connection.request(method, target, json.dumps(body) if body is not None else None,
                           {"content-type": "application/json", **(headers or {})})
        answer = connection.getresponse()
        text = answer.read()
    except (OSError, http.client.HTTPException) as error:
        fail(f"the cluster cannot be reached: {error}")
    facts = decode(text)
    if answer.status >= 400:
        reason = facts.get("description") or facts.get("message") or answer.reason
        fail(f"{answer.status} {answer.reason}: {reason}", int(answer.getheader("x-exit-code", "1")))
    return facts


def decode(text):
    try:
        return json.loads(text) if text else {}
    except ValueError:
        return {}


def fail(sentence, code=1):
    print(f"ERROR: {sentence}", file=sys.stderr)
    sys.exit(code)


def table(rows):
    """Columns as wide as their longest entry."""
    widths = [max(len(str(row[column])) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print(" ".join(str(cell).ljust(width) for cell, width in zip(row, widths)).rstrip())
