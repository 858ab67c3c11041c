"""The state cannot be written, or is taken away, while the service runs: it says so, and does nothing that nobody would
find again."""
import os
import subprocess

from waiting import until

# The program has to live on when a file may not grow any more.
WITHOUT_SIGNAL = ["env", "--ignore-signal=XFSZ"]


def start(certdrop, scratch, **more):
    certdrop.configure([{"name": "web", "product": "files", "publish": str(scratch / "published"),
                         "files": [{"name": "all.pem", "content": "fullchain"}], **more}], rescan="1s")
    certdrop.start(WITHOUT_SIGNAL)


def drop(certdrop, authority, name):
    pair = authority.issue(name)
    certdrop.drop("web", {"all.pem": pair.fullchain + pair.key})
    return pair


def no_file_grows_beyond(certdrop, size):
    subprocess.run(["prlimit", f"--pid={certdrop.process.pid}", f"--fsize={size}:unlimited"], check=True)


def test_a_journal_that_cannot_be_written_is_no_reason_to_hurry(certdrop, authority, scratch):
    start(certdrop, scratch)
    certdrop.until_in_service("web", drop(certdrop, authority, "first.example.com"))
    before = len(certdrop.log().splitlines())
    # The journal's log is longer than that by now; receipts and credentials are not.
    no_file_grows_beyond(certdrop, 16384)
    drop(certdrop, authority, "second.example.com")
    until(lambda: certdrop.json("status")["degraded"], certdrop.log)
    certdrop.until_state("web", "failed")
    # Each of these is answered by a turn of the loop that might be going round.
    for _ in range(5):
        status = certdrop.run("status")
    lines = certdrop.log().splitlines()[before:]
    assert len(lines) < 10, certdrop.log()
    assert f"degraded: journal {certdrop.state}/journal.db: " in status.stdout, status.stdout
    assert f"{certdrop.state}/journal.db: " in status.stdout.split("degraded")[0], status.stdout
    assert certdrop.dropped("web") == ["all.pem"] and "taken away" not in certdrop.log()

    third = drop(certdrop, authority, "third.example.com")
    until(lambda: "taken in: CN=third.example.com" in certdrop.log(), certdrop.log)
    no_file_grows_beyond(certdrop, "unlimited")
    if os.environ.get("THOROUGH"):  # it looks every 5 s whether it can be written again
        certdrop.until_in_service("web", third)
        until(lambda: not certdrop.dropped("web"), certdrop.log)


def test_a_journal_that_is_removed_is_missed_at_the_next_look(certdrop, authority, scratch):
    start(certdrop, scratch)
    first = drop(certdrop, authority, "first.example.com")
    certdrop.until_in_service("web", first)
    for path in certdrop.state.glob("journal.db*"):
        path.unlink()
    until(lambda: "journal.db: it was removed while it was in use; put" in certdrop.run("status").stdout,
          certdrop.log)
    assert certdrop.json("status")["targets"][0]["state"] == "in-service"
    drop(certdrop, authority, "second.example.com")
    certdrop.until_state("web", "failed", where=lambda receipt: "nothing is begun" in receipt["reason"])
    assert (scratch / "published" / "all.pem").read_bytes() == first.fullchain
    assert certdrop.dropped("web") == ["all.pem"]


def test_what_cannot_be_read_any_more_is_taken_from_the_source_again(certdrop, authority, scratch):
    source = scratch / "source"
    source.mkdir(mode=0o700)
    pair = authority.issue("web.example.com")
    (source / "all.pem").write_bytes(pair.fullchain + pair.key)
    start(certdrop, scratch, source=str(source))
    until(lambda: certdrop.run("status").returncode == 0, certdrop.log)
    certdrop.stop()
    (kept,) = (certdrop.state / "store").iterdir()
    whole = kept.read_bytes()
    kept.write_bytes(b"nobody can read that")
    certdrop.start(WITHOUT_SIGNAL)
    until(lambda: certdrop.run("status").returncode == 0, lambda: certdrop.run("status").stdout)
    assert kept.read_bytes() == whole
