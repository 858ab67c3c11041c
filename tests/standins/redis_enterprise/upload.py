"""What the product says of a certificate that is uploaded: nothing, or a status, a code and a sentence.

The statuses are those of rs/references/rest-api/requests/cluster/certificates. The page names no error codes;
where rs/security/certificates/create-certificates names the mistake, that name is used, and otherwise one of
the codes of a neighbouring request (rs/references/rest-api/requests/bdbs)."""
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from . import pem

WITHOUT_KEY = ("mtls_trusted_ca", "sso_issuer")
INTERNODE = ("ccs_internode_encryption", "data_internode_encryption")
REQUIRED = ("cm", "api", "proxy", "syncer", "metrics_exporter", *INTERNODE)
SHORTEST_RSA = 2048


class Refused(Exception):
    def __init__(self, status, code, text):
        super().__init__(text)
        self.status = status
        self.code = code
        self.text = text


def _signed_by(certificate, issuer):
    if certificate.issuer != issuer.subject:
        return False
    key = issuer.public_key()
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(certificate.signature, certificate.tbs_certificate_bytes, padding.PKCS1v15(),
                       certificate.signature_hash_algorithm)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(certificate.signature, certificate.tbs_certificate_bytes,
                       ec.ECDSA(certificate.signature_hash_algorithm))
        elif isinstance(key, (ed25519.Ed25519PublicKey, ed448.Ed448PublicKey)):
            key.verify(certificate.signature, certificate.tbs_certificate_bytes)
    except InvalidSignature:
        return False
    return True


def _read(text):
    if not isinstance(text, str):
        raise Refused(400, "invalid_certificate", "the certificate is missing")
    if pem.outside_blocks(text):
        raise Refused(400, "invalid_certificate", "there is text outside the PEM blocks")
    try:
        chain = pem.certificates_in(text)
    except ValueError as error:
        raise Refused(400, "invalid_certificate", "the certificate is malformed") from error
    if not chain:
        raise Refused(400, "invalid_certificate", "there is no certificate in the PEM text")
    return chain


def _check_dates(text):
    if pem.expired(text):
        raise Refused(406, "certificate_expired", "the certificate has expired")


def _check_chain(chain, version):
    for certificate, issuer in zip(chain, chain[1:]):
        if not _signed_by(certificate, issuer):
            raise Refused(400, "CERTIFICATE_VERIFY_FAILED", "the chain is incomplete or in the wrong order")
    if version.root_required and not _signed_by(chain[-1], chain[-1]):
        raise Refused(400, "CERTIFICATE_VERIFY_FAILED", "the chain has no root")
    if version.common_names_required and not all(
            certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME) for certificate in chain):
        raise Refused(400, "invalid_certificate", "a certificate of the chain has no common name")


def _check_usages(certificate, version):
    try:
        usages = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return
    if version.client_usage_required and ExtendedKeyUsageOID.CLIENT_AUTH not in usages:
        raise Refused(400, "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE", "the certificate lacks the clientAuth usage")


def _check_key(certificate, text):
    try:
        key = pem.load_key(text)
    except (AttributeError, ValueError) as error:
        raise Refused(400, "invalid_certificate", "the private key cannot be read") from error
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size < SHORTEST_RSA:
        raise Refused(400, "invalid_certificate", f"the key has less than {SHORTEST_RSA} bits")
    if pem.public_bytes(key.public_key()) != pem.public_bytes(certificate.public_key()):
        raise Refused(400, "key_values_mismatch", "the key does not belong to the certificate")


def check(entry, installed, version):
    """The new pair for entry["name"], or Refused. installed: the pairs there are, by name: a key that is left
    out means that of the pair it replaces (rs/references/cli-utilities/rladmin/cluster/certificate)."""
    if not isinstance(entry, dict) or set(entry) - {"name", "certificate", "key"} or "name" not in entry:
        raise Refused(400, "invalid_schema", "a certificate has a name, a certificate and a key, nothing else")
    name = entry["name"]
    if name not in version.names:
        raise Refused(403, "unknown_certificate", f"there is no certificate named {name}")
    chain = _read(entry.get("certificate"))
    _check_dates(entry["certificate"])
    if name in WITHOUT_KEY:
        return pem.Pair(entry["certificate"], None)
    _check_chain(chain, version)
    _check_usages(chain[0], version)
    key = entry.get("key") or (installed[name].key if name in installed else None)
    if not key:
        raise Refused(400, "invalid_certificate", "the private key is missing")
    _check_key(chain[0], key)
    return pem.Pair(entry["certificate"], key)
