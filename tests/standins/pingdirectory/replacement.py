"""What replace-certificate does to one server instance, called by the tool or by the extended operation.

First the instance's own key store, then the topology registry, where the new certificate is merged with what is
there; the earlier ones go only when they are purged. Nothing is undone when the second step fails.
"""
import datetime
import os

from cryptography.hazmat.primitives.asymmetric import rsa

from standins.pingdirectory import jks
from standins.pingdirectory.instance import STAGE, fingerprint, pem, pem_certificates, pin
from standins.pingdirectory.ldap import OTHER, UNWILLING, Refusal

INTER_SERVER, LISTENER = "inter-server", "listener"


def check(kind, chain, skip):
    """The documented conditions. That the key belongs to the certificate is not among them."""
    key = chain[0].public_key()
    if kind == INTER_SERVER and not isinstance(key, rsa.RSAPublicKey):
        raise Refusal(UNWILLING, "an inter-server certificate must have an RSA key pair")
    if kind == INTER_SERVER and not 2048 <= key.key_size <= STAGE.setting("maximum-bits", 3072):
        raise Refusal(UNWILLING, f"an inter-server certificate must have an RSA key of 2048 to 3072 bits, "
                      f"and this one has {key.key_size}")
    now = datetime.datetime.utcnow()
    if not skip and not chain[0].not_valid_before <= now <= chain[0].not_valid_after:
        raise Refusal(UNWILLING, "the certificate is not valid now")
    if not skip and kind == LISTENER and chain[-1].issuer != chain[-1].subject:
        raise Refusal(UNWILLING, "the certificate chain is not complete: its last certificate is not self-signed")


def store(instance, kind, key, chain):
    path, alias = instance.store(kind)
    if STAGE.fails_at(f"store:{instance.name}"):
        raise Refusal(OTHER, f"cannot update key store '{path}'")
    password = pin(path.with_name(path.name + ".pin"))
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as output:
        output.write(jks.written({alias: (key, chain)}, password))
    new.rename(path)


def merged(values, certificate):
    """One value: what was there, and the certificate, unless it is there already."""
    held = [each for value in values for each in pem_certificates(value)]
    if fingerprint(certificate) not in map(fingerprint, held):
        held.append(certificate)
    return "".join(map(pem, held))


def replace(instance, kind, pair, skip, registry, say):
    """registry: how to get and set an attribute's values, as the caller is connected."""
    key, chain = pair
    check(kind, chain, skip)
    say(f"Updating the {kind} certificate of server instance '{instance.name}'.")
    store(instance, kind, key, chain)
    say(f"Updated key store '{instance.store(kind)[0]}'.")
    if STAGE.fails_at(f"registry:{instance.name}"):
        raise Refusal(OTHER, "cannot update the topology registry")
    place = instance.place(kind)
    registry.put(place, merged(registry.get(place), chain[0]))
    say("Updated the topology registry. The earlier certificates stay until they are purged.")


def purge(instance, kind, registry, say):
    """Only what the instance's key store holds now is left. Whether the peers know it yet nobody asks."""
    if STAGE.fails_at(f"purge:{instance.name}"):
        raise Refusal(OTHER, "cannot update the topology registry")
    place = instance.place(kind)
    before = [each for value in registry.get(place) for each in pem_certificates(value)]
    current = instance.pair(kind)[1][0]
    registry.put(place, pem(current))
    gone = sum(fingerprint(each) != fingerprint(current) for each in before)
    say(f"Purged {gone} retired {kind} certificate(s) of server instance '{instance.name}'.")
