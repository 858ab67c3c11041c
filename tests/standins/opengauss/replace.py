"""`gs_om -t cert`: what it does to the files, one after another, on this node (-L) or on all.

Only the presence of names is checked. Nothing is undone when a step fails: what was copied stays, and so does the
marker certFlag, which keeps the next run from overwriting the last good backup. There is one backup. The directory
into which the package is unpacked has a fixed name, so two runs at once spoil each other.
"""
import os
import pathlib
import pwd
import shutil
import subprocess
import tarfile
import time

from standins.opengauss import gs_guc
from standins.opengauss.cluster import STAGE
from standins.opengauss.errors import GaussError

CRL = "sslcrl-file.crl"
SERVER_FILES = ["cacert.pem", "server.crt", "server.key", "server.key.cipher", "server.key.rand", CRL]
CLIENT_FILES = ["client.crt", "client.key", "client.key.cipher", "client.key.rand"]
NINE = SERVER_FILES[:5] + CLIENT_FILES
# What lies below share/sslcert, and with which mode; om/ may hold two more, which vanish unless they are packed.
COMPONENTS = {"dss": (NINE, 0o400), "cm": (NINE, 0o400), "om": (NINE + ["openssl.cnf", "client.key.pk8"], 0o600)}
BACKUP, FLAG, EMPTY_CERT, EMPTY_FLAG = "gsql_cert_backup.tar.gz", "certFlag", "emptyCert", "emptyflag"


def components(cluster):
    """The directories that are there on this node; dss only where DSS_SSL is on."""
    return [name for name in COMPONENTS if cluster.here.sslcert(name).is_dir()
            and (name != "dss" or os.environ.get("DSS_SSL") == "on")]


def pack(directory, names, mode=None):
    """tar -zcf in the directory. A name that is not there makes tar fail, after it has written the rest."""
    with tarfile.open(directory / BACKUP, "w:gz") as archive:
        for name in names:
            if os.path.lexists(directory / name):
                archive.add(directory / name, name)
    if mode is not None:
        (directory / BACKUP).chmod(mode)
    missing = [name for name in names if not os.path.lexists(directory / name)]
    if missing:
        raise GaussError(51400, f"cd '{directory}' && tar -zcvf {BACKUP} {' '.join(names)}",
                         more=f"Error: \ntar: {missing[0]}: Cannot stat: No such file or directory")


def unpack(directory):
    with tarfile.open(directory / BACKUP) as archive:
        archive.extractall(directory)


def set_crl(node):
    value = CRL if (node.data / CRL).is_file() else ""
    if not gs_guc.assign(node, f"ssl_crl_file='{value}'"):
        raise GaussError(51400, f"gs_guc set -D {node.data} -c \"ssl_crl_file='{value}'\"",
                         more="Failed set 'ssl_crl_file' option.Error: \nFailure to perform gs_guc!")


# ---- the package ----

def extract(package):
    owner = package.stat().st_uid
    try:
        pwd.getpwuid(owner)
    except KeyError:
        raise GaussError(50300, "") from None
    directory = pathlib.Path(os.environ["PGHOST"]) / "tempCertDir"
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(mode=0o700)
    done = subprocess.run(["unzip", "-o", package, "-d", directory], stdin=subprocess.DEVNULL,
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    if done.returncode:
        raise GaussError(50231, package)
    return directory


def check_presence(directory):
    """The names that are packed, in the order in which they are distributed."""
    for side, names in (("client", CLIENT_FILES), ("server", SERVER_FILES[:5])):
        for name in names:
            if not (directory / name).is_file():
                raise GaussError(50201, directory / name, more=f"Missing SSL {side} cert file in ZIP file.")
    return [name for name in SERVER_FILES if (directory / name).is_file()]


def replace(cluster, package, local, log):
    log.say("Starting ssl cert files replace.")
    directory = pathlib.Path(os.environ["PGHOST"]) / "tempCertDir"
    try:
        directory = extract(pathlib.Path(package))
        names = check_presence(directory)
        log.say("Backing up old ssl cert files.")
        (back_up_here if local else back_up_everywhere)(cluster, log)
        (install_here if local else install_everywhere)(cluster, directory, names, log)
        if not local:
            log.say("Successfully distributed cert files on all nodes.")
    except FileNotFoundError as error:
        # Somebody else's run has taken the directory away.
        raise GaussError(50214, error.filename) from None
    finally:
        shutil.rmtree(directory, ignore_errors=True)


# ---- the backup ----

def back_up_here(cluster, log):
    node = cluster.here
    if (node.data / FLAG).is_file():
        log.say("There is no need to backup ssl cert files.")
        return
    (node.data / FLAG).touch(0o600)
    if STAGE.fails_at(f"backup:{node.name}"):
        raise GaussError(51400, f"cd '{node.data}' && tar -zcvf {BACKUP}",
                         more="Failed backup gds cert files on local node.Error: \ntar: write error")
    names = [name for name in SERVER_FILES if (node.data / name).is_file()]
    if not names:
        (node.data / EMPTY_CERT).touch()
    # The umask decides who may read the old private key.
    pack(node.data, names or [EMPTY_CERT])
    (node.data / EMPTY_CERT).unlink(missing_ok=True)
    for component in COMPONENTS:
        if node.sslcert(component).is_dir():
            back_up_component(node.sslcert(component))
    log.say("Successfully executed local backup.")


def back_up_component(directory, mode=None):
    (directory / BACKUP).unlink(missing_ok=True)
    (directory / EMPTY_FLAG).touch()
    pack(directory, sorted(entry.name for entry in directory.iterdir()), mode)
    (directory / EMPTY_FLAG).unlink()


def back_up_everywhere(cluster, log):
    """One marker anywhere is enough to skip the backup everywhere. The list of names grows from node to node."""
    if any((node.data / FLAG).is_file() for node in cluster.nodes):
        log.say("There is no need to backup on all dbnodes.")
        return
    names = []
    for node in cluster.nodes:
        (node.data / FLAG).write_text("backupflagfile\n")
        (node.data / FLAG).chmod(0o600)
        if STAGE.fails_at(f"backup:{node.name}"):
            raise GaussError(51400, f"cd '{node.data}' && tar -zcvf {BACKUP}", more="Error: \ntar: write error")
        names += [name for name in SERVER_FILES if (node.data / name).is_file() and name not in names]
        if not names:
            (node.data / EMPTY_CERT).touch()
        pack(node.data, names or [EMPTY_CERT], 0o600)
        (node.data / EMPTY_CERT).unlink(missing_ok=True)
        log.say(f"Successfully backup SSL cert files on [{node.name}].")
    for component in COMPONENTS:
        for node in cluster.nodes:
            if node.sslcert(component).is_dir():
                back_up_component(node.sslcert(component), 0o600)


# ---- the new files ----

def copy_here(source, target):
    """cp: a link is copied as a link, and times stay; chmod follows the link."""
    try:
        if source.is_symlink():
            target.symlink_to(os.readlink(source))
        else:
            shutil.copy2(source, target)
    except OSError:
        raise GaussError(50214, source) from None


def install_here(cluster, directory, names, log):
    node = cluster.here
    for name in names:
        put_here(cluster, directory / name, node.data, name, 0o600)
    for component in components(cluster):
        listed, mode = COMPONENTS[component]
        for name in listed:
            put_here(cluster, directory / name, node.sslcert(component), name, mode)
        log.say(f"Successfully replace {component} ssl cert files.")
    if CRL not in names:
        (node.data / CRL).unlink(missing_ok=True)
    set_crl(node)
    (node.data / FLAG).unlink(missing_ok=True)
    log.say("Replace SSL cert files with local mode successfully.")


def put_here(cluster, source, directory, name, mode):
    point = f"{cluster.here.name}:{name}" if directory == cluster.here.data else f"{directory.name}:{name}"
    target = directory / name
    if target.is_file():
        target.unlink()
    if not source.is_file():
        return
    time.sleep(STAGE.setting("copy-seconds", 0))
    if STAGE.fails_at(f"copy:{point}"):
        raise GaussError(50214, source)
    copy_here(source, target)
    if STAGE.fails_at(f"chmod:{point}"):
        raise GaussError(50107, target)
    try:
        target.chmod(mode)
    except OSError:
        raise GaussError(50107, target) from None


def copy_there(source, directory, name, mode, point):
    """pscp, tried three times by the real tool with ten seconds in between, and then chmod over ssh."""
    (directory / name).unlink(missing_ok=True)
    time.sleep(STAGE.setting("copy-seconds", 0))
    if STAGE.fails_at(f"copy:{point}"):
        raise GaussError(50216, f"[{source}]", more=f" Error: \npscp: {point}: exited with error code 1")
    try:
        shutil.copyfile(source, directory / name)
    except OSError as error:
        raise GaussError(50216, f"[{source}]", more=f" Error: \n{error}") from None
    if STAGE.fails_at(f"chmod:{point}"):
        raise GaussError(51400, f"chmod {mode:o} {directory / name}", more=f"Error: \nssh: {point}: failed")
    (directory / name).chmod(mode)


def install_everywhere(cluster, directory, names, log):
    """Node after node: those before a failure have the new files, those after it the old."""
    for node in cluster.nodes:
        if STAGE.fails_at(f"ssh:{node.name}"):
            raise GaussError(51400, f"rm -f {node.data / names[0]}", more=f"Error: \nssh: {node.name}: unreachable")
        for name in names:
            copy_there(directory / name, node.data, name, 0o600, f"{node.name}:{name}")
        if CRL not in names:
            (node.data / CRL).unlink(missing_ok=True)
        set_crl(node)
        (node.data / FLAG).unlink(missing_ok=True)
        log.say(f"{node.name} replace SSL cert files successfully.")
    for component in components(cluster):
        distribute(cluster, component, directory)
        log.say(f"Successfully replace {component} ssl cert files.")


def distribute(cluster, component, directory):
    names, mode = COMPONENTS[component]
    for node in cluster.nodes:
        for name in names:
            (node.sslcert(component) / name).unlink(missing_ok=True)
    for name in names:
        if (directory / name).exists():
            for node in cluster.nodes:
                copy_there(directory / name, node.sslcert(component), name, mode, f"{component}:{name}")


# ---- the way back ----

def roll_back(cluster, local, log):
    if local:
        roll_back_here(cluster, log)
        return
    without = [node.name for node in cluster.nodes if not (node.data / BACKUP).is_file()]
    if without:
        raise GaussError(50201, BACKUP, more=f"Can't rollback SSL cert files on {without}.")
    for node in cluster.nodes:
        restore(node)
        (node.data / EMPTY_CERT).unlink(missing_ok=True)
        log.say(f"Successfully rollback SSL cert files on [{node.name}].")
    for component in components(cluster):
        for node in cluster.nodes:
            for name in COMPONENTS[component][0]:
                (node.sslcert(component) / name).unlink(missing_ok=True)
            if not (node.sslcert(component) / BACKUP).is_file():
                raise GaussError(51400, f"cd '{node.sslcert(component)}' && tar -zxf {BACKUP}")
            unpack(node.sslcert(component))
            (node.sslcert(component) / EMPTY_FLAG).unlink(missing_ok=True)
        log.say(f"Successfully replace {component} SSL cert files.")


def restore(node):
    """The present files aside, the backup's in their place. When it fails, aside is where they stay."""
    aside = node.data / "tempDir"
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(mode=0o700)
    for name in SERVER_FILES:
        if os.path.lexists(node.data / name):
            (node.data / name).rename(aside / name)
    if STAGE.fails_at(f"unpack:{node.name}"):
        raise GaussError(51400, f"cd '{node.data}' && tar -zxvf {BACKUP}", more="Error: \ngzip: unexpected end of file")
    unpack(node.data)
    shutil.rmtree(aside)
    set_crl(node)


def roll_back_here(cluster, log):
    """Without a backup this deletes what lies below share/sslcert, says so in passing, and is a success."""
    node = cluster.here
    backed_up = (node.data / BACKUP).is_file()
    if backed_up:
        restore(node)
        (node.data / EMPTY_CERT).unlink(missing_ok=True)
    for component in components(cluster):
        directory = node.sslcert(component)
        for name in COMPONENTS[component][0]:
            (directory / name).unlink(missing_ok=True)
        if (directory / BACKUP).is_file():
            unpack(directory)
        log.say(f"Successfully rollback {component} ssl cert files.")
    log.say("Successfully rollback SSL cert files with local mode." if backed_up
            else "There is not node data exists backup files.")
