"""A mistake in the configuration is told with file, line and the nearest word, and a reload keeps what works."""
import re
import signal
import subprocess

import pytest

from waiting import until

MISTAKES = {
    "a setting's name": ('reload  =', 'relod  =', r'certdrop\.conf:\d+: .*relod.*"reload"'),
    "a product's name": ('"files"', '"fils"', r'certdrop\.conf:\d+: .*fils.*"files"'),
    "a content": ('"fullchain"', '"fulchain"', r'certdrop\.conf:\d+: .*fulchain.*"fullchain"'),
    "a mode": ('"0600"', '"rw"', r'certdrop\.conf:\d+: .*mode'),
    "a missing setting": ('publish =', '# publish =', r'certdrop\.conf:\d+: .*publish'),
    "a syntax error": ('drop =', 'drop', r'certdrop\.conf:\d+: '),
    "a relative path": ('publish = "', 'publish = "x', r'certdrop\.conf:\d+: .*publish'),
}


def spread(certdrop, targets, **more):
    """Each setting on a line of its own."""
    certdrop.configure(targets, **more)
    text = certdrop.configuration.read_text().replace("; ", ";\n ")
    certdrop.configuration.write_text(re.sub(r"\b(reload|publish|drop) = ", r"\1 = ", text))


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told_with_its_place(certdrop, nginx, mistake):
    spread(certdrop, [nginx.target()])
    assert certdrop.run("check").returncode == 0, certdrop.output
    right, wrong, told = MISTAKES[mistake]
    text = certdrop.configuration.read_text()
    changed = re.sub(re.escape(right).replace(r"\ ", r"\s*"), lambda _: wrong, text, count=1)
    assert changed != text
    certdrop.configuration.write_text(changed)
    done = certdrop.run("check")
    assert done.returncode == 1
    assert re.search(told, done.stdout + done.stderr), done.stdout + done.stderr


def test_the_line_is_the_right_one(certdrop, nginx):
    spread(certdrop, [nginx.target()])
    text = certdrop.configuration.read_text().replace("reload =", "relod =")
    certdrop.configuration.write_text(text)
    line = next(n for n, line in enumerate(text.splitlines(), 1) if "relod" in line)
    assert f"certdrop.conf:{line}: " in (done := certdrop.run("check")).stdout + done.stderr


def test_two_targets_of_one_name(certdrop, nginx):
    certdrop.configure([nginx.target(), nginx.target()])
    done = certdrop.run("check")
    assert done.returncode == 1 and "web" in done.stdout + done.stderr


def test_a_configuration_that_is_not_there(certdrop):
    done = certdrop.run("check")
    assert done.returncode == 1 and "certdrop.conf" in done.stdout + done.stderr


def test_check_tells_programs_what_it_tells_people(certdrop, nginx):
    target = nginx.target()
    certdrop.configure([target | {"reload": ["ngnix", "-s", "reload"]}])
    document = certdrop.json("check")
    assert document["sound"] and document["targets"][0]["target"] == "web" and not document["mistakes"]
    assert ['no program "ngnix" here' in warning for warning in document["warnings"]] == [True]
    certdrop.configure([target | {"passphrases": "/nonexistent/words"}])
    assert ['passphrases: there is no file "/nonexistent/words" here' in warning
            for warning in certdrop.json("check")["warnings"]] == [True]
    certdrop.configure([target | {"probe": ["db1"]}])
    document = certdrop.json("check")
    assert not document["sound"] and not document["targets"]
    assert ['"db1" is not host:port' in mistake for mistake in document["mistakes"]] == [True]


def test_targets_d_is_read_as_well(certdrop, nginx, authority, scratch):
    certdrop.configure([nginx.target()])
    main, targets = certdrop.configuration.read_text().split("targets = ")
    certdrop.configuration.write_text(main)
    (scratch / "targets.d").mkdir()
    (scratch / "targets.d" / "web.conf").write_text("targets = " + targets)
    certdrop.start()
    pair = authority.issue("web.example.com")
    certdrop.drop("web", {"all.pem": pair.fullchain + pair.key})
    certdrop.until_in_service("web", pair)


def test_a_wrong_configuration_does_not_start(certdrop, nginx):
    certdrop.configure([nginx.target(nosuch="x")])
    done = certdrop.run("run")
    assert done.returncode == 1 and re.search(r"certdrop\.conf:\d+: .*nosuch", done.stdout + done.stderr)


def test_a_reload_with_a_mistake_keeps_the_old_configuration(serving, authority):
    certdrop, nginx, _ = serving
    good = certdrop.configuration.read_text()
    certdrop.configuration.write_text(good.replace("probe", "prob"))
    certdrop.process.send_signal(signal.SIGHUP)
    until(lambda: '"probe"' in certdrop.log(), certdrop.log)
    certdrop.configuration.write_text(good)
    pair = authority.issue("web.example.com")
    certdrop.drop("web", {"all.pem": pair.fullchain + pair.key})
    certdrop.until_in_service("web", pair)


def test_a_reload_that_cannot_be_served_goes_back_to_the_old_configuration(serving, authority):
    certdrop, nginx, _ = serving
    good = certdrop.configuration.read_text()
    certdrop.configuration.write_text(re.sub(r'socket = "[^"]*"', 'socket = "/dev/null/socket"', good))
    certdrop.process.send_signal(signal.SIGHUP)
    until(lambda: "/dev/null/socket: not a directory; going back" in certdrop.log(), certdrop.log)
    certdrop.configuration.write_text(good)
    pair = authority.issue("web.example.com")
    certdrop.drop("web", {"all.pem": pair.fullchain + pair.key})
    certdrop.until_in_service("web", pair)


def test_a_reload_brings_a_new_target(serving, authority, scratch):
    certdrop, nginx, _ = serving
    copy = {"name": "copy", "product": "files", "publish": str(scratch / "copy"),
            "files": [{"name": "all.pem", "content": "combined", "mode": "0600"}]}
    certdrop.configure([nginx.target(), copy])
    certdrop.process.send_signal(signal.SIGHUP)
    until(lambda: "copy" in certdrop.run("status").stdout, certdrop.log)
    pair = authority.issue("copy.example.com")
    certdrop.drop("copy", {"all.pem": pair.fullchain + pair.key})
    certdrop.until_in_service("copy", pair)
    assert (scratch / "copy" / "all.pem").read_bytes() == pair.key + pair.fullchain


def test_an_owner_who_is_not_there_is_told_once(certdrop, scratch):
    files = [{"name": "a.pem", "content": "combined"}]
    certdrop.configure([{"name": name, "product": "files", "publish": str(scratch / name), "files": files}
                        for name in ("one", "two", "three")], **{"drop-owners": ["nobody-of-that-name"]})
    certdrop.start()
    certdrop.stop()
    assert certdrop.log().count('there is no user "nobody-of-that-name"') == 1


def test_the_example_in_the_readme_is_sound(certdrop):
    readme = (certdrop.program.parents[3] / "README.md").read_text()
    example = next(block for block in re.findall(r"^```\w*\n(.*?)^```", readme, re.S | re.M) if "targets = (" in block)
    certdrop.configuration.write_text(example)
    done = subprocess.run([certdrop.program, "check", "--config", certdrop.configuration],
                          capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stdout + done.stderr
