"""gs_guc: edits postgresql.conf, and writes cipher and rand files. After openGauss's gs_guc reference page."""
import getopt
import getpass
import os
import pathlib
import re
import sys

from standins.opengauss import tls
from standins.opengauss.cluster import STAGE, here

PREFIXES = {"server": "server", "client": "client", "source": "datasource"}


def assign(node, setting):
    """`name=value` into the node's postgresql.conf: the line of that name, or a new one. False: it failed."""
    if STAGE.fails_at(f"guc:{node.name}"):
        return False
    name, _, value = setting.partition("=")
    content = node.configuration.read_text()
    line = f"{name.strip()} = {value.strip()}"
    content, count = re.subn(rf"^#?\s*{re.escape(name.strip())}\s*=.*$", lambda _: line, content, count=1,
                             flags=re.MULTILINE)
    if not count:
        content += line + "\n"
    written = node.configuration.with_name("postgresql.conf.bak")
    written.write_text(content)
    written.rename(node.configuration)
    return True


def change(cluster, word, options):
    """set and reload: the latter sends SIGHUP too, which changes no parameter of TLS."""
    settings = [value for name, value in options if name == "-c"]
    named = dict(options)
    data = named.get("-D", os.environ.get("PGDATA"))
    everywhere = named.get("-N") == "all"
    nodes = cluster.nodes if everywhere else [cluster.node_of(data) if data else None]
    if not settings or None in nodes:
        print("gs_guc: no instance or no parameter specified", file=sys.stderr)
        return 1
    print(f"The gs_guc run with the following arguments: [gs_guc -D {data} {word} ].")
    done = [all(assign(node, setting) for setting in settings) for node in nodes]
    print(f"\nTotal instances: {len(nodes)}. Failed instances: {done.count(False)}.")
    print("Success to perform gs_guc!\n" if all(done) else "Failure to perform gs_guc!\n", flush=True)
    return 0 if all(done) else 1


def check(cluster, options):
    named = dict(options)
    node = cluster.node_of(named.get("-D", "."))
    found = tls.parameters(node.configuration).get(named.get("-c"))
    print(f"{named.get('-c')}={found or 'NULL'}")
    return 0


def asked():
    """Of the terminal, or else of standard input."""
    return getpass.getpass("Password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")


def write(path, content):
    """0600 at the end. That it cannot be written is no reason to exit with anything but 0."""
    try:
        path.unlink(missing_ok=True)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as output:
            output.write(content)
    except OSError as error:
        print(f"could not open file \"{path}\": {error.strerror}", file=sys.stderr)


def encrypt(options):
    from standins.opengauss import passphrase
    named = dict(options)
    prefix = PREFIXES.get(named.get("-M", "server"))
    separate = "-R" in named and "-C" in named
    if not prefix or ("-D" in named) == separate or (("-R" in named) != ("-C" in named)):
        print("gs_guc: the parameter '-D', or '-R' and '-C', is required", file=sys.stderr)
        return 1
    if "-U" in named and prefix == "client":
        prefix = named["-U"]
    word = (named["-K"] if "-K" in named else asked()).encode()
    objection = passphrase.objection(word)
    if objection:
        print(objection, file=sys.stderr)
        return 1
    if STAGE.fails_at("encrypt"):
        return 0
    cipher, rand = passphrase.encode(word)
    write(pathlib.Path(named.get("-C", named.get("-D"))) / f"{prefix}.key.cipher", cipher)
    write(pathlib.Path(named.get("-R", named.get("-D"))) / f"{prefix}.key.rand", rand)
    return 0


def main(arguments):
    cluster = here()
    try:
        options, words = getopt.gnu_getopt(arguments, "D:c:N:I:M:K:U:R:C:Z:?V", ["help", "version"])
    except getopt.GetoptError as error:
        print(f"gs_guc: {error}", file=sys.stderr)
        return 1
    if {"-?", "--help", "-V", "--version"} & set(dict(options)):
        print("gs_guc (openGauss) look-alike")
        return 0
    if words == ["encrypt"]:
        return encrypt(options)
    if words in (["set"], ["reload"]) and cluster:
        return change(cluster, words[0], options)
    if words == ["check"] and cluster:
        return check(cluster, options)
    print("gs_guc: no operation specified", file=sys.stderr)
    return 1
