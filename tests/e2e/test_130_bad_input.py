"""Bad input is refused or waited for with a reason, stays where it is, touches nothing and delays nothing."""
import hashlib
import os
import re
import time

import pytest

from certificates import pem_of, pkcs12_with_iterations, zip_of
from service import plain
from waiting import PATIENCE, until

MiB = 1 << 20


def wrong_key(drop, pair, other):
    (drop / "cert.pem").write_bytes(pair.fullchain)
    (drop / "key.pem").write_bytes(other.key)
    return ["cert.pem", "key.pem"]


def expired(drop, pair, other):
    (drop / "bad.pem").write_bytes(other.fullchain + other.key)
    return ["bad.pem"]


def truncated(drop, pair, other):
    (drop / "bad.pem").write_bytes((pair.key + pair.fullchain)[:-200])
    return ["bad.pem"]


def truncated_der(drop, pair, other):
    (drop / "bad.der").write_bytes(pair.leaf_der[:-20])
    return ["bad.der"]


def sixty_four_mebibytes(drop, pair, other):
    """Written elsewhere: its beginning alone would be a good pair."""
    outside = drop.parent.parent / "large.pem"
    with open(outside, "wb") as large:
        large.write(pair.fullchain + pair.key)
        for _ in range(64):
            large.write(b"#" * MiB)
    outside.rename(drop / "bad.pem")
    return ["bad.pem"]


def sixty_four_sparse_mebibytes(drop, pair, other):
    outside = drop.parent.parent / "large.pem"
    outside.write_bytes(pair.fullchain + pair.key)
    os.truncate(outside, 64 * MiB)
    outside.rename(drop / "bad.pem")
    return ["bad.pem"]


def link_to_shadow(drop, pair, other):
    (drop / "bad.pem").symlink_to("/etc/shadow")
    return ["bad.pem"]


def link_to_a_good_pair_outside(drop, pair, other):
    outside = drop.parent.parent / "outside.pem"
    outside.write_bytes(pair.fullchain + pair.key)
    (drop / "bad.pem").symlink_to(outside)
    return ["bad.pem"]


def linked_directory(drop, pair, other):
    outside = drop.parent.parent / "outside"
    outside.mkdir()
    (outside / "good.pem").write_bytes(pair.fullchain + pair.key)
    (drop / "bad").symlink_to(outside)
    return ["bad"]


def fifo(drop, pair, other):
    os.mkfifo(drop / "bad.pem")
    return ["bad.pem"]


def hard_link_to_a_foreign_file(drop, pair, other):
    """As root the file is another user's; an ordinary user may only link to an own one."""
    outside = drop.parent.parent / "outside.pem"
    outside.write_bytes(pair.fullchain + pair.key)
    outside.chmod(0o600)
    if os.geteuid() == 0:
        os.chown(outside, 65534, 65534)
    os.link(outside, drop / "bad.pem")
    return ["bad.pem"]


def zip_bomb(drop, pair, other):
    (drop / "bad.zip").write_bytes(zip_of({"cert.pem": bytes(256 * MiB)}))
    return ["bad.zip"]


def zip_of_many(drop, pair, other):
    (drop / "bad.zip").write_bytes(zip_of({f"{n}.pem": b"x" for n in range(5000)}))
    return ["bad.zip"]


def zip_that_climbs_out(drop, pair, other):
    (drop / "bad.zip").write_bytes(zip_of({"../../../cert.pem": pair.fullchain, "key.pem": pair.key}))
    return ["bad.zip"]


def endless_pkcs12(drop, pair, other):
    (drop / "bad.p12").write_bytes(pkcs12_with_iterations(pair.pkcs12(b"secret"), (1 << 31) - 1))
    return ["bad.p12"]


def noise(drop, pair, other):
    (drop / "bad.pem").write_bytes(bytes(range(256)) * 40)
    return ["bad.pem"]


def damaged_key(drop, pair, other):
    """A key whose public half still fits its certificate, with one byte of the secret changed."""
    der = bytearray(pair.key_der)
    der[40] ^= 1
    (drop / "key.der").write_bytes(der)
    (drop / "cert.pem").write_bytes(pair.fullchain)
    return ["key.der", "cert.pem"]


def name_with_terminal_escapes(drop, pair, other):
    name = "bad\x1b[2J\n.pem"
    (drop / name).write_bytes(other.fullchain + other.key)
    return [name]


INPUTS = [wrong_key, expired, truncated, truncated_der, sixty_four_mebibytes, sixty_four_sparse_mebibytes,
          link_to_shadow, link_to_a_good_pair_outside, linked_directory, fifo, hard_link_to_a_foreign_file,
          zip_bomb, zip_of_many, zip_that_climbs_out, endless_pkcs12, noise, damaged_key,
          name_with_terminal_escapes]

# Read as a whole and then refused, or waited for: the receipt knows their digests.
DECLINED = [wrong_key, expired, truncated, zip_bomb, endless_pkcs12, noise]

# What the reason has to speak of, in any wording.
REASONS = {"wrong_key": "key", "expired": "expired", "truncated": "bad.pem", "sixty_four_mebibytes": "bytes|MiB",
           "link_to_shadow": "link", "fifo": "regular file|fifo", "hard_link_to_a_foreign_file": "link|belongs to",
           "zip_bomb": "bad.zip", "endless_pkcs12": "iterations"}


@pytest.mark.parametrize("make", INPUTS, ids=lambda make: make.__name__)
def test_is_not_acted_on(serving, authority, make):
    web, nginx, first = serving
    drop = web.drops / "web"
    pair = authority.issue("next.example.com")
    other = authority.issue("other.example.com", starts_in_days=-40, days=10)
    generation, calls = nginx.published.readlink(), nginx.called("test")

    names = make(drop, pair, other)
    # While a file is being written it may be waited for, being empty or incomplete.
    receipt = web.until_state("web", "refused", "waiting", seconds=30, where=lambda receipt: re.search(
        REASONS.get(make.__name__, "."), receipt["reason"] or "", re.I))
    assert f"target web: {receipt['state']}: " in web.log()
    if make in DECLINED:
        digests = {hashlib.sha256((drop / name).read_bytes()).hexdigest() for name in names}
        receipt = web.until_state("web", "refused", "waiting", where=lambda receipt: digests == {
            file["sha256"] for file in receipt["not_taken"] if file["state"] == receipt["state"]})
    # The first of them may have been told of by itself.
    receipt = web.until_state("web", "refused", "waiting", where=lambda receipt: len(receipt["not_taken"]) == len(names))
    assert all(file["reason"] for file in receipt["not_taken"])
    assert "\x1b" not in receipt["reason"] + web.log() and "root:" not in receipt["reason"]
    assert web.dropped("web") == sorted(names), "a refused file stays where it is"
    assert nginx.published.readlink() == generation and nginx.called("test") == calls
    assert nginx.served() == first.fingerprint

    good = authority.issue("good.example.com")
    start = time.monotonic()
    web.drop("web", {"good.pem": good.fullchain + good.key})
    web.until_in_service("web", good)
    assert time.monotonic() - start < 5 * PATIENCE, "the next good drop was delayed"
    assert nginx.served() == good.fingerprint
    assert web.dropped("web") == sorted(names)


def test_a_refused_file_that_is_removed_is_forgotten(serving, authority):
    web, nginx, first = serving
    bad = authority.issue("old.example.com", starts_in_days=-40, days=10)
    web.drop("web", {"bad.pem": bad.fullchain + bad.key})
    web.until_state("web", "refused")
    (web.drops / "web" / "bad.pem").unlink()
    web.until_state("web", "in-service")
    assert web.run("status").returncode == 0


def test_what_was_refused_is_judged_anew_when_the_passphrases_are_put_right(certdrop, nginx, authority, scratch):
    file = scratch / "passphrases"
    file.write_text("wrong one\n")
    certdrop.configure([nginx.target(passphrases=str(file))], rescan="1s")
    certdrop.start()
    pair = authority.issue("web.example.com")
    certdrop.drop("web", {"key.pem": pair.key_encrypted(b"correct horse"), "cert.pem": pair.fullchain})
    certdrop.until_state("web", "refused")
    file.write_text("wrong one\ncorrect horse\n")
    certdrop.until_in_service("web", pair)


def test_what_lacks_its_issuer_is_judged_anew_when_that_comes_to_be_known(certdrop, nginx, authority, scratch):
    file = scratch / "authorities.pem"
    file.write_bytes(pem_of(authority.root))
    certdrop.configure([nginx.target(authorities=str(file), chain="complete")], rescan="1s")
    certdrop.start()
    pair = authority.issue("web.example.com")
    certdrop.drop("web", {"key.pem": pair.key, "cert.pem": pair.leaf})
    certdrop.until_state("web", "waiting")
    file.write_bytes(pem_of(authority.root) + pair.chain)
    certdrop.until_in_service("web", pair)


def test_not_yet_valid_is_not_installed(serving, authority):
    web, nginx, first = serving
    early = authority.issue("early.example.com", starts_in_days=5)
    web.drop("web", {"early.pem": early.fullchain + early.key})
    web.until_state("web", "held", "waiting", "refused",
                    where=lambda receipt: "valid" in (receipt["reason"] or ""))
    assert nginx.served() == first.fingerprint


def test_what_is_not_yet_valid_delays_nothing_else(certdrop, nginx, authority):
    """A file that somebody keeps open is looked at again after a moment, without an event."""
    certdrop.configure([nginx.target()], rescan="1h")
    certdrop.start()
    early, good = authority.issue("early.example.com", starts_in_days=5), authority.issue("good.example.com")
    certdrop.drop("web", {"early.pem": early.fullchain + early.key})
    certdrop.until_state("web", "held", "waiting", "refused",
                         where=lambda receipt: "valid" in (receipt["reason"] or ""))
    with open(certdrop.drops / "web" / "good.pem", "wb", buffering=0) as file:
        file.write(good.fullchain + good.key)
        until(lambda: nginx.served() == good.fingerprint, certdrop.log)


def test_a_downgrade_is_refused(serving, authority):
    web, nginx, first = serving
    shorter = authority.issue("first.example.com", starts_in_days=-3, days=20)
    web.drop("web", {"shorter.pem": shorter.fullchain + shorter.key})
    receipt = web.until_state("web", "refused", "held")
    assert receipt["reason"]
    assert nginx.served() == first.fingerprint


def test_an_intermediate_that_has_ended_does_not_replace_a_good_one(serving, authority, scratch):
    web, nginx, first = serving
    ended = authority.intermediate_again(-20, 10)
    following = authority.issue("second.example.com")
    sentence = (f"the authority's certificate of CN={authority.name} issuing, which comes with "
                f"CN=second.example.com, expired on {ended.not_valid_after:%Y-%m-%dT%H:%M:%SZ}")
    file = scratch / "all.pem"
    file.write_bytes(following.leaf + pem_of(ended) + following.key)
    shown = web.json("inspect", str(file))
    assert shown["accepted"] and shown["credentials"][0]["warnings"] == [sentence]
    web.drop("web", {"all.pem": file.read_bytes()})
    assert web.until_state("web", "refused")["reason"] == sentence
    assert nginx.served() == first.fingerprint


def test_only_what_is_in_service_is_gone_back_from(certdrop, nginx, authority):
    def drop(pair):
        certdrop.drop("web", {"all.pem": pair.fullchain + pair.key})

    def until_held(pair):
        certdrop.until_state("web", "held", where=lambda it: plain(it["fingerprint"]) == pair.fingerprint)

    months = [authority.issue(f"{days}.example.com", days=days) for days in (90, 60, 120, 100, 50)]
    wanted, in_service, later, sooner, too_soon = months
    certdrop.configure([nginx.target(hold=True)])
    certdrop.start()
    for pair in (wanted, in_service):
        drop(pair)
        until_held(pair)
    certdrop.stop()
    certdrop.configure([nginx.target()])
    certdrop.start()
    certdrop.until_in_service("web", in_service)
    certdrop.stop()
    certdrop.configure([nginx.target(hold=True)])
    certdrop.start()
    for pair in (later, sooner):
        drop(pair)
        until_held(pair)
    drop(too_soon)
    receipt = certdrop.until_state("web", "refused")
    ends = re.search(r"earlier than the one in service \((\S+)\)", receipt["reason"])
    assert ends and ends[1] == in_service.certificate.not_valid_after.strftime("%Y-%m-%dT%H:%M:%SZ"), receipt
    assert nginx.served() == in_service.fingerprint


def test_a_flood_of_bad_files_does_not_stop_a_good_one(serving, authority):
    web, nginx, _ = serving
    bad = authority.issue("bad.example.com", starts_in_days=-40, days=10)
    web.drop("web", {f"bad-{n:03}.pem": bad.fullchain + f"# {n}\n".encode() for n in range(200)})
    good = authority.issue("good.example.com")
    web.drop("web", {"a-good.pem": good.fullchain + good.key})
    until(lambda: nginx.served() == good.fingerprint, web.log, seconds=60)


def test_what_is_held_says_who_has_to_act(certdrop, nginx, authority, scratch):
    def following(**more):
        certdrop.configure([{**nginx.target(), **more}])
        return certdrop.json("status")["targets"][0]["next"]

    pair = authority.issue("web.example.com")
    certdrop.configure([nginx.target()])
    certdrop.drop("web", {"all.pem": pair.fullchain + pair.key})
    (certdrop.drops / "web").chmod(0o777)
    assert following().startswith("put right what is wrong with the directory")
    assert following(source=str(scratch / "none")).startswith("see to it that the directory is there")
    (certdrop.drops / "web").chmod(0o700)
    certdrop.configure([{**nginx.target(), "hold": True}])
    certdrop.start()
    certdrop.until_state("web", "held")
    assert following(hold=True).startswith("take `hold` out")


def test_what_is_left_lying_is_told(serving, authority):
    """A key without its certificate is waited for, until another pair is taken in: then it must not be forgotten."""
    web, nginx, first = serving
    lonely, good = authority.issue("lonely.example.com"), authority.issue("good.example.com")
    web.drop("web", {"lonely.key": lonely.key})
    web.until_state("web", "waiting")
    web.drop("web", {"good.pem": good.fullchain + good.key})
    web.until_in_service("web", good)
    until(lambda: web.dropped("web") == ["lonely.key"], web.log)
    receipt = web.until_state("web", "in-service", where=lambda receipt: receipt["not_taken"])
    assert [file["name"] for file in receipt["not_taken"]] == ["lonely.key"]
    assert receipt["not_taken"][0]["state"] == "waiting" and receipt["not_taken"][0]["reason"]
    assert "still lying there: lonely.key" in web.run("status").stdout
    (web.drops / "web" / "lonely.key").unlink()
    web.until_state("web", "in-service", where=lambda receipt: not receipt["not_taken"])


def test_a_file_whose_name_looks_like_that_of_a_good_one_is_not_taken_away_with_it(serving, authority):
    """In ISO 8859-1, which cannot be shown here, both are called z?rich.pem."""
    web, _, _ = serving
    good, other = authority.issue("good.example.com"), authority.issue("other.example.com")
    drop = os.fsencode(web.drops / "web")
    refused, accepted = drop + b"/z\xf6rich.pem", drop + b"/z\xfcrich.pem"
    for path, content in (refused, other.key_encrypted(b"secret")), (accepted, good.fullchain + good.key):
        with open(path, "wb") as file:
            file.write(content)
    web.until_in_service("web", good)
    until(lambda: not os.path.exists(accepted), web.log)
    assert os.path.exists(refused), "a refused file stays where it is"
    receipt = web.until_state("web", "in-service", where=lambda receipt: receipt["not_taken"])
    assert [file["state"] for file in receipt["not_taken"]] == ["refused"]
    assert [file["sha256"] for file in receipt["inputs"]] == [
        hashlib.sha256(good.fullchain + good.key).hexdigest()]
