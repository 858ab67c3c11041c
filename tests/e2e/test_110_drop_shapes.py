"""Whatever shape a credential is dropped in, it ends in service: proven by a handshake, told by the receipt."""
import stat

import pytest

from service import plain
from waiting import until


def key_first(pair):
    return [{"a.key": pair.key}, {"b.crt": pair.fullchain}]


def certificate_first(pair):
    return [{"b.crt": pair.fullchain}, {"a.key": pair.key}]


def key_before_certificates(pair):
    return [{"all.pem": pair.key + pair.fullchain}]


def certificates_before_key(pair):
    return [{"all.pem": pair.fullchain + pair.key}]


def chain_out_of_order(pair):
    return [{"all.pem": pair.chain + pair.key + pair.leaf}]


def three_files(pair):
    return [{"chain.pem": pair.chain}, {"privkey.pem": pair.key}, {"cert.pem": pair.leaf}]


def names_that_say_the_opposite(pair):
    return [{"private.key": pair.fullchain, "certificate.crt": pair.key}]


def windows_line_ends(pair):
    return [{"all.pem": (pair.fullchain + pair.key).replace(b"\n", b"\r\n")}]


def text_around_the_blocks(pair):
    return [{"all.pem": b"Bag Attributes\n    friendlyName: web\nsubject=CN = web\n\n" + pair.fullchain
             + b"\nKey Attributes: <No Attributes>\n" + pair.key}]


def der(pair):
    return [{"leaf.der": pair.leaf_der, "key.der": pair.key_der, "chain.pem": pair.chain}]


def pkcs12_store(pair):
    return [{"store.p12": pair.pkcs12()}]


def zip_archive(pair):
    return [{"bundle.zip": pair.zip()}]


SHAPES = [key_first, certificate_first, key_before_certificates, certificates_before_key, chain_out_of_order,
          three_files, names_that_say_the_opposite, windows_line_ends, text_around_the_blocks, der,
          pkcs12_store, zip_archive]


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.__name__)
def test_ends_in_service(web, nginx, authority, shape):
    pair = authority.issue("web.example.com")
    for files in shape(pair):
        web.drop("web", files)
    receipt = web.until_in_service("web", pair)

    assert nginx.served() == pair.fingerprint
    assert (nginx.published / "fullchain.pem").read_bytes() == pair.fullchain
    assert stat.S_IMODE((nginx.published / "privkey.pem").stat().st_mode) == 0o600
    assert web.dropped("web") == [], "what is in service is taken away"
    assert receipt["target"] == "web"
    assert "web.example.com" in receipt["subject"]
    assert {entry["name"] for entry in receipt["inputs"]} == {n for files in shape(pair) for n in files}
    assert receipt["steps"] and receipt["not_after"] and receipt["updated"]


@pytest.mark.parametrize("kind", ["rsa", "ec", "ed25519"])
def test_every_usual_key_type(web, nginx, authority, kind):
    pair = authority.issue("web.example.com", kind)
    web.drop("web", {"all.pem": pair.fullchain + pair.key})
    web.until_in_service("web", pair)
    if kind != "ed25519":
        assert nginx.served() == pair.fingerprint
    assert (nginx.published / "fullchain.pem").read_bytes() == pair.fullchain


def test_encrypted_with_the_passphrase_in_a_file(certdrop, nginx, authority, scratch):
    (scratch / "passphrases").write_text("wrong one\ncorrect horse\n")
    (scratch / "passphrases").chmod(0o600)
    certdrop.configure([nginx.target(passphrases=str(scratch / "passphrases"))])
    certdrop.start()
    first = authority.issue("web.example.com")
    certdrop.drop("web", {"key.pem": first.key_encrypted(b"correct horse"), "cert.pem": first.fullchain})
    certdrop.until_in_service("web", first)
    second = authority.issue("web.example.com")
    certdrop.drop("web", {"store.pfx": second.pkcs12(b"correct horse")})
    certdrop.until_in_service("web", second)
    assert nginx.served() == second.fingerprint
    assert "correct horse" not in certdrop.log()


def test_what_else_lies_in_the_same_file_is_not_lost(web, nginx, authority):
    one, other = authority.issue("web.example.com"), authority.issue("web.example.com")
    web.drop("web", {"both.pem": one.key + one.fullchain + other.key + other.fullchain})
    receipt = web.until_state("web", "in-service")
    assert nginx.served() in (one.fingerprint, other.fingerprint)
    assert receipt["others"] == ["CN=web.example.com (both.pem)"]
    assert web.dropped("web") == ["both.pem"]


def test_the_missing_piece_is_named(web, nginx, authority):
    pair = authority.issue("web.example.com")
    web.drop("web", {"cert.pem": pair.fullchain})
    receipt = web.until_state("web", "waiting")
    assert "key" in receipt["reason"] and "web.example.com" in receipt["reason"]
    assert web.dropped("web") == ["cert.pem"]
    web.drop("web", {"key.pem": pair.key})
    web.until_in_service("web", pair)


def test_a_successor_takes_over(serving, authority):
    web, nginx, first = serving
    second = authority.issue("second.example.com")
    web.drop("web", {"all.pem": second.fullchain + second.key})
    receipt = web.until_in_service("web", second)
    assert nginx.served() == second.fingerprint
    assert plain(receipt["fingerprint"]) != first.fingerprint


def test_the_latest_of_several_wins_and_the_others_are_named(certdrop, nginx, authority):
    certdrop.configure([nginx.target()])
    older = authority.issue("web.example.com", starts_in_days=-10, days=300)
    newer = authority.issue("web.example.com", starts_in_days=-2, days=300)
    certdrop.drop("web", {"newer.pem": newer.fullchain + newer.key})
    certdrop.drop("web", {"older.pem": older.fullchain + older.key})
    certdrop.start()
    receipt = certdrop.until_in_service("web", newer)
    assert nginx.served() == newer.fingerprint
    assert "older.pem" in str(receipt)


def test_two_targets_fed_by_one_directory(certdrop, nginx, authority, scratch):
    files_only = {"name": "copy", "product": "files", "publish": str(scratch / "copy"), "from": "web",
                  "files": [{"name": "all.pem", "content": "combined", "mode": "0600"}]}
    certdrop.configure([nginx.target(), files_only])
    certdrop.start()
    pair = authority.issue("web.example.com")
    certdrop.drop("web", {"all.pem": pair.fullchain + pair.key})
    done = certdrop.run("status", "--wait", "20")
    assert done.returncode == 0, done.stdout
    assert nginx.served() == pair.fingerprint
    assert (scratch / "copy" / "all.pem").read_bytes() == pair.key + pair.fullchain


def test_what_is_dropped_under_the_name_of_the_receipt_is_not_lost(certdrop, nginx, authority):
    certdrop.configure([nginx.target()], rescan="1s")
    first, second = authority.issue("web.example.com"), authority.issue("web.example.com")
    certdrop.drop("web", {"receipt.json": first.fullchain + first.key})
    certdrop.start()
    until(lambda: nginx.served() == first.fingerprint, certdrop.log)
    certdrop.drop("web", {"receipt.json": second.fullchain + second.key})
    until(lambda: nginx.served() == second.fingerprint, certdrop.log)
    assert "receipt.json is no receipt" in certdrop.log()


def test_files_that_belong_to_no_target_are_told(web, authority):
    pair = authority.issue("web.example.com")
    web.stop()
    (web.drops / "wbe").mkdir()
    web.drop("wbe", {"all.pem": pair.fullchain + pair.key})
    (web.drops / "empty").mkdir()
    (web.drops / "astray.pem").write_bytes(pair.key)
    expected = [f"{web.drops}/wbe belongs to no target, and what lies there is not taken in; did you mean web?",
                f"{web.drops} itself belongs to no target, and astray.pem there is not taken in: move it to "
                "the sub-directory of its target"]
    web.start()
    assert web.json("status")["degraded"] == expected
    assert "degraded: " + expected[0] in web.run("status").stdout
    assert web.log().count(expected[0]) == web.log().count(expected[1]) == 1
    web.stop()
    assert web.json("status")["degraded"] == expected
    (web.drops / "wbe").rename(web.drops / "gone")
    (web.drops / "astray.pem").unlink()
    assert "/gone belongs to no target" in web.json("status")["degraded"][0]
