"""Key stores as Java's own keytool reads them: what the product reads them with is Java, too."""
import pathlib
import re
import subprocess
import tempfile

from cryptography.hazmat.primitives.serialization import pkcs12

from standins.pingdirectory import jks
from standins.pingdirectory.instance import pin
from standins.pingdirectory.ldap import PARAM_ERROR, Refusal

QUICK = ["-J-XX:TieredStopAtLevel=1", "-J-XX:+UseSerialGC", "-J-Xshare:auto", "-J-Duser.language=en"]


def run(*arguments):
    """Descriptors are handed on: the product is one process, which reads a /dev/fd/N that it was given itself."""
    done = subprocess.run(["keytool", *QUICK, *map(str, arguments)], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, check=False, close_fds=False)
    if done.returncode:
        lines = (done.stdout + done.stderr).splitlines()
        said = next((line for line in lines if line.startswith("keytool error")), "keytool failed")
        raise Refusal(PARAM_ERROR, said.removeprefix("keytool error: "))
    return done.stdout


def kind_of(path):
    """As the product infers it: from the first byte, and in DER from the first element."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise Refusal(PARAM_ERROR, f"key store file '{path}' cannot be read: {error.strerror}") from None
    if content[:1] == b"\xfe":
        return "JKS"
    if content[:1] == b"\x30" and b"\x02\x01\x03" in content[2:12]:
        return "PKCS12"
    raise Refusal(PARAM_ERROR, f"file '{path}' does not appear to represent any of the supported key store types")


def one_alias(path, kind, password_file):
    """The only private key's; none, or several, is an error."""
    listed = run("-list", "-keystore", path, "-storetype", kind, "-storepass:file", password_file)
    found = re.findall(r"^(.*), [A-Z][a-z]{2} \d+, \d{4}, PrivateKeyEntry", listed, re.MULTILINE)
    if len(found) != 1:
        raise Refusal(PARAM_ERROR, f"key store '{path}' has {len(found) or 'no'} private key entries; "
                      "a certificate alias is needed unless it has exactly one")
    return found[0]


def read(path, password_file, key_password_file=None, kind=None, alias=None):
    """The private key and the chain of one entry."""
    inferred = kind_of(path)
    kind = kind or inferred
    check_pin(password_file)
    alias = alias or one_alias(path, kind, password_file)
    with tempfile.TemporaryDirectory() as directory:
        target, target_pin = pathlib.Path(directory) / "entry.p12", pathlib.Path(directory) / "entry.pin"
        target_pin.write_text("of no importance\n")
        more = ["-srckeypass:file", key_password_file] if key_password_file else []
        run("-importkeystore", "-noprompt", "-srckeystore", path, "-srcstoretype", kind, "-srcstorepass:file",
            password_file, "-srcalias", alias, *more, "-destkeystore", target, "-deststoretype", "PKCS12",
            "-deststorepass:file", target_pin)
        key, certificate, chain = pkcs12.load_key_and_certificates(target.read_bytes(), b"of no importance")
    if not key:
        raise Refusal(PARAM_ERROR, f"entry '{alias}' of key store '{path}' is not a private key entry")
    return key, [certificate, *chain]


def check_pin(path):
    try:
        pin(path)
    except (OSError, jks.Unreadable) as error:
        raise Refusal(PARAM_ERROR, f"cannot read the password: {error}") from None
