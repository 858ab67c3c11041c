"""gs_om: certificates, start, stop, restart and status of the cluster. After openGauss's gs_om reference page and
"Replacing Certificates"; what the pages leave open, after the tool's source (script/gs_om, script/impl/om/OmImpl.py).

It exits with 0 or 1. What is wrong with the arguments or the environment goes to standard error, what the action
itself says, errors too, to standard output and the log.
"""
import getopt
import os
import pathlib
import sys
import time

from standins.opengauss import environment, gs_ctl, replace
from standins.opengauss.cluster import STAGE, here
from standins.opengauss.errors import GaussError

LONG = {"cert": ["cert-file=", "rollback"],
        "start": ["time-out=", "security-mode=", "cluster-number=", "component=", "az="],
        "stop": ["time-out=", "mode=", "component=", "az="],
        "restart": ["time-out=", "security-mode=", "cluster-number=", "component=", "mode=", "az="],
        "status": ["detail", "all", "az=", "time-out="],
        "view": []}
SHORT = {"cert": "Ll:", "start": "h:D:l:", "stop": "h:D:m:l:", "restart": "h:D:m:l:", "status": "h:o:l:",
         "view": "o:l:"}
RULE = "=" * 41


class Log:
    """Each run has a log file of its own, 0600; what it says goes there and to standard output."""

    def __init__(self, given, directory, action):
        given = pathlib.Path(given or f"{directory}/om/gs_om-{action}.log")
        given.parent.mkdir(parents=True, exist_ok=True)
        path = given.with_name(f"{given.stem}-{time.strftime('%Y-%m-%d_%H%M%S')}.log")
        self.file = open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "w")

    def say(self, text):
        print(text, flush=True)
        print(f"[{time.strftime('%Y-%m-%d %H:%M:%S')}][gs_om][LOG]:{text}", file=self.file, flush=True)


# ---- arguments ----

def parse(arguments):
    """The action and its options; an option that this action does not know is an error."""
    action = next((after for before, after in zip(arguments, arguments[1:]) if before == "-t"), None)
    if action is None:
        raise GaussError(50001, "t", more=".")
    if action not in LONG:
        raise GaussError(50004, "t")
    try:
        options, words = getopt.getopt(arguments, "?Vt:" + SHORT[action], ["help", "version", *LONG[action]])
    except getopt.GetoptError as error:
        raise GaussError(50000, f"-{error.opt}" if len(error.opt) == 1 else f"--{error.opt}") from None
    if words:
        raise GaussError(50000, words[0])
    return action, {name.lstrip("-"): value for name, value in options}


def check_log_file(options):
    name = pathlib.Path(options["l"]).name if "l" in options else "x.log"
    if not name.endswith(".log"):
        raise GaussError(50212, name, ".log")
    if name.count(".") > 1:
        raise GaussError(50235, name)


def check_cert(options):
    if "cert-file" in options and "rollback" in options:
        raise GaussError(50005, "-cert-file", "-rollback")
    if "rollback" in options:
        return
    if not options.get("cert-file"):
        raise GaussError(50001, "-cert-file or --rollback")
    options["cert-file"] = os.path.realpath(options["cert-file"])
    if not options["cert-file"].endswith(".zip"):
        raise GaussError(50001, "-cert-file type is not 'zip'")
    if not os.path.isfile(options["cert-file"]):
        raise GaussError(50210, options["cert-file"])


def check_times(action, options):
    """restart takes -m and does not look at it: it stops fast, always."""
    seconds = options.get("time-out", "300")
    if not seconds.isdigit():
        raise GaussError(50003, "-time-out", "a nonnegative integer")
    if not 0 < int(seconds) < 2147483647:
        raise GaussError(50004, "-time-out")
    if action == "stop" and options.get("m", options.get("mode", "fast")) not in ("fast", "f", "immediate", "i"):
        raise GaussError(50004, "m")


# ---- start, stop, restart ----

def chosen(cluster, options):
    if "h" not in options:
        return cluster.nodes
    node = cluster.node(options["h"])
    if not node:
        raise GaussError(51619, options["h"])
    return [node]


def quiet(_):
    """What gs_ctl says on the nodes is not passed on."""


def stop(cluster, options, log):
    nodes, kind = chosen(cluster, options), "node" if "h" in options else "cluster"
    mode = options.get("m", options.get("mode", "fast"))
    log.say("")
    log.say(f"Stopping {kind}.")
    log.say(RULE)
    stopped = [gs_ctl.stop(node, mode, int(options.get("time-out", 300)), quiet) for node in nodes]
    if cluster.cm:
        # A stop that failed, and failed again by force, is only talked about.
        log.say(f"Successfully stopped {kind}." if all(stopped) else "Failed to stop cluster forcibly.")
        return
    if not all(stopped):
        raise GaussError(53606, "gs_ctl stop", "failed on " + ", ".join(
            node.name for node, well in zip(nodes, stopped) if not well))
    log.say(f"Successfully stopped {kind}.")
    log.say(RULE)
    log.say(f"End stop {kind}.")


def start(cluster, options, log):
    nodes, kind = chosen(cluster, options), "node" if "h" in options else "cluster"
    seconds = int(options.get("time-out", 300))
    log.say("")
    log.say(f"Starting {kind}.")
    log.say(RULE)
    started = [gs_ctl.start(node, seconds, quiet) for node in nodes]
    if cluster.cm:
        # Neither is one that did not come up in time an error.
        well = all(started) or kind == "cluster" and state_of(cluster) in ("Normal", "Degraded")
        log.say(f"Successfully started {kind}." if well else f"Failed to start {kind}  in ({seconds})s.")
        return
    if not all(started):
        log.say(RULE)
        raise GaussError(53600, "gs_ctl start", "failed on " + ", ".join(
            node.name for node, well in zip(nodes, started) if not well))
    if kind == "cluster":
        until_normal(cluster, log)
    log.say(RULE)
    log.say("Successfully started.")


def until_normal(cluster, log):
    end = time.monotonic() + STAGE.setting("normal-within", 30)
    while state_of(cluster) != "Normal":
        if time.monotonic() > end:
            raise GaussError(51607, "cluster", more=f" After startup, the last check results were "
                             f"{state_of(cluster)}. Please check manually.")
        log.say("Waiting for check cluster state...")
        time.sleep(0.2)


# ---- status ----

def state_of(cluster):
    """Of the servers alone: whether anybody can make a TLS session it does not say."""
    said = STAGE.setting("cluster-state")
    well = [node.server()[1] == "Normal" for node in cluster.nodes]
    primary = any(up for up, node in zip(well, cluster.nodes) if node.role == "Primary")
    return said or ("Normal" if all(well) else "Degraded" if primary and len(well) > 1 else "Unavailable")


def row(cluster, number, node):
    state = node.server()[1]
    role, letter = node.role, node.role[0]
    if state == "down":
        state = "Manually stopped" if len(cluster.nodes) > 1 else "Unknown"
        role = "Down" if len(cluster.nodes) > 1 else "Primary"
    return (f"{number}  {node.name:<12} {node.address:<15} {node.port:<6} {6000 + number} {node.data}   "
            f"{letter} {role:<7} {state}")


def detail(cluster, nodes):
    lines = ["[   Cluster State   ]", "", f"cluster_state   : {state_of(cluster)}", "redistributing  : No"]
    lines += ["balanced        : Yes"] if cluster.cm else []
    lines += ["current_az      : AZ_ALL", "", "[  Datanode State   ]", "",
              "    node         node_ip         port   instance               state", "-" * 95]
    return lines + [row(cluster, cluster.nodes.index(node) + 1, node) for node in nodes]


def status(cluster, options):
    """Exit 0 whenever the question could be put, whatever the answer is."""
    nodes = chosen(cluster, options)
    if STAGE.fails_at("status"):
        raise GaussError(51600)
    if "detail" in options or "h" in options or cluster.cm:
        lines = detail(cluster, nodes)
    else:
        lines = ["-" * 71, "", f"cluster_name    : {cluster.name}", f"cluster_state   : {state_of(cluster)}",
                 "redistributing  : No", "", "-" * 71]
    if "o" in options:
        pathlib.Path(options["o"]).write_text("\n".join(lines) + "\n")
    else:
        print("\n".join(lines), flush=True)


# ---- all together ----

def act(cluster, action, options, log):
    if action == "cert" and "rollback" in options:
        replace.roll_back(cluster, "L" in options, log)
    elif action == "cert":
        replace.replace(cluster, options["cert-file"], "L" in options, log)
    elif action == "status":
        status(cluster, options)
    elif action == "view":
        print("\n".join(f"{node.name} {node.address} {node.data}" for node in cluster.nodes))
    if action in ("stop", "restart"):
        stop(cluster, {**options, "m": "fast"} if action == "restart" else options, log)
    if action in ("start", "restart"):
        start(cluster, options, log)


def main(arguments):
    if {"-?", "--help", "-V", "--version"} & set(arguments):
        print("gs_om (openGauss) look-alike: gs_om -t cert|start|stop|restart|status|view ...")
        return 0
    try:
        action, options = parse(arguments)
        if action == "cert":
            check_cert(options)
        check_times(action, options)
        check_log_file(options)
        variables = environment.load()
        log = Log(options.get("l"), variables["GAUSSLOG"], action)
    except GaussError as error:
        print(error, file=sys.stderr, flush=True)
        return 1
    os.environ.update(variables)
    try:
        act(here(), action, options, log)
    except GaussError as error:
        log.say(str(error))
        return 1
    except OSError as error:
        log.say(str(GaussError(51400, f"gs_om -t {action}", more=f"Error: \n{error}")))
        return 1
    return 0
