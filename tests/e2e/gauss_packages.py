"""Packages for openGauss with one thing wrong each: gs_om looks at the presence of names, and would let most of them
pass; which, and how it ends otherwise, is said by OM script/impl/om/OmImpl.py, doReplaceSSLCert.

SPOILED names the cases; spoiled(case, authority, good) gives the package, and what certdrop says of it."""
import datetime
import io
import subprocess
import zipfile

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from certificates import Authority, der, der_children, zip_of
from opengauss import CLIENT_PASSPHRASE, CertificateSet, cipher_files

NAMES = ["cacert.pem", "server.crt", "server.key", "server.key.cipher", "server.key.rand",
         "client.crt", "client.key", "client.key.cipher", "client.key.rand"]
SPOILED = {}


def case(name, file, rule):
    """A function (authority, good) that gives a package whose refusal names that file and that rule."""
    def add(make):
        SPOILED[name] = (make, file, rule)
        return make
    return add


def spoiled(name, authority, good):
    make, file, rule = SPOILED[name]
    return make(authority, good), file, rule


def with_files(good, **changed):
    return good.zip(**{name.replace("_", "."): content for name, content in changed.items()})


def archive(entries):
    """Entries as (name, content) or (ZipInfo, content): what zip_of would not write."""
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as written:
        for entry, content in entries:
            written.writestr(entry, content)
    return memory.getvalue()


def with_mode(good, name, mode, content):
    """The package with that entry stored under that mode."""
    entry = zipfile.ZipInfo(name)
    entry.create_system, entry.external_attr = 3, mode << 16
    return archive([*((n, c) for n, c in good.files.items() if n != name), (entry, content)])


def without(good, name):
    return zip_of({n: c for n, c in good.files.items() if n != name})


def renamed(good, change):
    return zip_of({change(name): content for name, content in good.files.items()})


# ---- the archive ----

@case("nine times the word garbage", "cipher", "has 7 bytes; a cipher file of openGauss has 56")
def garbage(authority, good):
    return zip_of({name: b"garbage" for name in NAMES})


@case("nine empty files", "package.zip", "is empty")
def empty(authority, good):
    return zip_of({name: b"" for name in NAMES})


@case("in a sub-folder", "certs/server.crt", "in a folder; openGauss packages have it at the top")
def folder(authority, good):
    return zip_of({f"certs/{name}": good.files[name] for name in NAMES})


@case("another letter case", "Server.crt", "openGauss packages call it server.crt")
def letter_case(authority, good):
    return renamed(good, lambda name: "Server.crt" if name == "server.crt" else name)


for missing in NAMES:
    case(f"without {missing}", missing, f"lacks {missing}; openGauss packages have it")(
        lambda authority, good, missing=missing: without(good, missing))


@case("a name twice", "server.crt", "is in the archive twice")
def twice(authority, good):
    return archive([*good.files.items(), ("server.crt", good.files["server.crt"])])


@case("protected by a password", "server.crt", "is encrypted")
def encrypted(authority, good):
    """Bit 0 of the flags, in the entry's own header and in the directory (APPNOTE 4.4.4)."""
    package = bytearray(good.zip())
    name = package.index(b"server.crt"), package.rindex(b"server.crt")
    package[name[0] - 24] |= 1
    package[name[1] - 38] |= 1
    return bytes(package)


@case("an entry that climbs", "../server.crt", "leads out of the archive")
def climbing(authority, good):
    return archive([*good.files.items(), ("../server.crt", b"x")])


@case("an absolute path", "/etc/server.crt", "has an absolute name")
def absolute(authority, good):
    return archive([*good.files.items(), ("/etc/server.crt", b"x")])


@case("a link", "client.crt", "is a link or another special file")
def link(authority, good):
    return with_mode(good, "client.crt", 0o120777, "/etc/passwd")


@case("mode 000", "client.crt", "stored with a mode that does not let its owner read it")
def mode_000(authority, good):
    return with_mode(good, "client.crt", 0o100000, good.files["client.crt"])


# ---- pairs and passphrases ----

@case("another pair's server key", "server.key", "is not the key of the certificate in server.crt")
def mismatched(authority, good):
    return with_files(good, server_key=authority.issue("x").key)


@case("another pair's client key", "client.key", "is not the key of the certificate in client.crt")
def mismatched_client(authority, good):
    return with_files(good, client_key=authority.issue("x").key)


@case("the files of another passphrase", "server.key",
      "does not open with the passphrase in server.key.cipher and server.key.rand")
def wrong_passphrase(authority, good):
    cipher, rand = cipher_files(b"Wrong@9999")
    return good.zip(**{"server.key.cipher": cipher, "server.key.rand": rand})


@case("the client's files of another passphrase", "client.key",
      "does not open with the passphrase in client.key.cipher and client.key.rand")
def wrong_client_passphrase(authority, good):
    cipher, rand = cipher_files(b"Wrong@9999")
    return good.zip(**{"client.key.cipher": cipher, "client.key.rand": rand})


@case("another pair's cipher file", "server.key.cipher", "server.key.cipher and server.key.rand")
def foreign_cipher(authority, good):
    return good.zip(**{"server.key.cipher": cipher_files(b"Server@1234")[0]})


@case("another pair's rand file", "client.key.cipher", "client.key.cipher and client.key.rand")
def foreign_rand(authority, good):
    return good.zip(**{"client.key.rand": good.files["server.key.rand"]})


@case("a damaged cipher file", "server.key.cipher", "is damaged: its checksum is not that of a cipher file")
def damaged_cipher(authority, good):
    cipher = bytearray(good.files["server.key.cipher"])
    cipher[20] ^= 1
    return good.zip(**{"server.key.cipher": bytes(cipher)})


@case("the files of a cluster manager that uses AES-256", "server.key.cipher",
      "has 104 bytes: it is one of a cluster manager (CM) built with AES-256")
def of_a_manager(authority, good):
    """By the sizes of its struct: CM src/include/cm/cm_cipher.h."""
    return good.zip(**{"server.key.cipher": b"\1" * 104, "server.key.rand": b"\1" * 40})


# ---- national ciphers ----

for extra in ("server_enc.crt", "server_enc.key", "server_enc.key.cipher", "server_enc.key.rand"):
    case(f"with {extra}", extra, "cannot bring: what installs them passes over it")(
        lambda authority, good, extra=extra: good.zip(**{extra: good.files[extra.replace("_enc", "")]}))


@case("an SM2 key", "server.key", "it is SM2, of a national standard")
def sm2(authority, good):
    """Python's library cannot make one: it can be had of openssl, as can a certificate for it."""
    key, certificate = sm2_pair()
    return with_files(good, server_crt=certificate, server_key=key)


def sm2_pair():
    def openssl(*words, given=None):
        return subprocess.run(["openssl", *words], input=given, capture_output=True, check=True).stdout
    key = openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:SM2")
    return key, openssl("req", "-x509", "-new", "-key", "/dev/stdin", "-subj", "/CN=sm2.example.com", given=key)


# ---- certificates ----

def server_set(good, pair):
    return with_files(good, server_crt=pair.fullchain, server_key=pair.key_encrypted(good.passphrase))


def client_set(good, pair):
    return with_files(good, client_crt=pair.fullchain, client_key=pair.key_encrypted(CLIENT_PASSPHRASE))


@case("an expired server certificate", "CN=late.example.com", "expired")
def expired(authority, good):
    return server_set(good, authority.issue("late.example.com", starts_in_days=-20, days=10))


@case("an expired client certificate", "CN=late client", "expired")
def expired_client(authority, good):
    return client_set(good, authority.issue("late client", starts_in_days=-20, days=10))


def version_1(pair, issuer_key):
    """The same certificate without version and extensions, which no library writes any more."""
    (_, _, whole), = der_children(pair.leaf_der)
    (_, _, body), (_, algorithm, _), _ = der_children(whole)
    fields = [field for tag, field, _ in der_children(body) if tag not in (0xA0, 0xA3)]
    body = der(0x30, b"".join(fields))
    signature = issuer_key.sign(body, ec.ECDSA(hashes.SHA256()))
    return x509.load_der_x509_certificate(der(0x30, body + algorithm + der(0x03, b"\0" + signature)))


@case("a version 1 server certificate", "CN=ancient.example.com", "is X.509 version 1; openGauss packages allow")
def ancient(authority, good):
    pair = authority.issue("ancient.example.com")
    pem = version_1(pair, authority.key).public_bytes(serialization.Encoding.PEM)
    return with_files(good, server_crt=pem + pair.chain, server_key=pair.key_encrypted(good.passphrase))


@case("a version 1 client certificate", "CN=ancient client", "is X.509 version 1; openGauss packages allow")
def ancient_client(authority, good):
    pair = authority.issue("ancient client")
    pem = version_1(pair, authority.key).public_bytes(serialization.Encoding.PEM)
    return with_files(good, client_crt=pem + pair.chain, client_key=pair.key_encrypted(CLIENT_PASSPHRASE))


@case("one pair on both sides", "server.crt and client.crt", "hold the same certificate")
def one_pair(authority, good):
    return with_files(good, client_crt=good.server.fullchain,
                      client_key=good.server.key_encrypted(CLIENT_PASSPHRASE))


# ---- authority and revocation list ----

@case("another authority", "package.zip", "lacks the certificate of")
def foreign_authority(authority, good):
    return good.zip(**{"cacert.pem": CertificateSet(Authority("foreign"), "x.example.com").files["cacert.pem"]})


@case("a leaf for an authority", "cacert.pem", "is no authority (CA:TRUE)")
def no_authority(authority, good):
    return good.zip(**{"cacert.pem": good.server.leaf})


def crl(issuer, issuer_key, days_from_now):
    now = datetime.datetime.utcnow()
    end = now + datetime.timedelta(days=days_from_now)
    return (x509.CertificateRevocationListBuilder().issuer_name(issuer.subject)
            .last_update(now - datetime.timedelta(days=60)).next_update(end)
            .sign(issuer_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))


@case("a foreign revocation list", "sslcrl-file.crl", "is signed by none of the authorities that come with it")
def foreign_crl(authority, good):
    foreign = Authority("foreign")
    return good.zip(**{"sslcrl-file.crl": crl(foreign.intermediate, foreign.key, 30)})


@case("an expired revocation list", "sslcrl-file.crl", "expired")
def expired_crl(authority, good):
    return good.zip(**{"sslcrl-file.crl": crl(authority.intermediate, authority.key, -1)})


@case("garbage for a revocation list", "sslcrl-file.crl", "holds no certificate and no key that is known here")
def garbage_crl(authority, good):
    return good.zip(**{"sslcrl-file.crl": b"garbage, long enough to be something\n"})
