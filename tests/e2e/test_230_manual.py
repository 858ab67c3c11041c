"""The manual, and completion in real shells."""
import json
import os
import pathlib
import re
import subprocess

import pytest

from terminal import Terminal

TOP = pathlib.Path(__file__).resolve().parents[2]
PAGES = ["certdrop.1", "certdrop.conf.5", "certdrop-receipt.5", "certdrop-json.5"]

# Of the machine, not of the page: which other pages are installed, and a remark for authors of NetBSD.
NOT_OF_THE_PAGE = re.compile(r"mandoc\.db|referenced manual not found|operating system explicitly specified")


@pytest.fixture(scope="module")
def pages(build):
    return build / "controller" / "certdrop" / "manual"


# ---- the manual ----

@pytest.mark.parametrize("page", PAGES)
def test_a_page_renders_without_a_warning(pages, page):
    lint = subprocess.run(["mandoc", "-T", "lint", pages / page], capture_output=True, text=True)
    told = [line for line in (lint.stdout + lint.stderr).splitlines() if not NOT_OF_THE_PAGE.search(line)]
    assert not told, "\n".join(told)
    for width in "60", "80", "200":
        man = subprocess.run(["man", "--warnings=w", "-l", pages / page], capture_output=True, text=True,
                             env={**os.environ, "MANWIDTH": width, "LC_ALL": "C.UTF-8"})
        assert man.returncode == 0 and not man.stderr, man.stderr
        assert "SEE ALSO" in man.stdout


def rendered(page):
    """The lines of a page, as wide as need be and without backspaces."""
    done = subprocess.run(["mandoc", "-T", "ascii", "-O", "width=400", page], capture_output=True, text=True, check=True)
    return [line.strip() for line in re.sub(".\b", "", done.stdout).splitlines()]


def test_every_example_is_in_the_manual_as_it_stands(pages):
    lines = set(rendered(pages / "certdrop.conf.5"))
    for example in (TOP / "conf").glob("*.conf"):
        missing = [line for line in example.read_text().splitlines() if line.strip() not in lines]
        assert not missing, f"{example}: {missing}"


def test_every_state_is_explained(pages):
    states = re.findall(r'\[STATE_[A-Z_]+\] = "([a-z-]+)"', (TOP / "controller/certdrop/subject/subject-told.c").read_text())
    assert len(states) == 8
    explained = re.findall(r"^\.Ss ([a-z-]+)$", (pages / "certdrop.1").read_text(), re.M)
    assert [state for state in states if state not in explained] == []
    receipt = (pages / "certdrop-receipt.5").read_text()
    assert [state for state in states if not re.search(rf"^(\.Cm )?{state}\b", receipt, re.M)] == []


def literals():
    """All texts of the programs, each as one line."""
    for folder in "controller", "reconcilers":
        for source in (TOP / folder).rglob("*.c"):
            for found in re.findall(r'(?:"(?:[^"\\\n]|\\.)*"\s*)+', source.read_text()):
                yield re.sub(r'"\s*"', "", found)


def test_every_reason_that_is_explained_can_be_given(pages):
    """A reason that is reworded, and not in the manual, is found here."""
    texts = "\n".join(literals())
    quoted = re.findall(r"^\.It Dq (.*)$", (pages / "certdrop.1").read_text(), re.M)
    assert len(quoted) > 40
    patterns = [".*".join(re.escape(piece) for piece in reason.replace("\\-", "-").split("..."))
                for reason in quoted]
    assert [pattern for pattern in patterns if not re.search(pattern, texts)] == []


def test_every_member_of_a_receipt_is_explained(pages, serving):
    certdrop, _, _ = serving
    receipt = json.loads((certdrop.drops / "web" / "receipt.json").read_text())
    explained = re.findall(r"^\.It Ic (\w+)$", (pages / "certdrop-receipt.5").read_text(), re.M)
    assert list(receipt) == explained


BRIEF = ["digest", "fingerprint", "subject", "not_after"]


def members(document):
    """All names in a document, but for those in a certificate in brief."""
    if isinstance(document, list):
        return {name for each in document for name in members(each)}
    if not isinstance(document, dict) or "digest" in document and set(document) <= set(BRIEF):
        return set()
    return set(document) | members(list(document.values()))


def test_every_member_of_a_document_is_explained(pages, serving, authority, scratch):
    certdrop, _, pair = serving
    (scratch / "web.pem").write_bytes(pair.fullchain + pair.key)
    documents = {command: certdrop.json(command, *more) for command, more in (
        ("status", []), ("history", []), ("explain", ["web"]), ("check", []),
        ("inspect", [scratch / "web.pem", "--for", "web"]))}
    certdrop.stop()
    later = authority.issue("web.example.com")
    certdrop.drop("web", {"web.pem": later.fullchain + later.key})
    documents["plan"] = certdrop.json("plan")
    certdrop.configure([{"name": "mail", "product": "files", "publish": scratch / "mail", "names": ["mail.example.com"],
                         "files": [{"name": "all.pem", "content": "combined"}]}])
    documents["generate"] = certdrop.json("generate", "self-signed", "--for", "mail")

    sections = re.split(r"^\.Ss (.*)$", (pages / "certdrop-json.5").read_text(), flags=re.M)
    page = dict(zip(sections[1::2], sections[2::2]))
    assert set(page) == {"A certificate in brief", *documents}
    for command, document in documents.items():
        found, explained = members(document), set(re.findall(r"^(?:\.It )?\.?Ic (\w+)", page[command], re.M))
        assert found <= explained, f"{command}: not explained: {found - explained}"
        # What there is not in this scene: an endpoint that does not answer, something pending, more than one end.
        rare = {"error", "text", "at", "what", "not_before"}
        assert explained - found <= rare, f"{command}: never told: {explained - found}"
    assert re.findall(r"^\.It Ic (\w+)$", page["A certificate in brief"], re.M) == BRIEF


def test_pages_and_completion_are_installed(build):
    plan = json.loads(subprocess.run(["meson", "introspect", "--installed", build], capture_output=True, text=True,
                                     check=True).stdout)
    places = "\n".join(plan.values())
    for place in ["/man/man1/certdrop.1", "/man/man5/certdrop.conf.5", "/man/man5/certdrop-receipt.5",
                  "/man/man5/certdrop-json.5",
                  "/bash-completion/completions/certdrop", "/zsh/site-functions/_certdrop"]:
        assert f"{place}\n" in f"{places}\n", places


# ---- completion ----

SHELLS = {
    "bash": (["bash", "--norc", "--noprofile", "-i"],
             f"bind 'set show-all-if-ambiguous on' 'set bell-style none'; . {TOP}/packaging/completion/certdrop.bash"),
    "zsh": (["zsh", "-f", "-i"],
            f"setopt no_beep no_list_beep; fpath=({TOP}/packaging/completion $fpath); "
            "autoload -Uz compinit; compinit -u -D"),
}


@pytest.fixture(params=list(SHELLS))
def shell(request, certdrop):
    """A shell in which `certdrop` is completed, and a configuration with two targets; no service runs."""
    certdrop.configure([{"name": name, "product": "files", "publish": certdrop.scratch / name,
                         "files": [{"name": "all.pem", "content": "combined"}]} for name in ("web-east", "mail")])
    arguments, commands = SHELLS[request.param]
    environment = {**os.environ, "TERM": "dumb", "PS1": "% ", "HOME": str(certdrop.scratch), "COLUMNS": "200",
                   "PATH": f"{certdrop.program.parent}:{os.environ['PATH']}"}
    terminal = Terminal(arguments, environment)
    terminal.type(f"cd {certdrop.scratch}; {commands}; echo rea''dy\n")
    terminal.until_seen("ready")
    yield terminal
    terminal.close()


def completed(shell, typed, *seen):
    """Types, asks for completion, and takes the line back once what is awaited has been seen."""
    shell.type(typed + "\t")
    shown = shell.until_seen(*seen)
    shell.type("\x15echo li''ne\n")
    shell.until_seen("line")
    return shown


def test_a_command_is_completed(shell):
    completed(shell, "certdrop expl", "certdrop explain ")
    completed(shell, "certdrop ", "run", "check", "inspect", "generate", "rollback")


def test_a_target_is_completed(shell):
    completed(shell, "certdrop --config certdrop.conf status we", "status web-east ")
    completed(shell, "certdrop status -c certdrop.conf mail web", "mail web-east ")
    completed(shell, "certdrop inspect -c certdrop.conf --for m", "--for mail ")
    shown = completed(shell, "certdrop -c certdrop.conf plan ", "web-east", "mail")
    assert "self-signed" not in shown


def test_an_option_is_completed(shell):
    completed(shell, "certdrop status --wa", "--wait")
    completed(shell, "certdrop --conf", "--config")
    shown = completed(shell, "certdrop generate --", "--request", "--for", "--json", "--config")
    assert "--wait" not in shown


def test_a_profile_and_a_file_are_completed(shell):
    completed(shell, "certdrop -c certdrop.conf generate self", "generate self-signed ")
    completed(shell, "certdrop inspect certdrop.c", "inspect certdrop.conf ")
    completed(shell, "certdrop check --config certdrop.c", "--config certdrop.conf ")
