"""Java key stores for the server's side, and for tests; the tool's side asks Java's own keytool.

The layout is that of OpenJDK's sun.security.provider.JavaKeyStore: big-endian, magic FEEDFEED, version 2, entries,
and the SHA-1 of password, "Mighty Aphrodite" and everything before. A private key is enciphered with a stream of
SHA-1 digests that begins with a salt, and followed by the SHA-1 of password and key.
"""
import hashlib
import os
import struct
import time

from cryptography import x509
from cryptography.hazmat.primitives.serialization import (Encoding, NoEncryption, PrivateFormat,
                                                          load_der_private_key)

from standins.pingdirectory import ber


class Unreadable(Exception):
    pass


class Reader:
    def __init__(self, content):
        self.content, self.at = content, 0

    def take(self, size):
        if size > len(self.content) - self.at:
            raise Unreadable("the key store ends too early")
        self.at += size
        return self.content[self.at - size:self.at]

    def number(self, form):
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def text(self):
        return self.take(self.number(">H")).decode("utf-8", "surrogatepass")

    def certificate(self):
        if self.text() != "X.509":
            raise Unreadable("a certificate that is not X.509")
        return x509.load_der_x509_certificate(self.take(self.number(">I")))


def wide(password):
    return password.encode("utf-16-be")


def enciphered(content, salt, password):
    """And deciphered: the same."""
    stream, digest = b"", salt
    while len(stream) < len(content):
        digest = hashlib.sha1(wide(password) + digest).digest()
        stream += digest
    return bytes(left ^ right for left, right in zip(content, stream))


def private_key(protected, password):
    (_, content) = ber.only(protected)
    data = ber.elements(content)[1][1]
    salt, cipher, check = data[:20], data[20:-20], data[-20:]
    plain = enciphered(cipher, salt, password)
    if hashlib.sha1(wide(password) + plain).digest() != check:
        raise Unreadable("the key's password is wrong")
    return load_der_private_key(plain, None)


def read(content, password, key_password=None):
    """Alias to (private key, chain), or to (None, [certificate]) for what is trusted."""
    body, digest = content[:-20], content[-20:]
    if hashlib.sha1(wide(password) + b"Mighty Aphrodite" + body).digest() != digest:
        raise Unreadable("the store's password is wrong, or it was tampered with")
    reader = Reader(body)
    if reader.number(">I") != 0xFEEDFEED or reader.number(">I") != 2:
        raise Unreadable("not a JKS key store")
    entries = {}
    for _ in range(reader.number(">I")):
        kind, alias = reader.number(">I"), reader.text()
        reader.number(">Q")
        key = None
        if kind == 1:
            key = private_key(reader.take(reader.number(">I")), key_password or password)
        chain = [reader.certificate() for _ in range(reader.number(">I") if kind == 1 else 1)]
        entries[alias] = (key, chain)
    return entries


# ---- writing ----

ALGORITHM = bytes.fromhex("060a2b060104012a02110101") + b"\x05\0"


def protected(key, password):
    plain = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    salt = os.urandom(20)
    check = hashlib.sha1(wide(password) + plain).digest()
    return ber.sequence(ber.sequence(ALGORITHM), ber.octets(salt + enciphered(plain, salt, password) + check))


def counted(form, content):
    return struct.pack(form, len(content)) + content


def written(entries, password, key_password=None):
    """The other way round: a store of alias to (private key or None, chain). Java finds an alias only in small
    letters, and writes it so."""
    body = struct.pack(">III", 0xFEEDFEED, 2, len(entries))
    for alias, (key, chain) in entries.items():
        body += struct.pack(">I", 1 if key else 2) + counted(">H", alias.lower().encode())
        body += struct.pack(">Q", int(time.time() * 1000))
        if key:
            body += counted(">I", protected(key, key_password or password)) + struct.pack(">I", len(chain))
        for certificate in chain:
            body += counted(">H", b"X.509") + counted(">I", certificate.public_bytes(Encoding.DER))
    return body + hashlib.sha1(wide(password) + b"Mighty Aphrodite" + body).digest()
