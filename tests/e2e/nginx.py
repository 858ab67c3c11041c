"""A real nginx of our own: one prefix, one loopback port, no rights."""
import hashlib
import os
import shutil
import signal
import socket
import ssl
import subprocess

from waiting import free_port, until

PROGRAM = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin:/sbin")

CONFIGURATION = """
pid {prefix}/nginx.pid;
error_log {prefix}/error.log;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {prefix}/body;
    proxy_temp_path {prefix}/proxy;
    fastcgi_temp_path {prefix}/fastcgi;
    uwsgi_temp_path {prefix}/uwsgi;
    scgi_temp_path {prefix}/scgi;
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {published}/fullchain.pem;
        ssl_certificate_key {published}/privkey.pem;
        return 200 "hello";
    }}
}}
"""


def handshake(port, host="127.0.0.1"):
    """The fingerprint of the certificate in a completed handshake, or None."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with socket.create_connection((host, port), timeout=5) as plain:
            with context.wrap_socket(plain) as secured:
                return hashlib.sha256(secured.getpeercert(binary_form=True)).hexdigest()
    except OSError:
        return None


class Nginx:
    """Serves from scratch/tls, at first a link to the directory "old" with the pair given.

    Its reload goes through a script that the test can turn against certdrop: see refuse() and ignore()."""

    def __init__(self, scratch, pair):
        self.prefix = scratch / "nginx"
        self.published = scratch / "tls"
        self.old = scratch / "old"
        self.orders = self.prefix / "orders"
        self.calls = self.prefix / "calls"
        self.port = free_port()
        self.process = None
        self.prefix.mkdir()
        self.old.mkdir(mode=0o700)
        (self.old / "fullchain.pem").write_bytes(pair.fullchain)
        (self.old / "privkey.pem").write_bytes(pair.key)
        (self.old / "privkey.pem").chmod(0o600)
        self.published.symlink_to("old")
        (self.prefix / "nginx.conf").write_text(CONFIGURATION.format(
            prefix=self.prefix, port=self.port, published=self.published))
        self.script = self.prefix / "control"
        self.script.write_text(f"""#!/bin/sh
echo "$1" >>{self.calls}
case "$(cat {self.orders} 2>/dev/null)" in
refuse-$1) echo "nginx: [emerg] told to refuse" >&2; exit 1 ;;
ignore-$1) exit 0 ;;
esac
case "$1" in
test) exec {' '.join(self.command('-t'))} ;;
reload) exec {' '.join(self.command('-s', 'reload'))} ;;
esac
""")
        self.script.chmod(0o755)

    def command(self, *arguments):
        return [PROGRAM, "-p", str(self.prefix), "-c", str(self.prefix / "nginx.conf"),
                "-e", str(self.prefix / "error.log"), *arguments]

    def target(self, name="web", **more):
        """The settings of a files target for this server."""
        return {
            "name": name, "product": "files", "publish": str(self.published),
            "files": [{"name": "fullchain.pem", "content": "fullchain", "mode": "0644"},
                      {"name": "privkey.pem", "content": "key", "mode": "0600"}],
            "test": [str(self.script), "test"], "reload": [str(self.script), "reload"],
            "probe": [f"127.0.0.1:{self.port}"], **more}

    def start(self):
        self.process = subprocess.Popen(self.command("-g", "daemon off;"), stdin=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        until(self.served, lambda: "nginx does not answer: " + self.log())

    def stop(self):
        if self.process:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(20)

    def served(self):
        return handshake(self.port)

    def comes_to_serve(self, pair):
        """A worker of before the reload may take some more connections: a moment is allowed for that."""
        until(lambda: self.served() == pair.fingerprint, lambda: f"not {pair.fingerprint} is served, but "
              f"{self.served()}; " + self.log(), seconds=2)
        return True

    def order(self, order):
        """What the control script is to do instead: "refuse-test", "ignore-reload", ... or nothing."""
        self.orders.write_text(order)

    def called(self, word):
        """How often certdrop has called the control script with this word."""
        return self.calls.read_text().split().count(word) if self.calls.exists() else 0

    def log(self):
        log = self.prefix / "error.log"
        return log.read_text() if log.exists() else ""
