"""The files server.key.cipher and server.key.rand: a passphrase, enciphered with what lies beside it.

Written from the layout of openGauss (src/include/cipher.h, src/common/port/cipher.cpp of the server, and gs_guc(1),
"gs_guc encrypt"), for a little-endian machine:

    NAME.key.cipher, 56 bytes                        NAME.key.rand, 24 bytes
     0  16  one AES block                             0  16  what the key is derived from
    16   1  any value                                16   1  any value
    17  16  salt                                     17   3  any value
    33   1  any value                                20   4  checksum of bytes 0 to 19
    34  16  CBC vector
    50   2  any value
    52   4  checksum of bytes 0 to 51

The key is PBKDF2-HMAC-SHA256(rand, salt, 10,000 rounds, 16 bytes); the plain text is the passphrase, 0x80 and zeros
(ISO/IEC 7816-4), so it has at most 15 bytes; the cipher is AES-128-CBC. Anyone who has both files has the passphrase.
"""
import hashlib
import os
import re
import struct

CIPHER_SIZE, RAND_SIZE = 56, 24
ROUNDS = 10000
SPECIALS = b"~!@#$%^&*()-_=+\\|[{}];:,<.>/?"


class Unreadable(Exception):
    """The files do not hold a passphrase: the message says why."""


def _table():
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0xEDB88320 if value & 1 else 0)
        yield value


TABLE = list(_table())


def checksum(content):
    """The checksum of PostgreSQL before 9.5: a reflected table, but shifted to the left. It is not zlib's."""
    register = 0xFFFFFFFF
    for byte in content:
        register = TABLE[(register >> 24) ^ byte] ^ (register << 8) & 0xFFFFFFFF
    return register ^ 0xFFFFFFFF


def _aes(key, vector):
    # Needed by few of the programs, and slow to import.
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
    return Cipher(algorithms.AES(key), modes.CBC(vector))


def _derived(rand, salt):
    return hashlib.pbkdf2_hmac("sha256", rand, salt, ROUNDS, 16)


def encode(passphrase, rand=None, salt=None, vector=None, filler=bytes(4), rand_filler=bytes(4)):
    """The contents of the cipher and the rand file. What is not given is drawn at random."""
    if not 0 < len(passphrase) < 16:
        raise ValueError("a passphrase has 1 to 15 bytes")
    rand, salt, vector = (given or os.urandom(16) for given in (rand, salt, vector))
    padded = passphrase + b"\x80" + bytes(15 - len(passphrase))
    encryptor = _aes(_derived(rand, salt), vector).encryptor()
    block = encryptor.update(padded) + encryptor.finalize()
    cipher = block + filler[0:1] + salt + filler[1:2] + vector + filler[2:4]
    rand += rand_filler
    return (cipher + struct.pack("<I", checksum(cipher)), rand + struct.pack("<I", checksum(rand)))


def decode(cipher, rand):
    """The passphrase. What follows the documented length is ignored, as the server ignores it."""
    for name, content, size in (("cipher", cipher, CIPHER_SIZE), ("rand", rand, RAND_SIZE)):
        if len(content) < size:
            raise Unreadable(f"the {name} file is short")
        if struct.pack("<I", checksum(content[:size - 4])) != content[size - 4:size]:
            raise Unreadable(f"the {name} file's checksum is wrong")
    decryptor = _aes(_derived(rand[:16], cipher[17:33]), cipher[34:50]).decryptor()
    padded = (decryptor.update(cipher[:16]) + decryptor.finalize()).rstrip(b"\0")
    if padded[-1:] != b"\x80":
        raise Unreadable("decrypt key failed")
    return padded[:-1]


def objection(passphrase):
    """What gs_guc has against a passphrase, in its words, or None."""
    if len(passphrase) < 8:
        return "Invalid password,it must contain at least eight characters"
    if len(passphrase) > 15:
        return "Invalid password,The length exceed 15"
    kinds = (rb"[A-Z]", rb"[a-z]", rb"[0-9]", b"[" + re.escape(SPECIALS) + b"]")
    if sum(bool(re.search(kind, passphrase)) for kind in kinds) < 3:
        return "Invalid password,it must contain at least three kinds of characters"
    return None
