"""What holds back a purge: a window of its own, and the server's certificate monitor, which proves nothing."""
import datetime

import pytest

from ping_target import assert_everywhere, drop, identities, needs_java, shared, target, thorough  # noqa: F401
from waiting import until

pytestmark = needs_java


def pending(certdrop, name="ds1"):
    (told,) = certdrop.json("status", name)["targets"]
    return told["state"], (told["pending"] or {}).get("reason") or ""


def test_a_purge_waits_for_its_own_window(certdrop, shared, identities):
    opens = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=3)
    closed = {"from": opens.strftime("%H:%M"), "to": (opens + datetime.timedelta(hours=1)).strftime("%H:%M"),
              "zone": "UTC", "for": "purge"}
    at_all_times = {"from": "00:00", "to": "24:00"}
    old = shared.registered("ds3")
    certdrop.configure([target(shared, "ds3", soak="0s", windows=(at_all_times, closed))])
    certdrop.start()
    drop(certdrop, identities[3], "ds3")
    certdrop.until_in_service("ds3", identities[3], seconds=40)
    until(lambda: "window" in pending(certdrop, "ds3")[1], lambda: f"{pending(certdrop, 'ds3')}\n{certdrop.log()}")
    certdrop.run("apply", "ds3")
    assert_everywhere(shared, [*old, identities[3].fingerprint], "ds3")


def test_while_the_monitor_tells_of_another_nothing_is_purged(certdrop, shared, identities):
    shared.set(monitor="stale")
    old = shared.registered("ds1")
    certdrop.configure([target(shared, soak="0s", check="1s")])
    certdrop.start()
    drop(certdrop, identities[0])
    certdrop.until_in_service("ds1", identities[0], seconds=40)
    says = ("in-service", "the certificate monitor of ds1 tells of another certificate in use")
    until(lambda: pending(certdrop) == says, lambda: f"{pending(certdrop)}\n{certdrop.log()}")
    assert_everywhere(shared, [*old, identities[0].fingerprint])

    shared.set(monitor=None)
    until(lambda: shared.registered("ds1", at="ds3") == [identities[0].fingerprint], certdrop.log, seconds=40)


@pytest.mark.parametrize("answer", ["none", pytest.param("silent", marks=thorough)])
def test_without_an_answer_the_other_proofs_have_to_do(certdrop, shared, identities, answer):
    shared.set(monitor=answer)
    wanted = identities[1 if answer == "none" else 2]
    certdrop.configure([target(shared, "ds2", soak="0s", check="1s")])
    certdrop.start()
    drop(certdrop, wanted, "ds2")
    certdrop.until_in_service("ds2", wanted, seconds=40)
    until(lambda: shared.registered("ds2", at="ds3") == [wanted.fingerprint], certdrop.log, seconds=60)
    shared.set(monitor=None)
