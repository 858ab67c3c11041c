"""Clocks that are wrong at the start, that are set while certdrop runs, and machines that were suspended."""
import os
import pathlib
import struct
import subprocess
import time

import pytest

from waiting import until

HERE = pathlib.Path(__file__).parent
DAY = 86400
# 30 s would do as well; what is asked is that one rescan is enough.
RESCAN = "1s"
THOROUGH = "THOROUGH" in os.environ

# Seconds since 1970: nothing, a year without meaning, before the release, after 2^31, before and after 2^32.
TOO_EARLY = [0, 1, 951782400, 1609459200]
TOO_LATE = [2147483648, 4102444800, 4294967295, 4294967296]
SOME = [0, 4294967296]


class Clock:
    """What certdrop believes: how far it is ahead of the kernel."""

    def __init__(self, scratch):
        self.file = scratch / "set-clock"
        self.library = scratch / "set-clock.so"
        self.set()
        subprocess.run(["cc", "-shared", "-fPIC", "-o", str(self.library), str(HERE / "set_clock.c")], check=True)

    def set(self, realtime=0, boottime=0, synchronized=False):
        """In place: the running program has the file mapped."""
        with open(self.file, "r+b" if self.file.exists() else "wb") as file:
            file.write(struct.pack("qqq", int(realtime), int(boottime), synchronized))

    def says(self, seconds):
        self.set(seconds - time.time())

    def wrapper(self):
        sanitizers = os.environ.get("ASAN_OPTIONS", "abort_on_error=0:exitcode=99")
        return ["env", f"LD_PRELOAD={self.library}", f"SET_CLOCK={self.file}",
                f"ASAN_OPTIONS={sanitizers}:verify_asan_link_order=0"]


@pytest.fixture
def clock(scratch):
    return Clock(scratch)


@pytest.fixture
def first(certdrop, nginx, authority, clock):
    """certdrop under that clock, which is right so far, with a credential in service."""
    certdrop.configure([nginx.target()], rescan=RESCAN, clock="floor")
    certdrop.start(wrapper=clock.wrapper())
    pair = authority.issue("first.example.com")
    drop(certdrop, pair)
    certdrop.until_in_service("web", pair)
    return pair


def drop(certdrop, pair):
    certdrop.drop("web", {"fullchain.pem": pair.fullchain, "privkey.pem": pair.key})


def processor_time(certdrop):
    """Of the service alone, in seconds."""
    fields = pathlib.Path(f"/proc/{certdrop.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def is_idle(certdrop):
    """For some rescans: whoever turns round and round takes all that there is."""
    before, began = processor_time(certdrop), time.monotonic()
    until(lambda: time.monotonic() > began + 3, "time passes")
    return processor_time(certdrop) - before < 0.5 * (time.monotonic() - began)


def stored(certdrop):
    return sorted(entry.name for entry in (certdrop.state / "store").iterdir())


@pytest.mark.parametrize("seconds", TOO_EARLY if THOROUGH else SOME[:1])
def test_a_clock_that_wakes_up_too_early_refuses_nothing(certdrop, nginx, authority, clock, first, seconds):
    kept = stored(certdrop)
    certdrop.stop()
    clock.says(seconds)
    certdrop.start(wrapper=clock.wrapper())
    second = authority.issue("second.example.com")
    drop(certdrop, second)
    receipt = certdrop.until_state("web", "held")
    assert "cannot be trusted" in receipt["reason"], receipt
    assert is_idle(certdrop)
    assert certdrop.receipt("web")["state"] == "held"
    assert certdrop.dropped("web") == ["fullchain.pem", "privkey.pem"], "it waits where it was dropped"
    assert nginx.served() == first.fingerprint and set(kept) <= set(stored(certdrop))
    clock.set()
    certdrop.until_in_service("web", second)
    assert nginx.comes_to_serve(second)


@pytest.mark.parametrize("seconds", TOO_LATE if THOROUGH else SOME[1:])
def test_a_clock_that_was_decades_ahead_is_forgotten(certdrop, nginx, authority, clock, first, seconds):
    kept = stored(certdrop)
    clock.says(seconds)
    second = authority.issue("second.example.com")
    drop(certdrop, second)
    until(lambda: "expired on" in (certdrop.receipt("web")["reason"] or ""), lambda: certdrop.receipt("web"))
    assert is_idle(certdrop)
    assert nginx.served() == first.fingerprint and set(kept) <= set(stored(certdrop))
    assert certdrop.dropped("web") == ["fullchain.pem", "privkey.pem"]
    clock.set()
    certdrop.until_in_service("web", second)
    assert nginx.comes_to_serve(second)


def test_what_was_written_down_while_it_was_ahead_yields_to_a_synchronized_clock(
        certdrop, nginx, authority, clock, first):
    clock.says(TOO_LATE[-1])
    second = authority.issue("second.example.com")
    nginx.order("refuse-test")
    drop(certdrop, authority.issue("odd.example.com", starts_in_days=365 * 79, days=3650))
    certdrop.until_state("web", "rolled-back", "failed")
    nginx.order("")
    certdrop.stop()
    clock.set()
    certdrop.start(wrapper=clock.wrapper())
    drop(certdrop, second)
    receipt = certdrop.until_state("web", "held")
    assert "the journal knows of a change on 2106-" in receipt["reason"], receipt
    assert nginx.served() == first.fingerprint
    clock.set(synchronized=True)
    certdrop.until_in_service("web", second, seconds=75)
    assert nginx.comes_to_serve(second)


def test_a_clock_that_jumps_back_and_forth_takes_nothing_away(certdrop, nginx, authority, clock, first):
    for seconds in (TOO_EARLY + TOO_LATE if THOROUGH else SOME) * 2:
        clock.says(seconds)
        certdrop.run("status", "web")
        assert nginx.served() == first.fingerprint
    assert is_idle(certdrop)
    clock.set()
    second = authority.issue("second.example.com")
    drop(certdrop, second)
    certdrop.until_in_service("web", second)
    assert nginx.comes_to_serve(second)


def test_after_a_night_suspended_what_became_valid_is_taken(certdrop, nginx, authority, clock, first):
    second = authority.issue("second.example.com", starts_in_days=0.25)
    drop(certdrop, second)
    receipt = certdrop.until_state("web", "held")
    assert "is valid from" in receipt["reason"], receipt
    # The monotonic clock, and every timer with it, has stood still for eight hours.
    clock.set(DAY / 3, DAY / 3)
    assert is_idle(certdrop)
    certdrop.until_in_service("web", second, seconds=75)
    assert nginx.comes_to_serve(second)


def exchange_by_hand(nginx, pair, directory):
    """As an operator would: another directory, a link to it over the published one, a reload."""
    directory.mkdir()
    (directory / "fullchain.pem").write_bytes(pair.fullchain)
    (directory / "privkey.pem").write_bytes(pair.key)
    link = directory.with_name("link")
    link.symlink_to(directory.name)
    link.replace(nginx.published)
    subprocess.run(nginx.command("-s", "reload"), check=True)
    assert nginx.comes_to_serve(pair)


def test_what_expired_in_service_does_not_replace_what_somebody_put_there(certdrop, nginx, authority, clock, scratch):
    certdrop.configure([nginx.target()], rescan=RESCAN, clock="floor")
    certdrop.start(wrapper=clock.wrapper())
    short = authority.issue("short.example.com", starts_in_days=-1, days=10)
    drop(certdrop, short)
    certdrop.until_in_service("web", short)
    certdrop.stop()
    by_hand = authority.issue("by-hand.example.com")
    exchange_by_hand(nginx, by_hand, scratch / "by-hand")
    reloads = nginx.called("reload")
    clock.set(30 * DAY)
    certdrop.start(wrapper=clock.wrapper())
    receipt = certdrop.until_state("web", "held")
    assert "CN=short.example.com expired on" in receipt["reason"] and "stays" in receipt["reason"], receipt
    (status,) = certdrop.json("status", "web")["targets"]
    assert status["installed"]["fingerprint"] == by_hand.fingerprint, status
    assert "drop one that is valid" in status["next"], status
    assert certdrop.run("plan", "web").returncode == 2
    assert nginx.served() == by_hand.fingerprint and nginx.called("reload") == reloads
    drop(certdrop, by_hand)
    certdrop.until_in_service("web", by_hand)
    assert nginx.served() == by_hand.fingerprint
