"""The openGauss stand-in is as the product's documentation and source say, so that tests may lean on it."""
import io
import os
import socket
import stat
import struct
import subprocess
import tarfile
import zipfile

import pytest

from opengauss import CertificateSet, OpenGauss, as_owner, codec, put, revocation_list
from postgresql import PROGRAMS
from waiting import until

pytestmark = pytest.mark.skipif(not PROGRAMS, reason="PostgreSQL is not installed")
RAND, SALT, VECTOR = bytes(range(16)), bytes(range(16, 32)), bytes(range(32, 48))
GARBAGE = {name: b"garbage" for name in (
    "cacert.pem", "server.crt", "server.key", "server.key.cipher", "server.key.rand",
    "client.crt", "client.key", "client.key.cipher", "client.key.rand")}


@pytest.fixture
def certificates(authority):
    return CertificateSet(authority, "old.example.com")


@pytest.fixture
def installed(scratch, certificates):
    """Clusters that are installed, and stopped at the end."""
    made = []

    def install(**more):
        made.append(OpenGauss(scratch, certificates, **more))
        return made[-1]
    yield install
    for cluster in made:
        cluster.stop()


@pytest.fixture
def one(installed):
    """One node that serves."""
    return installed().start()


@pytest.fixture
def down(installed):
    """One node whose server is not needed."""
    return installed()


@pytest.fixture
def three(installed):
    """Three nodes whose servers are not needed."""
    return installed(nodes=3)


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def failed(done, code):
    """Told by the action itself: on standard output, status 1."""
    assert done.returncode == 1 and f"[GAUSS-{code}] : " in done.stdout, done.stdout + done.stderr
    return True


def refused(done, code):
    """Told before there is an action: on standard error, status 1."""
    assert done.returncode == 1 and f"[GAUSS-{code}] : " in done.stderr, done.stdout + done.stderr
    return True


def in_backup(directory):
    with tarfile.open(directory / "gsql_cert_backup.tar.gz") as archive:
        return {member.name: archive.extractfile(member).read() for member in archive}


# ---- cipher and rand files ----

@pytest.mark.parametrize("passphrase, fillers, rand_filler, cipher, rand", [
    (b"Test@123", bytes(4), bytes(4),
     "583765ebe232f4c660e1d6da3095ce4900101112131415161718191a1b1c1d1e1f00202122232425262728292a2b2c2d2e2f"
     "00009e43de9f", "000102030405060708090a0b0c0d0e0f0000000055ce1a75"),
    (b"Abcd@1234567890", bytes.fromhex("deadbeef"), bytes.fromhex("deadbeef"),
     "d1e4eefe575d707d81cb84540c0e7e8cde101112131415161718191a1b1c1d1e1fad202122232425262728292a2b2c2d2e2f"
     "beeff537f155", "000102030405060708090a0b0c0d0e0fdeadbeef8334ee4b")])
def test_the_known_files_are_written_and_read(passphrase, fillers, rand_filler, cipher, rand):
    assert codec.checksum(b"123456789") == 0xC40ED0B0 and codec.checksum(b"") == 0
    written = codec.encode(passphrase, RAND, SALT, VECTOR, fillers, rand_filler)
    assert [content.hex() for content in written] == [cipher, rand]
    assert codec.decode(*written) == passphrase


def test_a_cipher_file_goes_with_its_own_rand_file_only():
    cipher, rand = codec.encode(b"Test@1234")
    with pytest.raises(codec.Unreadable, match="checksum"):
        codec.decode(cipher[:20] + bytes([cipher[20] ^ 1]) + cipher[21:], rand)
    with pytest.raises(codec.Unreadable, match="short"):
        codec.decode(cipher, rand[:-1])
    assert codec.decode(cipher + b"more", rand + b"more") == b"Test@1234"
    others = [codec.encode(b"Test@1234")[1] for _ in range(3)]
    unreadable = 0
    for other in others:
        try:
            codec.decode(cipher, other)
        except codec.Unreadable:
            unreadable += 1
    assert unreadable >= 2      # by chance alone one in 256 pads well


def test_gs_guc_writes_them_and_never_says_that_it_could_not(down):
    node = down.nodes[0]
    done = down.run("gs_guc", "encrypt", "-M", "client", "-K", "Abcd@12345", "-D", node.tmp)
    assert done.returncode == 0, done.stderr
    assert codec.decode(*((node.tmp / f"client.key.{end}").read_bytes() for end in ("cipher", "rand"))) == b"Abcd@12345"
    assert mode(node.tmp / "client.key.cipher") == 0o600
    assert down.run("gs_guc", "encrypt", "-D", node.tmp, given="Efgh@12345\n").returncode == 0
    assert codec.decode(*((node.tmp / f"server.key.{end}").read_bytes() for end in ("cipher", "rand"))) == b"Efgh@12345"
    done = down.run("gs_guc", "encrypt", "-K", "Abcd@12345", "-D", node.tmp / "nowhere")
    assert done.returncode == 0 and "could not open" in done.stderr
    for bad in ("Ab@1", "Abcd@1234567890x", "abcdefgh1"):
        assert down.run("gs_guc", "encrypt", "-K", bad, "-D", node.tmp).returncode == 1
    assert "Abcd@12345" not in (down.root / "calls").read_text()
    assert ["encrypt", "-K", "***", "-D", f"{node.tmp}"] in down.calls("gs_guc")


# ---- the server ----

def ask(cluster, number, **more):
    """A query by a stock client, as the cluster's user."""
    url = f"host=127.0.0.1 port={cluster.nodes[number].port} user=postgres dbname=postgres connect_timeout=10 " + \
        " ".join(f"{name}={value}" for name, value in {"sslmode": "require", **more}.items())
    return subprocess.run(as_owner("psql", "-w", "-At", "-c", "select 6 * 7", url), capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, cwd="/", env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"})


def test_a_real_database_answers_behind_the_certificate(one, certificates):
    assert one.served() == [certificates.fingerprint]
    done = ask(one, 0, sslmode="verify-ca", sslrootcert=one.nodes[0].data / "cacert.pem")
    assert done.stdout == "42\n", done.stderr
    assert ask(one, 0, sslmode="disable").stdout == "42\n"


def test_a_new_certificate_under_the_old_passphrase_is_served_at_once(one, authority):
    new = CertificateSet(authority, "new.example.com")
    assert one.replace(new.zip()).returncode == 0
    assert one.served() == [new.fingerprint] and ask(one, 0).stdout == "42\n"


def test_a_new_passphrase_is_refused_until_the_restart(one, authority):
    new = CertificateSet(authority, "new.example.com", passphrase=b"Other@1234")
    assert one.replace(new.zip()).returncode == 0
    assert one.served() == [None] and "could not load private key file" in one.nodes[0].log()
    assert "cluster_state   : Normal" in one.run("gs_om", "-t", "status").stdout
    assert one.run("gs_om", "-t", "stop").stdout.startswith("\n")
    assert one.run("gs_om", "-t", "start").returncode == 0
    assert one.served() == [new.fingerprint]


def test_a_passphrase_whose_files_begin_with_zero_is_not_kept(installed, authority, certificates):
    cipher, rand = codec.encode(certificates.passphrase, rand=RAND)
    certificates.files.update({"server.key.cipher": cipher, "server.key.rand": rand})
    cluster = installed().start()
    new = CertificateSet(authority, "new.example.com", passphrase=b"Other@1234")
    assert cluster.replace(new.zip()).returncode == 0 and cluster.served() == [new.fingerprint]


def test_a_refusal_is_plain_text_after_the_s(one):
    put(one.nodes[0].data / "server.crt", b"garbage", 0o600)
    for refusal, first in (("error", b"E"), ("close", b"")):
        one.set(refusal=refusal)
        with socket.create_connection(("127.0.0.1", one.nodes[0].port), timeout=10) as client:
            client.sendall(struct.pack("!II", 8, 80877103))
            assert client.recv(1) == b"S"
            client.sendall(b"\x16\x03\x01")
            assert client.recv(1) == first


def test_a_server_that_keeps_what_it_loaded_can_be_had(installed, authority, certificates):
    cluster = installed()
    cluster.set(reads="start")
    cluster.start()
    new = CertificateSet(authority, "new.example.com")
    assert cluster.replace(new.zip()).returncode == 0 and cluster.served() == [certificates.fingerprint]
    assert cluster.run("gs_om", "-t", "restart", "-m", "nonsense").returncode == 0
    assert cluster.served() == [new.fingerprint]


def test_the_modes_count_of_the_certificate_too(one):
    for name, bits in (("server.crt", 0o640), ("cacert.pem", 0o604), ("server.key", 0o700)):
        (one.nodes[0].data / name).chmod(bits)
        assert one.served() == [None], name
        (one.nodes[0].data / name).chmod(0o400)
        assert one.served() != [None], name
    assert "has group or world access" in one.nodes[0].log()


def test_an_unencrypted_key_does_without_cipher_and_rand(one, certificates):
    put(one.nodes[0].data / "server.key", certificates.server.key, 0o600)
    os.chown(one.nodes[0].data / "server.key", one.nodes[0].data.stat().st_uid, -1)
    (one.nodes[0].data / "server.key.rand").unlink()
    assert one.run("gs_om", "-t", "restart").returncode == 0
    assert one.served() == [certificates.fingerprint]


def test_until_it_is_ready_it_answers_with_an_error(installed):
    cluster = installed()
    cluster.set(start_seconds=30)
    starting = subprocess.Popen(
        as_owner(str(cluster.bin / "gs_om"), "-t", "start", "--time-out=1"), stdout=subprocess.PIPE, text=True,
        env={name: str(value) for name, value in cluster.variables(cluster.nodes[0]).items()})
    until(lambda: first_byte(cluster) == b"E", "no error message")
    assert "[GAUSS-53600]" in starting.communicate(timeout=20)[0] and starting.returncode == 1
    assert "Unavailable" in cluster.run("gs_om", "-t", "status").stdout


def first_byte(cluster):
    try:
        with socket.create_connection(("127.0.0.1", cluster.nodes[0].port), timeout=10) as client:
            client.sendall(struct.pack("!II", 8, 80877103))
            return client.recv(1)
    except OSError:
        return None


def test_it_can_be_too_busy(one):
    one.set(answers={"node1": "too many clients already"})
    assert first_byte(one) == b"E" and one.served() == [None]
    one.set(answers={})
    assert first_byte(one) == b"S"


def test_a_revoked_client_is_turned_away(scratch, installed, authority, certificates):
    certificates.files["sslcrl-file.crl"] = revocation_list(authority, [certificates.client])
    cluster = installed().start()
    well = CertificateSet(authority, "well.example.com")
    for client, answer in ((certificates.client, ""), (well.client, "42\n")):
        for name, content in (("client.crt", client.fullchain), ("client.key", client.key)):
            put(cluster.root / name, content, 0o600)
            os.chown(cluster.root / name, cluster.root.stat().st_uid, -1)
        done = ask(cluster, 0, sslcert=cluster.root / "client.crt", sslkey=cluster.root / "client.key")
        assert done.stdout == answer, done.stderr + cluster.nodes[0].log()


def test_database_and_front_die_together(one):
    process, _ = one.nodes[0].server()
    database = int((one.nodes[0].database / "postmaster.pid").read_text().split()[0])
    os.kill(process, 9)
    until(lambda: not os.path.exists(f"/proc/{database}"), "PostgreSQL lives on")
    assert one.run("gs_ctl", "status").returncode == 3
    assert one.run("gs_om", "-t", "start").returncode == 0 and one.served() != [None]


# ---- gs_om -t cert: what is looked at ----

def link(name, target):
    entry = zipfile.ZipInfo(name)
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    return entry, target


def with_mode(name, bits):
    entry = zipfile.ZipInfo(name)
    entry.external_attr = (stat.S_IFREG | bits) << 16
    return entry


def archive(*entries):
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as made:
        for name, content in entries:
            made.writestr(name, content)
    return memory.getvalue()


def without(name, *more):
    return archive(*((each, content) for each, content in GARBAGE.items() if each != name), *more)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_nothing_but_the_presence_of_names_is_looked_at(down):
    node = down.nodes[0]
    for content in (archive(*GARBAGE.items()), archive(*((name, b"") for name in GARBAGE)),
                    archive(*GARBAGE.items(), ("extra", b"")),
                    archive(("server.crt", b"first"), *GARBAGE.items())):
        assert down.replace(content).returncode == 0
    assert (node.data / "server.crt").read_bytes() == b"garbage" and not (node.data / "extra").exists()
    assert mode(node.data / "server.crt") == 0o600 and not (node.data / "client.crt").exists()
    assert mode(node.sslcert("cm") / "client.key") == 0o400 and mode(node.sslcert("om") / "client.key") == 0o600
    assert not (node.data / "certFlag").exists() and not (node.tmp / "tempCertDir").exists()


def test_what_the_package_lacks_is_named(down, certificates):
    before = down.nodes[0].files()
    for content, name in ((without("server.crt", ("Server.crt", b"")), "server.crt"),
                          (archive(*(("x/" + each, b"") for each in GARBAGE)), "client.crt"),
                          (without("client.key.rand"), "client.key.rand")):
        done = down.replace(content)
        assert failed(done, 50201) and f"/{name} does not exist.Missing SSL" in done.stdout
    for content in (certificates.zip()[:-40], archive(*GARBAGE.items(), ("../outside", b""))):
        assert failed(down.replace(content), 50231)
    assert down.nodes[0].files() == before and not (down.nodes[0].data / "certFlag").exists()


def test_a_link_or_a_mode_stops_it_half_way(down):
    node = down.nodes[0]
    old = node.files()
    content = without("server.key", link("server.key", "/etc/passwd"))
    assert failed(down.replace(content, "-L"), 50107)
    assert (node.data / "server.crt").read_bytes() == b"garbage" and (node.data / "server.key").is_symlink()
    assert (node.data / "server.key.rand").read_bytes() == old["server.key.rand"] and (node.data / "certFlag").exists()
    content = without("server.key", (with_mode("server.key", 0), b"garbage"))
    assert failed(down.replace(content, "-L"), 50214) and not (node.data / "server.key").exists()


# ---- gs_om -t cert: where it all goes, and the way back ----

def test_what_is_not_packed_vanishes(down, authority):
    om, data = down.nodes[0].sslcert("om"), down.nodes[0].data
    with_list = CertificateSet(authority, "a.example.com", revoked=[])
    assert down.replace(with_list.zip(**{"client.key.pk8": b"x", "openssl.cnf": b"y"})).returncode == 0
    assert (om / "client.key.pk8").exists() and (om / "openssl.cnf").exists() and (data / "sslcrl-file.crl").exists()
    assert "ssl_crl_file = 'sslcrl-file.crl'" in down.nodes[0].configuration.read_text()
    assert down.replace(CertificateSet(authority, "b.example.com").zip()).returncode == 0
    assert not (om / "client.key.pk8").exists() and not (om / "openssl.cnf").exists()
    assert not (data / "sslcrl-file.crl").exists()
    assert "ssl_crl_file = ''" in down.nodes[0].configuration.read_text()


def test_the_backup_is_of_the_last_generation(down, authority):
    node = down.nodes[0]
    backup = node.data / "gsql_cert_backup.tar.gz"
    old = node.files()
    new, newer = CertificateSet(authority, "new.example.com"), CertificateSet(authority, "newer.example.com")
    done = down.replace(new.zip())
    assert "Successfully backup SSL cert files on [node1].\n" in done.stdout
    assert mode(backup) == 0o600 and in_backup(node.data) == old
    assert "emptyflag" in in_backup(node.sslcert("om")) and mode(node.sslcert("om") / backup.name) == 0o600
    assert down.replace(newer.zip()).returncode == 0
    assert in_backup(node.data)["server.crt"] == new.files["server.crt"]
    for _ in range(2):
        assert down.run("gs_om", "-t", "cert", "--rollback").returncode == 0
        assert node.files()["server.crt"] == new.files["server.crt"]
        assert (node.sslcert("om") / "client.crt").read_bytes() == new.files["client.crt"]


def test_a_local_backup_can_be_read_by_others(down, authority):
    done = down.replace(CertificateSet(authority, "new.example.com").zip(), "-L")
    assert done.stdout.endswith("Replace SSL cert files with local mode successfully.\n")
    for directory in (down.nodes[0].data, down.nodes[0].sslcert("om")):
        assert mode(directory / "gsql_cert_backup.tar.gz") == 0o644


def test_a_failure_leaves_a_flag_that_keeps_the_older_backup(down, authority, certificates):
    node = down.nodes[0]
    down.order("guc:node1", "fail-once")
    new = CertificateSet(authority, "new.example.com")
    assert failed(down.replace(new.zip()), 51400)
    assert node.files()["server.crt"] == new.files["server.crt"] and (node.data / "certFlag").exists()
    done = down.replace(CertificateSet(authority, "newer.example.com").zip())
    assert done.returncode == 0 and "There is no need to backup on all dbnodes." in done.stdout
    assert in_backup(node.data)["server.crt"] == certificates.files["server.crt"]
    assert not (node.data / "certFlag").exists()


def test_a_node_that_fails_leaves_the_cluster_mixed(three, authority, certificates):
    new = CertificateSet(authority, "new.example.com")
    three.order("copy:node2:server.key", "fail")
    assert failed(three.replace(new.zip()), 50216)
    assert [node.files()["server.crt"] == new.files["server.crt"] for node in three.nodes] == [True, True, False]
    assert "server.key" not in three.nodes[1].files()
    assert [(node.data / "certFlag").exists() for node in three.nodes] == [False, True, True]
    assert "copy:node3:server.key" not in three.points()
    done = three.run("gs_om", "-t", "cert", "--rollback")
    assert done.returncode == 0 and "Successfully rollback SSL cert files on [node3].\n" in done.stdout
    assert all(node.files()["server.key"] == certificates.files["server.key"] for node in three.nodes)


def test_a_file_that_a_later_node_lacks_fails_its_backup(three, authority):
    (three.nodes[1].data / "server.key.rand").unlink()
    before = [node.files() for node in three.nodes]
    done = three.replace(CertificateSet(authority, "new.example.com").zip())
    assert failed(done, 51400) and "server.key.rand: Cannot stat" in done.stdout
    assert [node.files() for node in three.nodes] == before
    assert [(node.data / "certFlag").exists() for node in three.nodes] == [True, True, False]


def test_a_client_that_comes_while_a_file_is_missing_is_refused(one, authority):
    one.order("copy:node1:server.key", "hang")
    new = CertificateSet(authority, "new.example.com")
    running = subprocess.Popen(
        as_owner(str(one.bin / "gs_om"), "-t", "cert", f"--cert-file={one.package(new.zip())}"),
        env={name: str(value) for name, value in one.variables(one.nodes[0]).items()}, stdout=subprocess.DEVNULL)
    until(lambda: "copy:node1:server.key" in one.points(), "it does not come to the key")
    assert one.served() == [None]
    one.order("copy:node1:server.key", None)
    assert running.wait(20) == 0 and one.served() == [new.fingerprint]


def test_dss_takes_part_where_it_is_on(installed, authority):
    cluster = installed(components=("dss", "om"))
    new = CertificateSet(authority, "new.example.com")
    assert cluster.replace(new.zip()).returncode == 0
    dss, profile = cluster.nodes[0].sslcert("dss"), cluster.nodes[0].profile
    assert (dss / "server.crt").read_bytes() != new.files["server.crt"]
    profile.write_text(profile.read_text() + "export DSS_SSL=on\n")
    assert "Successfully replace dss ssl cert files." in cluster.replace(new.zip()).stdout
    assert (dss / "server.crt").read_bytes() == new.files["server.crt"] and mode(dss / "server.crt") == 0o400


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to somebody else")
def test_the_owner_of_the_package_must_exist(down):
    package = down.package(archive(*GARBAGE.items()))
    package.chmod(0o644)
    os.chown(package, 54321, -1)
    done = down.run("gs_om", "-t", "cert", f"--cert-file={package}")
    assert failed(done, 50300) and "User  does not exist." in done.stdout


def test_a_rollback_wants_a_backup_everywhere(three, authority):
    new = CertificateSet(authority, "new.example.com")
    assert three.replace(new.zip()).returncode == 0
    (three.nodes[2].data / "gsql_cert_backup.tar.gz").unlink()
    done = three.run("gs_om", "-t", "cert", "--rollback")
    assert failed(done, 50201) and "Can't rollback SSL cert files on ['node3']." in done.stdout
    assert all(node.files()["server.crt"] == new.files["server.crt"] for node in three.nodes)


def test_a_local_rollback_without_a_backup_deletes_and_is_content(down):
    node = down.nodes[0]
    before = node.files()
    done = down.run("gs_om", "-t", "cert", "--rollback", "-L")
    assert done.returncode == 0 and "There is not node data exists backup files.\n" in done.stdout
    assert node.files() == before
    assert not list(node.sslcert("om").iterdir()) and not list(node.sslcert("cm").iterdir())


def test_a_rollback_that_fails_leaves_the_node_without(down, authority):
    assert down.replace(CertificateSet(authority, "new.example.com").zip()).returncode == 0
    down.order("unpack:node1", "fail")
    assert failed(down.run("gs_om", "-t", "cert", "--rollback"), 51400)
    assert down.nodes[0].files() == {} and (down.nodes[0].data / "tempDir" / "server.crt").exists()


def test_two_at_once_spoil_each_other(down, authority):
    down.order("copy:node1:server.key", "hang")
    package = down.package(CertificateSet(authority, "new.example.com").zip())
    first = subprocess.Popen(
        as_owner(str(down.bin / "gs_om"), "-t", "cert", f"--cert-file={package}"), stdout=subprocess.PIPE, text=True,
        env={name: str(value) for name, value in down.variables(down.nodes[0]).items()})
    until(lambda: "copy:node1:server.key" in down.points(), "it does not come to the key")
    assert failed(down.replace(without("client.crt")), 50201)
    down.order("copy:node1:server.key", None)
    assert "[GAUSS-502" in first.communicate(timeout=20)[0] and first.returncode == 1


def test_it_can_be_killed_where_it_hurts(down, authority):
    down.order("copy:*:server.key", "kill")
    assert down.replace(CertificateSet(authority, "new.example.com").zip()).returncode < 0
    assert "server.key" not in down.nodes[0].files() and (down.nodes[0].tmp / "tempCertDir").exists()


# ---- start, stop, status ----

def test_a_stop_that_fails_says_so_unless_there_is_a_cluster_manager(installed):
    cluster = installed(nodes=2).start()
    cluster.order("stop:node2", "fail")
    done = cluster.run("gs_om", "-t", "stop")
    assert failed(done, 53606) and [node.server()[0] is None for node in cluster.nodes] == [True, False]
    cluster.order("start:node1", "fail")
    assert failed(cluster.run("gs_om", "-t", "start"), 53600)


def test_with_a_cluster_manager_they_exit_with_0(installed):
    cluster = installed(nodes=2, cm=True).start()
    cluster.order("stop:node2", "fail")
    done = cluster.run("gs_om", "-t", "stop")
    assert done.returncode == 0 and "Failed to stop cluster forcibly." in done.stdout
    assert cluster.nodes[1].server()[0]
    cluster.order("start:node1", "fail")
    done = cluster.run("gs_om", "-t", "start", "--time-out=7")
    assert done.returncode == 0 and "Failed to start cluster  in (7)s." in done.stdout


def test_status_exits_with_0_whatever_it_has_to_say(installed):
    cluster = installed(nodes=2).start()
    assert cluster.run("gs_om", "-t", "stop", "-h", "node2").stdout.endswith("End stop node.\n")
    done = cluster.run("gs_om", "-t", "status", "--detail")
    assert done.returncode == 0 and "cluster_state   : Degraded\n" in done.stdout
    assert "S Down    Manually stopped\n" in done.stdout and "P Primary Normal\n" in done.stdout
    assert cluster.run("gs_om", "-t", "stop").returncode == 0
    done = cluster.run("gs_om", "-t", "status")
    assert done.returncode == 0 and "cluster_state   : Unavailable\n" in done.stdout
    assert failed(cluster.run("gs_om", "-t", "status", "-h", "node9"), 51619)
    cluster.order("status", "fail")
    assert failed(cluster.run("gs_om", "-t", "status"), 51600)


def test_gs_ctl_restarts_one_server(one):
    before, _ = one.nodes[0].server()
    assert one.run("gs_ctl", "reload", "-D", one.nodes[0].data).stdout == "server signaled\n"
    assert one.run("gs_ctl", "restart", "-D", one.nodes[0].data).returncode == 0
    process, _ = one.nodes[0].server()
    assert process != before and one.served() != [None]
    assert f"server is running (PID: {process})" in one.run("gs_ctl", "status").stdout


# ---- arguments, user and environment ----

def test_the_arguments_are_checked_as_documented(down):
    package = down.package(b"", "p.zip")
    other = down.package(b"", "p.ZIP")
    for code, *arguments in (
            (50000, "-t", "cert", "--cert-file=", package), (50000, "-t", "cert", "--rollback", "-h", "node1"),
            (50000, "-t", "cert", "--what"), (50001, "-t", "cert"), (50001, "-t", "cert", f"--cert-file={other}"),
            (50004, "-t", "certs"), (50005, "-t", "cert", f"--cert-file={package}", "--rollback"),
            (50210, "-t", "cert", f"--cert-file={package}.zip"), (50003, "-t", "stop", "--time-out=soon"),
            (50004, "-t", "start", "--time-out=0"), (50004, "-t", "stop", "-m", "slow"),
            (50212, "-t", "status", "-l", "x.txt"), (50235, "-t", "status", "-l", "x.y.log")):
        assert refused(down.run("gs_om", *arguments), code), arguments
    assert failed(down.run("gs_om", "-t", "cert", "--cert-file", package), 50231)
    logs = list((down.nodes[0].logs / "om").glob("gs_om-*.log"))
    assert logs and mode(logs[0]) == 0o600 and "[GAUSS-50231]" in logs[0].read_text()


def test_user_and_profile_have_to_be_right(down):
    node = down.nodes[0]
    good = node.profile.read_text()
    for code, text in ((51802, good.replace("export PGHOST", "unset PGHOST; : ")),
                       (50300, good.replace("GAUSS_ENV=2", "GAUSS_ENV=1")),
                       (50201, good.replace("app\nexport GPHOME", "nowhere\nexport GPHOME")),
                       (51802, good.replace("GS_CLUSTER_NAME=certdrop", "GS_CLUSTER_NAME='a b'"))):
        node.profile.write_text(text)
        assert refused(down.run("gs_om", "-t", "status"), code)
    node.profile.unlink()
    assert refused(down.run("gs_om", "-t", "status"), 50201)
    if os.geteuid() == 0:
        done = subprocess.run([down.bin / "gs_om", "-t", "status"], capture_output=True, text=True)
        assert refused(done, 50105)
