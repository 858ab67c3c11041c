"""gs_ctl: starts, stops and asks one server. After openGauss's gs_ctl reference page."""
import getopt
import os
import pathlib
import signal
import subprocess
import sys
import time

from standins.opengauss.cluster import STAGE, here

WAIT = 60


def say(text):
    print(f"[{time.strftime('%Y-%m-%d %H:%M:%S')}.000][{os.getpid()}][][gs_ctl]: {text}", flush=True)


def start(node, seconds=WAIT, say=say):
    """True once the server accepts connections. Where one runs already nothing is done."""
    if node.server()[0]:
        say("another server might be running; Please use the restart command")
        return True
    if STAGE.fails_at(f"start:{node.name}"):
        say("could not start server")
        return False
    node.logs.mkdir(exist_ok=True)
    with open(node.logs / "server.log", "ab") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "standins.opengauss.server", str(node.data)], stdin=subprocess.DEVNULL,
            stdout=log, stderr=log, cwd="/", start_new_session=True,
            env={**os.environ, "PYTHONPATH": str(pathlib.Path(__file__).resolve().parents[2])})
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if node.server()[1] == "Normal":
            say("server started")
            return True
        if server.poll() is not None:
            say("could not start server. Examine the log output.")
            return False
        time.sleep(0.01)
    say("server did not start in time")
    return False


def stop(node, mode="fast", seconds=WAIT, say=say):
    """True once it is gone, and where there was none."""
    process, _ = node.server()
    if not process:
        say(f"PID file \"{node.data}/postmaster.pid\" does not exist. Is server running?")
        return True
    if STAGE.fails_at(f"stop:{node.name}"):
        say("failed to stop: server does not shut down")
        return False
    os.kill(process, signal.SIGQUIT if mode.startswith("i") else signal.SIGINT)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if node.server()[0] != process:
            say("server stopped")
            return True
        time.sleep(0.01)
    say("server does not shut down")
    return False


def status(node):
    process, _ = node.server()
    if not process:
        print("gs_ctl: no server running", flush=True)
        return 3
    print(f"gs_ctl: server is running (PID: {process})", flush=True)
    return 0


def reload(node):
    """SIGHUP: changes nothing about TLS, whose parameters count from start to start."""
    process, _ = node.server()
    if not process or STAGE.fails_at(f"reload:{node.name}"):
        say(f"PID file \"{node.data}/postmaster.pid\" does not exist. Is server running?")
        return 1
    print("server signaled", flush=True)
    return 0


def main(arguments):
    cluster = here()
    try:
        options, words = getopt.gnu_getopt(arguments, "D:m:t:wWM:Z:l:?V", ["help", "version"])
    except getopt.GetoptError as error:
        print(f"gs_ctl: {error}", file=sys.stderr)
        return 1
    options = dict(options)
    if {"-?", "--help", "-V", "--version"} & set(options):
        print("gs_ctl (openGauss) look-alike")
        return 0
    if len(words) != 1:
        print("gs_ctl: no operation specified", file=sys.stderr)
        return 1
    data = options.get("-D", os.environ.get("PGDATA"))
    node = cluster and data and cluster.node_of(data)
    if not node:
        print(f"gs_ctl: directory \"{data}\" is not a database cluster directory", file=sys.stderr)
        return 1
    if os.geteuid() == 0 and words[0] != "status":
        print("gs_ctl: cannot be run as root", file=sys.stderr)
        return 1
    seconds, mode = int(options.get("-t", WAIT)), options.get("-m", "fast")
    if words[0] == "start":
        return 0 if start(node, seconds) else 1
    if words[0] == "stop":
        return 0 if node.server()[0] and stop(node, mode, seconds) else 1
    if words[0] == "restart":
        return 0 if stop(node, mode, seconds) and start(node, seconds) else 1
    if words[0] == "status":
        return status(node)
    if words[0] == "reload":
        return reload(node)
    print(f"gs_ctl: unrecognized operation mode \"{words[0]}\"", file=sys.stderr)
    return 1
