"""Certificates of every kind that the tests need."""
import datetime
import io
import itertools
import zipfile

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY = datetime.timedelta(days=1)
serials = itertools.count(1000)


def new_key(kind):
    if kind == "rsa":
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    if kind == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    return ec.generate_private_key(ec.SECP256R1())


def name_of(common_name):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def pem_of(certificate):
    return certificate.public_bytes(serialization.Encoding.PEM)


class Pair:
    """A leaf, the certificates above it (root excluded) and the private key, in every usual writing."""

    def __init__(self, certificate, private, chain):
        self.certificate = certificate
        self.private = private
        self.intermediates = chain
        self.leaf = pem_of(certificate)
        self.chain = b"".join(pem_of(c) for c in chain)
        self.fullchain = self.leaf + self.chain
        self.leaf_der = certificate.public_bytes(serialization.Encoding.DER)
        self.fingerprint = certificate.fingerprint(hashes.SHA256()).hex()
        self.key = self._key(serialization.Encoding.PEM)
        self.key_der = self._key(serialization.Encoding.DER)

    def _key(self, encoding, encryption=serialization.NoEncryption()):
        return self.private.private_bytes(encoding, serialization.PrivateFormat.PKCS8, encryption)

    def key_encrypted(self, password):
        return self._key(serialization.Encoding.PEM, serialization.BestAvailableEncryption(password))

    def pkcs12(self, password=None):
        encryption = (serialization.BestAvailableEncryption(password) if password
                      else serialization.NoEncryption())
        return pkcs12.serialize_key_and_certificates(
            b"certdrop", self.private, self.certificate, self.intermediates, encryption)

    def zip(self):
        return zip_of({"cert.pem": self.fullchain, "key.pem": self.key})


class Authority:
    """A root with one intermediate below it, issuing leaves."""

    def __init__(self, name):
        self.name = name
        self.root_key = new_key("ec")
        self.root = self._sign(name_of(f"{name} root"), self.root_key, name_of(f"{name} root"),
                               self.root_key, ca=True, days=3650)
        self.key = new_key("ec")
        self.intermediate = self._sign(name_of(f"{name} issuing"), self.key, self.root.subject,
                                       self.root_key, ca=True, days=1825)

    def _sign(self, subject, key, issuer, issuer_key, ca=False, days=90, starts=None, names=()):
        starts = starts or datetime.datetime.utcnow() - DAY
        builder = (x509.CertificateBuilder().subject_name(subject).issuer_name(issuer)
                   .public_key(key.public_key()).serial_number(next(serials))
                   .not_valid_before(starts).not_valid_after(starts + days * DAY)
                   .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
                   .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
                   .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(
                       issuer_key.public_key()), False))
        if ca:
            builder = builder.add_extension(x509.KeyUsage(
                digital_signature=True, content_commitment=False, key_encipherment=False,
                data_encipherment=False, key_agreement=False, key_cert_sign=True, crl_sign=True,
                encipher_only=False, decipher_only=False), True)
        else:
            builder = builder.add_extension(x509.SubjectAlternativeName(
                [x509.DNSName(name) for name in names]), False)
            builder = builder.add_extension(x509.ExtendedKeyUsage(
                [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]), False)
        return builder.sign(issuer_key, hashes.SHA256())

    def issue(self, common_name, kind="ec", starts_in_days=None, days=90):
        """starts_in_days: from now, negative for the past; days: how long it is valid from there.

        Each pair starts a little later than the one before, so that the newest is the latest issued."""
        starts = None
        if starts_in_days is not None:
            starts = datetime.datetime.utcnow() + starts_in_days * DAY
        else:
            starts = datetime.datetime.utcnow() - DAY + next(serials) * datetime.timedelta(seconds=1)
        key = new_key(kind)
        certificate = self._sign(name_of(common_name), key, self.intermediate.subject, self.key,
                                 starts=starts, days=days, names=[common_name])
        return Pair(certificate, key, [self.intermediate])

    def intermediate_again(self, starts_in_days, days):
        """Another certificate of the same intermediate, with the same key."""
        return self._sign(self.intermediate.subject, self.key, self.root.subject, self.root_key, ca=True,
                          days=days, starts=datetime.datetime.utcnow() + starts_in_days * DAY)


def zip_of(files, compression=zipfile.ZIP_DEFLATED):
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return memory.getvalue()


# ---- a little DER, to write what no library would ----

def der_children(content):
    """The elements in a constructed value's content: (tag, header and content, content)."""
    at = 0
    while at < len(content):
        tag, length, start = content[at], content[at + 1], at + 2
        if length & 0x80:
            start += length & 0x7F
            length = int.from_bytes(content[at + 2:start], "big")
        yield tag, content[at:start + length], content[start:start + length]
        at = start + length


def der(tag, content):
    length = len(content)
    if length < 0x80:
        return bytes([tag, length]) + content
    size = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(size)]) + size + content


def pkcs12_with_iterations(store, iterations):
    """The same PKCS#12 file, claiming that its MAC took that many iterations."""
    (_, _, pfx), = der_children(store)
    version, safe, mac = [whole for _, whole, _ in der_children(pfx)]
    (_, _, mac_content), = der_children(mac)
    digest, salt = [whole for _, whole, _ in der_children(mac_content)][:2]
    count = der(0x02, iterations.to_bytes(iterations.bit_length() // 8 + 1, "big"))
    return der(0x30, version + safe + der(0x30, digest + salt + count))
