"""Who may run gs_om, and with which environment: read anew from the user's profile, as gs_om does."""
import os
import pathlib
import pwd
import subprocess

from standins.opengauss.errors import GaussError

NEEDED = ("GAUSSHOME", "GPHOME", "PGHOST", "GAUSSLOG", "GS_CLUSTER_NAME", "GAUSS_ENV")
INJECTION = set("\"'` \t\n;$&|<>()[]{}~*?!\\")


def profile():
    return pathlib.Path(os.environ.get("MPPDB_ENV_SEPARATE_PATH") or pathlib.Path.home() / ".bashrc")


def load():
    """The environment that counts; an error where the user, the profile or a variable is not right."""
    if os.getuid() == 0:
        raise GaussError(50105)
    if not profile().is_file():
        raise GaussError(50201, f"environment path [{profile()}]")
    done = subprocess.run(["bash", "-c", 'source "$0"; env -0', profile()], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, check=False)
    if done.returncode:
        raise GaussError(51400, f"source {profile()}", more=f"Error: \n{done.stderr}")
    found = dict(line.partition("=")[::2] for line in done.stdout.split("\0") if line)
    for name in NEEDED:
        value = found.get(name, "")
        if not value:
            raise GaussError(51802, name)
        if INJECTION & set(value):
            raise GaussError(51802, name, more=f" There are illegal characters in {value}.")
    if not (pathlib.Path(found["GAUSSHOME"]) / "bin" / "cluster_static_config").is_file():
        raise GaussError(50201, f"static configuration file [{found['GAUSSHOME']}/bin/cluster_static_config]")
    user = pwd.getpwuid(os.getuid()).pw_name
    if found["GAUSS_ENV"] != "2" or pathlib.Path(found["GAUSSHOME"]).stat().st_uid != os.getuid():
        raise GaussError(50300, f"installation path of designated user [{user}]", more=" Maybe the user is not right.")
    if not os.access(found["PGHOST"], os.R_OK | os.W_OK | os.X_OK):
        raise GaussError(50201, f"path [{found['PGHOST']}]")
    return found
