"""``steno archive``."""

import json
import os
import pty
import subprocess
import sys
import time

import pytest

from steno.archives import ArchiveIds, ArchiveSettings, Archivist
from steno.archives.layout import find_archives
from steno.logs.lines import LogLine

PASSWORD = "correct horse"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Archive two messages and a call without one, and have the password in the environment."""
    folder = tmp_path / "archives"
    monkeypatch.setenv("SESSION_LOG_DIR", str(folder))
    monkeypatch.setenv("SESSION_LOG_ZIP_PASSWORD", PASSWORD)
    archivist = Archivist(
        ArchiveSettings(enabled=True, directory=folder, password=PASSWORD, api_calls=True)
    )
    for ids in (
        ArchiveIds("u1", "s", "c1", "m1", "r1"), ArchiveIds("u1", "s", "api", "m2", "r2"),
        ArchiveIds("u2", request_id="r3"),
    ):  # fmt: skip
        spool = archivist.open(ids)
        spool.take(LogLine(time.time(), 10, "DEBUG", "pipe", f"{ids.request_id} \x1b[2J\n2026 x"))
        spool.end("ok")
    assert archivist.close()
    return folder


def rows(out):
    """Read one object per line."""
    return [json.loads(line) for line in out.splitlines()]


def test_ls(folder, run, monkeypatch):
    """All archives are listed, without a password."""
    monkeypatch.delenv("SESSION_LOG_ZIP_PASSWORD")
    code, out, _ = run("archive", "ls", "--json")

    assert code == 0
    found = [(row["user"], row["archive"], row["sealed_with"]) for row in rows(out)]
    assert found == [
        ("u1", "m2.zip", "password"), ("u1", "m1.zip", "password"), ("u2", "r3.zip", "password"),
    ]  # fmt: skip
    assert "m1.zip" in run("archive", "ls", "--dir", folder)[1]
    assert "no archives" in run("archive", "ls", "--dir", folder / "none")[2]


@pytest.mark.parametrize(
    ("options", "names"),
    [
        (["--user", "u1"], {"m1.zip", "m2.zip"}), (["--chat", "api"], {"m2.zip"}),
        (["--message", "m1"], {"m1.zip"}), (["--message", "r3"], {"r3.zip"}),
        (["--user", "u1", "--chat", "c1", "--message", "m1"], {"m1.zip"}),
    ],
)  # fmt: skip
def test_find(folder, run, options, names):
    """Archives are found by the ids that the host reports."""
    code, out, _ = run("archive", "find", *options, "--json")

    assert code == 0
    assert {row["archive"] for row in rows(out)} == names


def test_find_nothing(folder, run):
    """What is not there is exit code 1; a search for everything is wrong use."""
    assert run("archive", "find", "--user", "nobody")[0] == 1
    assert run("archive", "find")[0] == 2


def test_open(folder, run):
    """The log is printed as text, harmless to a terminal, by a path or by the message's id."""
    path = folder / "u1" / "c1" / "m1.zip"
    code, out, err = run("archive", "open", path)

    assert (code, err) == (0, "")
    assert out.count("\n") == 1
    assert out.endswith("[DEBUG] [user=u1] r1 \\x1b[2J\\n2026 x\n")
    assert run("archive", "open", "m1")[1] == out


def test_open_as_json(folder, run):
    """The records are printed as JSON, and so is what the archive says of itself."""
    _, out, _ = run("archive", "open", "m1", "--jsonl")
    assert [row["message"] for row in rows(out)] == ["r1 \x1b[2J\n2026 x"]
    assert "\x1b" not in out
    _, out, _ = run("archive", "open", "m1", "--meta", "--json")
    assert rows(out)[0]["ids"]["message_id"] == "m1"
    _, out, _ = run("archive", "open", "m1", "--meta")
    assert json.loads(out)["status"] == "ok"


def test_open_into_a_folder(folder, run, tmp_path):
    """Members are written into a folder, over nothing that is there."""
    assert run("archive", "open", "m1", "m2", "-o", tmp_path / "out")[0] == 0
    assert (tmp_path / "out" / "m1.zip" / "logs.txt").exists()
    assert run("archive", "open", "m1", "m2", "-o", tmp_path / "out")[0] == 1


def test_passwords(folder, run, monkeypatch, tmp_path):
    """The password comes from a file before the environment; a wrong one and none are errors."""
    (tmp_path / "right").write_text(f"{PASSWORD}\n")
    (tmp_path / "wrong").write_text("wrong\n")
    (tmp_path / "empty").write_text("\n")

    code, _, err = run("archive", "open", "m1", "--password-file", tmp_path / "wrong")
    assert (code, "the password is wrong" in err) == (1, True)
    monkeypatch.delenv("SESSION_LOG_ZIP_PASSWORD")
    assert run("archive", "open", "m1", "--password-file", tmp_path / "right")[0] == 0
    assert "holds no password" in run(
        "archive", "open", "m1", "--password-file", tmp_path / "empty"
    )[2]  # fmt: skip
    assert "a password is needed" in run("archive", "open", "m1")[2]
    assert "there is no archive of 'm9'" in run("archive", "open", "m9")[2]


def test_prompt(folder, monkeypatch):
    """At a terminal, and only there, the password is asked for; it is not shown."""
    monkeypatch.delenv("SESSION_LOG_ZIP_PASSWORD")
    main, side = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-m", "steno", "archive", "open", "m1"], stdin=side,
        stdout=subprocess.PIPE, stderr=side, start_new_session=True,
        preexec_fn=lambda: __import__("fcntl").ioctl(side, __import__("termios").TIOCSCTTY, 0),
    )  # fmt: skip
    shown = b""
    while b"password" not in shown:
        shown += os.read(main, 1000)
    os.write(main, f"{PASSWORD}\n".encode())
    out, _ = child.communicate(timeout=30)
    os.close(side)
    os.close(main)

    assert b"r1" in out


def test_verify(folder, run):
    """Each archive has a line, and the exit code says whether all are well."""
    assert run("archive", "verify")[0] == 0
    path = folder / "u1" / "c1" / "m1.zip"
    data = bytearray(path.read_bytes())
    data[90] ^= 1
    path.write_bytes(data)
    cut = folder / "u2" / "api" / "r3.zip"
    cut.write_bytes(cut.read_bytes()[:-30])
    code, out, _ = run("archive", "verify", folder / "u1" / "api--x", path, cut, "m2", "--json")
    assert code == 1
    code, out, _ = run("archive", "verify", path, cut, "m2", "--json")

    assert code == 1
    assert [row["result"] for row in rows(out)] == ["tampered", "truncated", "ok"]
    assert rows(out)[2]["records"] == 1
    assert run("archive", "verify", "m1")[1].startswith("tampered")


def test_rekey(folder, run, tmp_path, monkeypatch):
    """All archives get a new password; what can't be opened stays as it is."""
    (tmp_path / "new").write_text("new\n")
    code, out, _ = run("archive", "rekey", "--new-password-file", tmp_path / "new")
    assert (code, "3 of 3" in out) == (0, True)
    assert run("archive", "verify")[0] == 1
    assert run("archive", "verify", "--password-file", tmp_path / "new")[0] == 0
    (tmp_path / "newer").write_text("newer\n")
    code, out, err = run("archive", "rekey", "m1", "--new-password-file", tmp_path / "newer")
    assert (code, "0 of 1" in out, "stays as it is" in err) == (1, True, True)
    assert run("archive", "rekey")[0] == 2


def test_rekey_to_recipients(folder, run, tmp_path):
    """Archives are sealed to age keys, and opened with the identity."""
    from pyrage import x25519

    identity = x25519.Identity.generate()
    (tmp_path / "key").write_text(str(identity))
    assert run("archive", "rekey", "--new-recipient", "age1x")[0] == 1
    assert run("archive", "rekey", "--new-recipient", identity.to_public())[0] == 0
    assert all(path.name.endswith(".steno.age") for path, _ in find_archives(folder))
    assert "r1" in run("archive", "open", "m1", "--identity", tmp_path / "key")[1]
    assert "identity is needed" in run("archive", "open", "m1")[2]


def leave(folder, password=PASSWORD, message="left"):
    """Have a process killed over a request, and so leave its spool."""
    code = (
        "import os, sys, time\nfrom pathlib import Path\nfrom steno.archives import *\n"
        "from steno.logs.lines import LogLine\n"
        f"a = Archivist(ArchiveSettings(enabled=True, directory=Path({str(folder)!r}),"
        f" password={password!r}))\n"
        f"s = a.open(ArchiveIds('u1', 's', 'c1', {message!r}, 'r'))\n"
        "s.take(LogLine(time.time(), 10, 'DEBUG', 'x', 'left'))\n"
        "a.flush()\nos._exit(0)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_rekey_takes_what_was_left_behind(folder, run, tmp_path):
    """Lines that a dead process left under the old password are sealed while it is known."""
    leave(folder)
    (tmp_path / "new").write_text("new\n")

    assert "4 of 4" in run("archive", "rekey", "--new-password-file", tmp_path / "new")[1]
    assert "left" in run("archive", "open", "left", "--password-file", tmp_path / "new")[1]


def test_a_folder_of_the_same_name(folder, run, tmp_path, monkeypatch):
    """After ``-o`` with the message's id, the id still names the archive, not the folder."""
    monkeypatch.chdir(tmp_path)
    assert run("archive", "open", "m1", "-o", "m1")[0] == 0

    code, out, _ = run("archive", "open", "m1")
    assert (code, "r1" in out) == (0, True)


@pytest.fixture
def answer(monkeypatch):
    """Give what makes a person sit at the terminal, who answers the question for a password."""

    def answer(text):
        monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
        monkeypatch.setattr("click.prompt", lambda *_, **__: text)

    return answer


def test_rekey_at_the_prompt(folder, run, tmp_path, answer):
    """Blanks around a new password are left out, as they are wherever one is read."""
    answer("new secret ")
    assert run("archive", "rekey")[0] == 0
    (tmp_path / "new").write_text("new secret \n")

    assert run("archive", "verify", "--password-file", tmp_path / "new")[0] == 0


def test_rekey_to_nothing(folder, run, answer):
    """An empty new password is refused, and nothing is changed."""
    answer("  ")
    code, _, err = run("archive", "rekey")

    assert (code, "the new password is empty" in err) == (2, True)
    assert run("archive", "verify")[0] == 0


def test_verify_goes_on(folder, run, tmp_path):
    """A path that is no archive has a line of its own, and what comes after it is checked."""
    os.mkfifo(tmp_path / "fifo.zip")
    (tmp_path / "folder.zip").mkdir()
    (tmp_path / "link.zip").symlink_to("nowhere")
    odd = [tmp_path / name for name in ("fifo.zip", "folder.zip", "link.zip", "none.zip")]
    code, out, err = run("archive", "verify", *odd, "m9", "m1", "--json")

    assert (code, err) == (1, "")
    assert [row["result"] for row in rows(out)] == [
        "foreign", "foreign", "other", "missing", "missing", "ok",
    ]  # fmt: skip
    assert [row["path"] for row in rows(out)][:5] == [*map(str, odd), "m9"]


def test_verify_survives_the_disk(folder, run, monkeypatch):
    """A file that the disk does not give back is a result too."""
    from steno.archives import checking

    real = checking.open_archive

    def fail(path, keys):
        if path.name == "m2.zip":
            raise OSError(5, "Input/output error")
        return real(path, keys)

    monkeypatch.setattr(checking, "open_archive", fail)
    code, out, _ = run("archive", "verify", "--json")

    assert code == 1
    assert sorted(row["result"] for row in rows(out)) == ["ok", "ok", "other"]


def test_open_says_which(folder, run, tmp_path):
    """Of several archives, an error names its own."""
    (tmp_path / "wrong").write_text("wrong\n")
    _, _, err = run("archive", "open", "m1", "m2", "--password-file", tmp_path / "wrong")

    assert f"{folder / 'u1' / 'c1' / 'm1.zip'}: the password is wrong" in err


def test_open_with_headings(folder, run):
    """Several archives have a heading each, which is never among records that are JSON."""
    (second,) = (folder / "u1").glob("api*/m2.zip")
    heading = f"# {second}"
    _, out, _ = run("archive", "open", "m1", "m2")
    assert heading in out.splitlines()
    _, out, err = run("archive", "open", "m1", "m2", "--jsonl")
    assert heading in err.splitlines()
    assert len(rows(out)) == 2
    _, out, err = run("archive", "open", "m1", "m2", "--meta", "--json")
    assert heading in err.splitlines()
    assert len(rows(out)) == 2


@pytest.mark.parametrize("option", ["--password-file", "--identity"])
def test_key_files_that_are_none(folder, run, tmp_path, option):
    """A key file that is missing or is no text is named in a sentence, with what to do."""
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00\x80")
    code, _, err = run("archive", "open", "m1", option, tmp_path / "nope")
    assert (code, "Errno" in err) == (1, False)
    assert f"there is no file {tmp_path / 'nope'}" in err
    assert f"hint: {option} names" in err
    code, _, err = run("archive", "open", "m1", option, tmp_path / "binary")
    assert (code, "defect" in err) == (1, False)
    assert "binary is no text" in err
    assert "hint:" in err
    code, _, err = run("archive", "open", "m1", option, tmp_path)
    assert (code, "Errno" in err, "can't be read" in err) == (1, False, True)


def test_open_over_what_is_there(folder, run, tmp_path):
    """A file that is in the way is named in a sentence, with what to do."""
    assert run("archive", "open", "m1", "-o", tmp_path / "out")[0] == 0
    code, _, err = run("archive", "open", "m1", "-o", tmp_path / "out")

    assert (code, "Errno" in err) == (1, False)
    assert "meta.json is there already" in err
    assert "hint: nothing is written over: name another folder" in err


def test_a_mistyped_path(folder, run, tmp_path):
    """What looks like a path is a file that is not there, not the id of a message."""
    for name in ("/nonexist.zip", "x.steno.age", "a/b"):
        _, _, err = run("archive", "open", name)
        assert f"there is no file {name}" in err
    _, _, err = run("archive", "open", f"{tmp_path}/")
    assert "is a folder" in err


def test_rekey_takes_one_key(folder, run, tmp_path):
    """A new password beside a public key would be of no use: it is refused."""
    (tmp_path / "new").write_text("new\n")
    code, _, err = run(
        "archive", "rekey", "--new-recipient", "age1x", "--new-password-file", tmp_path / "new"
    )

    assert (code, "--new-recipient" in err) == (2, True)


def test_rekey_stays_inside(folder, run, tmp_path):
    """A path that leaves the folder by ``..`` is not in it."""
    (tmp_path / "new").write_text("new\n")
    other = tmp_path / "other"
    other.mkdir()
    (folder / "u1" / "c1" / "m1.zip").rename(other / "x.zip")
    whole = (other / "x.zip").read_bytes()
    path = f"{folder}/../other/x.zip"
    code, _, err = run("archive", "rekey", path, "--new-password-file", tmp_path / "new")

    assert (code, "is not in" in err) == (1, True)
    assert (other / "x.zip").read_bytes() == whole
    within = f"{folder}/u1/../u2/api/r3.zip"
    assert run("archive", "rekey", within, "--new-password-file", tmp_path / "new")[0] == 0


def test_help_has_whole_ids(run):
    """The examples name ids as they count: whole."""
    _, out, _ = run("archive", "--help")

    assert "steno archive find --user user-1 --message message-1" in out
    assert "714affbb" not in out


def test_ls_says_what_waits(folder, run):
    """Requests that are not sealed yet are counted, so that nobody takes them for lost."""
    assert "not sealed" not in run("archive", "ls")[2]
    leave(folder)
    leave(folder, "another", "foreign")
    code, out, err = run("archive", "ls", "--json")

    assert (code, len(rows(out))) == (0, 3)
    assert "2 request(s) are not sealed yet" in err
    assert "steno archive seal" in err


def test_seal(folder, run):
    """What killed processes left is sealed and named; what can't be opened is said and stays."""
    leave(folder)
    leave(folder, "another", "foreign")
    code, out, err = run("archive", "seal", "--json")

    assert code == 1
    (row,) = rows(out)
    assert (row["user"], row["archive"]) == ("u1", "left.zip")
    assert "not sealed: u1/c1/foreign: another password sealed the spool" in err
    assert "left" in run("archive", "open", "left")[1]
    assert len(list((folder / ".spool").glob("*.spool"))) == 1


def test_seal_by_a_password_file(folder, run, tmp_path, monkeypatch):
    """The password may be another than the configured one, and archiving may be off."""
    monkeypatch.setenv("SESSION_LOG_STORE_ENABLED", "false")
    leave(folder, "another")
    (tmp_path / "key").write_text("another\n")
    code, out, err = run("archive", "seal", "--password-file", tmp_path / "key")

    assert (code, err) == (0, "")
    assert "left.zip" in out
    assert run("archive", "open", "left", "--password-file", tmp_path / "key")[0] == 0


def test_seal_nothing(folder, run):
    """Where nothing waits, that is said, and no password is asked for."""
    code, out, err = run("archive", "seal")
    assert (code, out) == (0, "")
    assert "nothing to seal" in err
    assert run("archive", "seal", "--dir", folder / "none")[0] == 0


def test_seal_leaves_the_living(folder, run):
    """What a running process is still writing is left to it."""
    archivist = Archivist(ArchiveSettings(enabled=True, directory=folder, password=PASSWORD))
    spool = archivist.open(ArchiveIds("u1", "s", "c1", "running", "r"))
    spool.take(LogLine(time.time(), 10, "DEBUG", "x", "x"))
    assert archivist.flush()
    code, out, err = run("archive", "seal")
    assert (code, out) == (0, "")
    assert "1 request(s) are still running" in err
    spool.end("ok")
    assert archivist.close()


def test_rekey_again(folder, run, tmp_path):
    """What is under the new password already is done: a round that was cut short goes on."""
    (tmp_path / "new").write_text("new\n")
    assert run("archive", "rekey", "m1", "--new-password-file", tmp_path / "new")[0] == 0
    code, out, err = run("archive", "rekey", "--new-password-file", tmp_path / "new")
    assert (code, err) == (0, "")
    assert "2 of 3 archives were sealed anew, 1 had the new password already" in out
    code, out, _ = run("archive", "rekey", "--new-password-file", tmp_path / "new")
    assert (code, "0 of 3" in out, "3 had" in out) == (0, True, True)
    assert run("archive", "verify", "--password-file", tmp_path / "new")[0] == 0
