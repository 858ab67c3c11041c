"""The extended operations 1.3.6.1.4.1.30221.2.6.68 to .71, as the LDAP SDK of the product's vendor encodes them.

    value ::= SEQUENCE { keyStoreContent CHOICE { file [0], data [1], certs [2] }, [3] to [7] for listeners,
                         skipCertificateValidation [16] BOOLEAN }
    file [0]  { path [8], storePIN [9], keyPIN [10], type [11], alias [12] }       the path is one on the server
    data [1]  the same with the store's bytes in the place of the path; its tag may be [8] or [13]
    certs [2] { chain [14] SEQUENCE OF OCTET STRING, privateKey [15] }             PEM or DER, the tag of the key
                                                                                   says constructed
    result ::= SEQUENCE { toolOutput [17] OCTET STRING }
"""
import pathlib
import tempfile

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_der_private_key, load_pem_private_key

from standins.pingdirectory import ber, keytool, replacement
from standins.pingdirectory.instance import STAGE
from standins.pingdirectory.ldap import (INSUFFICIENT_ACCESS, PARAM_ERROR, PROTOCOL_ERROR, PURGE_INTER_SERVER,
                                         PURGE_LISTENER, REPLACE_INTER_SERVER, REPLACE_LISTENER, UNWILLING, Refusal)

PRIVILEGE = "permit-replace-certificate-request"
OPERATIONS = {REPLACE_LISTENER: ("replace-listener-certificate", replacement.LISTENER),
              REPLACE_INTER_SERVER: ("replace-inter-server-certificate", replacement.INTER_SERVER),
              PURGE_LISTENER: ("purge-retired-listener-certificates", replacement.LISTENER),
              PURGE_INTER_SERVER: ("purge-retired-inter-server-certificates", replacement.INTER_SERVER)}


def handler(instance):
    """The replace-certificate handler's properties on this instance."""
    return {"enabled": True, "allow-remotely-provided-certificates": True,
            "allowed-operation": [name for name, _ in OPERATIONS.values()],
            **STAGE.setting("handler", {}), **STAGE.setting("handlers", {}).get(instance.name, {})}


def admit(instance, oid, privileges):
    properties = handler(instance)
    if not properties["enabled"]:
        raise Refusal(STAGE.setting("no-handler-code", UNWILLING), f"there is no extended operation handler for {oid}")
    if PRIVILEGE not in (privileges or []):
        raise Refusal(INSUFFICIENT_ACCESS, f"you do not have the {PRIVILEGE} privilege")
    if OPERATIONS[oid][0] not in properties["allowed-operation"]:
        raise Refusal(UNWILLING, f"operation {OPERATIONS[oid][0]} is not allowed by the handler")


def from_store(directory, content, bytes_given):
    """file and data: what follows the first element is told by its tag, what comes first by its place."""
    fields = dict(content[1:])
    if 0x89 not in fields:
        raise Refusal(PROTOCOL_ERROR, "there is no key store PIN")
    path = pathlib.Path(directory) / "store" if bytes_given else pathlib.Path(content[0][1].decode())
    if bytes_given:
        path.write_bytes(content[0][1])
    elif not path.is_absolute():
        raise Refusal(PARAM_ERROR, f"key store path '{path}' is not absolute")
    pins = {}
    for tag in (0x89, 0x8A):
        if tag in fields:
            pins[tag] = pathlib.Path(directory) / f"{tag}.pin"
            pins[tag].write_bytes(fields[tag] + b"\n")
    texts = [fields[tag].decode() if tag in fields else None for tag in (0x8B, 0x8C)]
    return keytool.read(path, pins[0x89], pins.get(0x8A), *texts)


def either(content, of_pem, of_der, *more):
    return (of_pem if content.startswith(b"-----") else of_der)(content, *more)


def from_certificates(instance, content, kind):
    """The key may be left out where the key pair is the one already in use."""
    fields = dict(content)
    try:
        chain = [either(certificate, x509.load_pem_x509_certificate, x509.load_der_x509_certificate)
                 for _, certificate in ber.elements(fields[0xAE])]
        key = either(fields[0xAF], load_pem_private_key, load_der_private_key, None) if 0xAF in fields else None
    except (KeyError, ValueError, TypeError) as error:
        raise Refusal(PARAM_ERROR, f"cannot read the certificates or the private key: {error}") from None
    return key or instance.pair(kind)[0], chain


def source(instance, tag, content, kind):
    content = ber.elements(content)
    if tag != 0xA0 and not handler(instance)["allow-remotely-provided-certificates"]:
        raise Refusal(UNWILLING, "the handler does not allow remotely provided certificates")
    if tag == 0xA2:
        return from_certificates(instance, content, kind)
    if tag not in (0xA0, 0xA1):
        raise Refusal(PROTOCOL_ERROR, "there is no key store content")
    with tempfile.TemporaryDirectory() as directory:
        return from_store(directory, content, tag == 0xA1)


def perform(instance, oid, value, registry):
    """What the tool would print. The result's value is made of it."""
    said = []
    name, kind = OPERATIONS[oid]
    if oid in (PURGE_LISTENER, PURGE_INTER_SERVER):
        if value is not None:
            raise Refusal(PROTOCOL_ERROR, f"{name} has no value")
        replacement.purge(instance, kind, registry, said.append)
    else:
        if value is None:
            raise Refusal(PROTOCOL_ERROR, f"{name} needs a value")
        parts = ber.elements(ber.only(value)[1])
        if not parts:
            raise Refusal(PROTOCOL_ERROR, "there is no key store content")
        if kind == replacement.LISTENER and not (0x83 in dict(parts) and {0x84, 0x85} & set(dict(parts))):
            raise Refusal(PROTOCOL_ERROR, "there is no key manager provider, or no trust manager provider")
        skip = dict(parts[1:]).get(0x90, b"\0") != b"\0"
        replacement.replace(instance, kind, source(instance, *parts[0], kind), skip, registry, said.append)
    return ber.sequence(ber.octets("\n".join(said), 0x91))
