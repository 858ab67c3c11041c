"""Certificates and keys in PEM: taken apart, compared, made, and turned into TLS contexts."""
import datetime
import hashlib
import os
import re
import ssl
import tempfile

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----.*?-----END \1-----\r?\n?", re.DOTALL)
ORGANIZATION = "RedisLabs Enterprise Cluster"


def certificates_in(text):
    """The certificates of a PEM text, in order; ValueError when one cannot be read."""
    return [x509.load_pem_x509_certificate(block.group(0).encode())
            for block in BLOCK.finditer(text) if block.group(1) == "CERTIFICATE"]


def outside_blocks(text):
    """What a PEM text says outside its blocks ("Bag Attributes" and the like)."""
    return BLOCK.sub("", text).strip()


def fingerprint(certificate):
    return certificate.fingerprint(hashes.SHA256()).hex()


def fingerprints(text):
    """The SHA-256 of every certificate in a PEM text, or None where it is no text or one cannot be read."""
    try:
        return [fingerprint(certificate) for certificate in certificates_in(text)]
    except (TypeError, ValueError):
        return None


def met(writer):
    """The fingerprint of the certificate that the other side of a TLS connection showed."""
    return hashlib.sha256(writer.get_extra_info("ssl_object").getpeercert(binary_form=True)).hexdigest()


def leaf(text):
    """The fingerprint of the first certificate, or None."""
    found = fingerprints(text)
    return found[0] if found else None


def expired(text):
    """Whether one of the certificates is past its end."""
    now = datetime.datetime.utcnow()
    return any(certificate.not_valid_after < now for certificate in certificates_in(text))


def seconds_left(text):
    """Until the first certificate ends."""
    return (certificates_in(text)[0].not_valid_after - datetime.datetime.utcnow()).total_seconds()


def load_key(text):
    """The private key of a PEM text without a password; ValueError when there is none such."""
    try:
        return serialization.load_pem_private_key(text.encode(), None)
    except TypeError as error:
        raise ValueError("the private key is encrypted") from error


def public_bytes(key):
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


class Pair:
    """A certificate chain and its key, both PEM texts; key is None for the names that have none."""

    def __init__(self, certificate, key):
        self.certificate = certificate
        self.key = key
        self.leaf = leaf(certificate)


def self_signed(fqdn, unit, days=365):
    """What a new cluster makes for itself. The product's keys are RSA with 4096 bits; these are EC, because
    a site of several clusters has to be up in a second."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, ORGANIZATION),
                      x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, unit),
                      x509.NameAttribute(NameOID.COMMON_NAME, fqdn)])
    now = datetime.datetime.utcnow()
    usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(fqdn), x509.DNSName(f"*.{fqdn}")]), False)
        .add_extension(x509.ExtendedKeyUsage(usages), False)
        .sign(key, hashes.SHA256()))
    return Pair(certificate.public_bytes(serialization.Encoding.PEM).decode(),
                key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                  serialization.NoEncryption()).decode())


def _load(context, pair):
    """OpenSSL reads pairs from files alone: a private one, gone again at once."""
    descriptor, path = tempfile.mkstemp()
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(pair.key + "\n" + pair.certificate)
        context.load_cert_chain(path)
    finally:
        os.unlink(path)


def server_context(pair, client_authorities=None):
    """For a server that shows this pair, and asks for a certificate of those authorities if there are any."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    _load(context, pair)
    if client_authorities:
        context.verify_mode = ssl.CERT_OPTIONAL
        context.load_verify_locations(cadata=client_authorities)
    return context


def client_context(pair=None):
    """For a client that looks at the certificate itself, and shows a pair if it has one."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if pair:
        _load(context, pair)
    return context
