"""The error texts of openGauss's tools, by code. After the reference "GAUSS-50000 -- GAUSS-50999" and its like."""

TEXTS = {
    50000: "Unrecognized parameter: {}.",
    50001: "Incorrect parameter. Parameter '-{}' is required",
    50003: "The parameter '-{}' type should be {}.",
    50004: "The parameter '-{}' value is incorrect.",
    50005: "The parameter '-{}' and '-{}' can not be used together.",
    50105: "Cannot run this script as a user with the root permission.",
    50107: "Failed to change the permission of {}.",
    50201: "The {} does not exist.",
    50210: "The {} must be a file.",
    50212: "The suffix of the file [{}] should be '{}'.",
    50214: "Failed to copy {}.",
    50216: "Failed to remote copy {}.",
    50219: "Failed to obtain {}.",
    50231: "Failed to generate {} file.",
    50235: "The log file name [{}] can not contain more than one '.'.",
    50300: "User {} does not exist.",
    51400: "Failed to execute the command: {}.",
    51600: "Failed to obtain the cluster status.",
    51607: "Failed to start {}.",
    51619: "The host name [{}] is not in the cluster.",
    51802: "Failed to obtain the environment variable {}.",
    53033: "The current user must be {}.",
    53600: "Can not start the database, the cmd is {},  Error:\n{}.",
    53606: "Can not stop the database, the cmd is {},  Error:\n{}.",
}


class GaussError(Exception):
    """GaussError(code, what the text's gaps hold..., more=what follows the text)"""

    def __init__(self, code, *values, more=""):
        super().__init__(f"[GAUSS-{code}] : {TEXTS[code].format(*values)}{more}")
