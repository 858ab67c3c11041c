"""A real OpenLDAP server with a topology registry in it: bind, search, StartTLS and LDAPS as they really are, and a
refusal of every extended operation that is PingDirectory's own.

slapd keeps cn=config for itself, so the registry lies below SUFFIX here. The schema has the registry's names; as its
object identifiers are not public it has others, below OpenLDAP's arc for experiments."""
import shutil
import subprocess

from nginx import handshake
from pingdirectory import entries
from waiting import free_port, until

PROGRAM = shutil.which("slapd", path="/usr/sbin:/usr/bin:/sbin")
SUFFIX = "cn=registry"
INSTANCES = f"cn=Server Instances,{SUFFIX}"
ADMIN, PASSWORD = f"cn=admin,{SUFFIX}", "admin-password"

ATTRIBUTES = ["ds-cfg-inter-server-certificate", "ds-cfg-listener-certificate"]
CLASSES = ["ds-cfg-branch", "ds-cfg-server-instance", "ds-cfg-server-instance-listener"]
CONFIGURATION = """
include /etc/ldap/schema/core.schema
{schema}
modulepath /usr/lib/ldap
moduleload back_mdb
TLSCertificateFile {directory}/server.crt
TLSCertificateKeyFile {directory}/server.key
database mdb
suffix "{suffix}"
rootdn "{admin}"
rootpw {password}
directory {directory}/data
"""


def schema():
    arc = "1.3.6.1.4.1.4203.666.1.395"
    lines = [f"attributetype ( {arc}.1.{number} NAME '{name}' EQUALITY caseExactMatch "
             "SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )" for number, name in enumerate(ATTRIBUTES)]
    lines += [f"objectclass ( {arc}.2.{number} NAME '{name}' SUP top STRUCTURAL MUST cn "
              f"MAY ( {' $ '.join(ATTRIBUTES)} ) )" for number, name in enumerate(CLASSES)]
    return "\n".join(lines)


class Slapd:
    """certificates: instance name to the PEM text that the registry holds for it."""

    def __init__(self, scratch, pair, certificates):
        self.directory = scratch / "slapd"
        self.port, self.ldaps = free_port(), free_port()
        self.process = None
        (self.directory / "data").mkdir(parents=True)
        (self.directory / "server.crt").write_bytes(pair.fullchain)
        (self.directory / "server.key").write_bytes(pair.key)
        (self.directory / "server.key").chmod(0o600)
        (self.directory / "slapd.conf").write_text(CONFIGURATION.format(
            schema=schema(), directory=self.directory, suffix=SUFFIX, admin=ADMIN, password=PASSWORD))
        content = [entries.Entry(dn, {"objectClass": "ds-cfg-branch", "cn": dn.partition(",")[0][3:]})
                   for dn in (SUFFIX, INSTANCES)]
        content += [entries.Entry(f"cn={name},{INSTANCES}", {"objectClass": "ds-cfg-server-instance", "cn": name,
                                                             ATTRIBUTES[0]: pem})
                    for name, pem in certificates.items()]
        subprocess.run([PROGRAM, "-T", "add", "-q", "-f", self.directory / "slapd.conf"], check=True,
                       input=entries.written(content), text=True, stderr=subprocess.DEVNULL)

    def start(self):
        with open(self.directory / "log", "wb") as log:
            self.process = subprocess.Popen(
                [PROGRAM, "-d", "0", "-f", self.directory / "slapd.conf", "-h",
                 f"ldap://127.0.0.1:{self.port}/ ldaps://127.0.0.1:{self.ldaps}/"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        until(lambda: handshake(self.ldaps), lambda: "slapd: " + (self.directory / "log").read_text())
        return self

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait(20)
