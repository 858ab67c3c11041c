"""How openGauss comes to a TLS session: files read anew for each one, but the passphrase read once.

From the server's source, src/common/backend/libpq/be-secure.cpp and src/common/port/cipher.cpp: each session that asks
for TLS reads certificate, key, CA and CRL; the contents of the cipher and the rand file are kept for the life of the
process from their first use. A new key under another passphrase is therefore refused until a restart.
"""
import re
import ssl
import stat

from standins.opengauss.cluster import STAGE

# Of the parameter ssl_ciphers' fixed choice.
CIPHERS = ":".join(("ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-ECDSA-AES128-GCM-SHA256",
                    "ECDHE-ECDSA-AES256-GCM-SHA384", "DHE-RSA-AES128-GCM-SHA256", "DHE-RSA-AES256-GCM-SHA384"))


class Refused(Exception):
    """No session: the message is the server's FATAL."""


def parameters(configuration):
    """A postgresql.conf as names and values; the last of several wins."""
    found = re.findall(r"^\s*(\w+)\s*=\s*('(?:[^'])*'|[^\s#]*)", configuration.read_text(), re.MULTILINE)
    return {name: value.strip("'") for name, value in found}


def check_mode(path, follow=True):
    """Unlike PostgreSQL also for the certificate and the CA."""
    try:
        status = path.stat() if follow else path.lstat()
    except OSError as error:
        raise Refused(f'could not access file "{path}": {error.strerror}') from None
    mode = stat.S_IMODE(status.st_mode)
    if not stat.S_ISREG(status.st_mode) or mode & 0o077 or mode & 0o700 == 0o700:
        raise Refused(f'file "{path}" has group or world access. Permissions should be u=rw (0600) or less.')


class Tls:
    def __init__(self, node):
        self.node = node
        # These parameters count from one start to the next, whatever is written meanwhile.
        self.parameters = parameters(node.configuration)
        self.on = self.parameters.get("ssl") == "on"
        self.kept_passphrase = None
        self.kept_context = None
        self.refusal = None

    def start(self):
        """With the setting "reads" = "start", for a server that is as PostgreSQL is: one set from start to stop."""
        if STAGE.setting("reads") == "start" and self.on:
            try:
                self.kept_context = self.context()
            except Refused as refusal:
                self.refusal = refusal

    def session(self):
        if self.refusal:
            raise self.refusal
        return self.kept_context or self.context()

    def path(self, parameter, standard):
        name = self.parameters.get(parameter, standard)
        return self.node.data / name if name else None

    def context(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(CIPHERS)
        certificate, key = self.path("ssl_cert_file", "server.crt"), self.path("ssl_key_file", "server.key")
        check_mode(certificate)
        check_mode(key)
        passphrase = self.passphrase(key.parent)
        try:
            context.load_cert_chain(certificate, key, lambda: passphrase)
        except (ssl.SSLError, OSError, ValueError) as error:
            raise Refused(f'could not load private key file "{key}" or certificate "{certificate}": {error}') from None
        authority = self.path("ssl_ca_file", "")
        if authority:
            check_mode(authority)
            try:
                context.load_verify_locations(authority)
            except (ssl.SSLError, OSError) as error:
                raise Refused(f'could not load root certificate file "{authority}": {error}') from None
            context.verify_mode = ssl.CERT_OPTIONAL
        return context

    def passphrase(self, directory):
        """Kept from the first use on, unless the first byte of either file is zero: then it looks empty."""
        from standins.opengauss import passphrase
        if self.kept_passphrase is not None:
            return self.kept_passphrase
        contents = []
        for name in ("server.key.cipher", "server.key.rand"):
            path = directory / name
            if not path.exists() and not path.is_symlink():
                print(f'could not open file "{path}"', flush=True)
                return b""
            check_mode(path, follow=False)
            contents.append(path.read_bytes())
        try:
            found = passphrase.decode(*contents)
        except passphrase.Unreadable as error:
            print(error, flush=True)
            return b""
        if contents[0][0] and contents[1][0]:
            self.kept_passphrase = found
        return found

    def objection(self, session):
        """A CRL counts for what a client presents; one that has expired counts, one that is broken does not."""
        presented = session.getpeercert(binary_form=True)
        path = self.path("ssl_crl_file", "")
        if not presented or not path:
            return None
        from cryptography import x509
        try:
            revoked = x509.load_pem_x509_crl(path.read_bytes())
        except (OSError, ValueError) as error:
            print(f"WARNING:  errors in the CRL, so we just ignore the CRL: {error}", flush=True)
            return None
        certificate = x509.load_der_x509_certificate(presented)
        if revoked.issuer != certificate.issuer:
            return None
        entry = revoked.get_revoked_certificate_by_serial_number(certificate.serial_number)
        return "the client's certificate is revoked" if entry else None
