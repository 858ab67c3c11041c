"""Java's keytool and pyjks, which judge key stores independently of certdrop."""
import base64
import contextlib
import hashlib
import shutil
import subprocess

from certificates import pem_of

KEYTOOL = shutil.which("keytool")
QUICK = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto")  # it starts often, and runs briefly


def keytool(*arguments, options=()):
    """Runs keytool and gives its output, or None when it says no."""
    done = subprocess.run([KEYTOOL, *(f"-J{option}" for option in (*QUICK, *options)), *map(str, arguments)],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          env={"LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"}, timeout=120)
    keytool.said = done.stdout + done.stderr
    return done.stdout if done.returncode == 0 else None


def generate(store, alias, password, key_password=None, kind="JKS", key=("RSA", 2048), options=()):
    """A new entry, self-signed, in a store that is made when it is missing."""
    made = keytool("-genkeypair", "-keystore", store, "-storetype", kind, "-alias", alias,
                   "-storepass", password, "-keypass", key_password or password,
                   "-keyalg", key[0], "-keysize", key[1], "-validity", 365,
                   "-dname", f"CN={alias}.example.com", "-ext", f"SAN=DNS:{alias}.example.com",
                   "-ext", "EKU=serverAuth,clientAuth", options=options)
    assert made is not None, keytool.said


def fingerprint(store, alias, password):
    """Of the first certificate of an entry, as keytool exports it; None: it cannot."""
    pem = keytool("-exportcert", "-rfc", "-keystore", store, "-alias", alias, "-storepass", password)
    return pem and hashlib.sha256(base64.b64decode("".join(pem.split("-----")[2].split()))).hexdigest()


def key_of(store, alias, password, key_password, scratch):
    """The private key in PEM, by way of a PKCS#12 that keytool makes of the entry; None: it cannot."""
    copy = scratch / "copy.p12"
    with contextlib.suppress(FileNotFoundError):
        copy.unlink()
    if keytool("-importkeystore", "-srckeystore", store, "-srcalias", alias, "-srcstorepass", password,
               "-srckeypass", key_password, "-destkeystore", copy, "-deststoretype", "PKCS12",
               "-deststorepass", "changeit", "-destkeypass", "changeit") is None:
        return None
    done = subprocess.run(["openssl", "pkcs12", "-in", copy, "-nocerts", "-nodes", "-passin", "pass:changeit"],
                          capture_output=True, check=True)
    return done.stdout


def trust(store, alias, certificate, password, kind="JKS"):
    pem = store.with_suffix(".trusted.pem")
    pem.write_bytes(pem_of(certificate))
    assert keytool("-importcert", "-noprompt", "-keystore", store, "-storetype", kind, "-alias", alias,
                   "-file", pem, "-storepass", password) is not None, keytool.said
