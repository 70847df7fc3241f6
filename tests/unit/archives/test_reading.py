"""Archives are opened, and what is wrong with one is told apart."""

import os
import shutil
import sys
import zipfile

import pytest
import pyzipper

from steno.archives import reading
from steno.archives.ciphers import parse_identities
from steno.archives.identifiers import ArchiveIds
from steno.archives.layout import COMMENT
from steno.archives.meta import describe_request, encode_meta, make_meta
from steno.archives.packing import Packing, pack
from steno.archives.reading import Keys, open_archive, whole_lines
from steno.errors import ArchiveError


def why_not(path, password="correct horse", identities=()):
    """Tell how reading an archive fails."""
    with (
        pytest.raises(ArchiveError) as caught,
        open_archive(path, Keys(password, identities)) as archive,
    ):
        archive.verify()
    return caught.value.reason


def copy_with(path, target, change, password=b"correct horse"):
    """Write an archive of the same members, each as ``change`` leaves it, with our comment."""
    with pyzipper.AESZipFile(path) as old:
        old.setpassword(b"correct horse")
        members = {name: old.read(name) for name in old.namelist()}
    with pyzipper.AESZipFile(target, "w", encryption=pyzipper.WZ_AES) as new:
        new.setpassword(password)
        for name, data in change(members).items():
            new.writestr(name, data)
        new.comment = COMMENT
    return target


def test_wrong_password(archive):
    """A wrong password is that, and so is none."""
    (path,) = archive("hello")

    assert why_not(path, "wrong") == "password"
    assert why_not(path, None) == "password"


@pytest.mark.parametrize("cut", [1, 20, 100, 300, 100_000])
def test_truncated(archive, cut):
    """Wherever an archive was cut off, it is called so."""
    (path,) = archive("hello")
    os.truncate(path, max(0, path.stat().st_size - cut))

    assert why_not(path) == "truncated"


def test_every_changed_byte_is_found(archive):
    """Whichever byte of the contents is changed, the archive is not read as if it were whole."""
    (path,) = archive("hello", "world")
    whole = path.read_bytes()
    with pyzipper.AESZipFile(path) as file:
        infos = file.infolist()
    contents = [
        at
        for info in infos
        for start in [info.header_offset + 30 + len(info.filename) + 11 + 18]
        for at in range(start, start + info.compress_size - 18, 7)
    ]
    for at in contents:
        data = bytearray(whole)
        data[at] ^= 0x40
        path.write_bytes(data)
        assert why_not(path) == "tampered", at


def test_members_are_those_that_were_sealed(archive, tmp_path):
    """A member that is missing, added, exchanged or not encrypted is found."""
    (path,) = archive("hello")

    def without(members):
        return {name: data for name, data in members.items() if name != "logs.txt"}

    assert why_not(copy_with(path, tmp_path / "1.zip", without)) == "tampered"
    assert why_not(
        copy_with(path, tmp_path / "2.zip", lambda all_: {**all_, "logs.txt": b"other"})
    ) == "tampered"  # fmt: skip
    assert why_not(
        copy_with(path, tmp_path / "3.zip", lambda all_: {**all_, "../x": b"evil"})
    ) == "tampered"  # fmt: skip
    (short,) = archive("hello", format="text", directory=tmp_path / "short")
    shutil.copy(short, tmp_path / "4.zip")
    with zipfile.ZipFile(tmp_path / "4.zip", "a") as file:
        file.writestr("logs.jsonl", "{}")
        file.comment = COMMENT
    assert why_not(tmp_path / "4.zip") == "tampered"
    plain = tmp_path / "5.zip"
    with zipfile.ZipFile(plain, "w") as file:
        file.writestr("meta.json", "{}")
        file.comment = COMMENT
    assert why_not(plain) == "tampered"


def test_one_member_of_another_password(archive, tmp_path):
    """A member that another password sealed is damage, where the password is right for the rest."""
    (path,) = archive("hello")
    with pyzipper.AESZipFile(path) as old:
        old.setpassword(b"correct horse")
        members = {name: old.read(name) for name in old.namelist()}
    mixed = tmp_path / "mixed.zip"
    with pyzipper.AESZipFile(mixed, "w", encryption=pyzipper.WZ_AES) as new:
        for name, data in members.items():
            new.setpassword(b"x" if name == "logs.txt" else b"correct horse")
            new.writestr(name, data)
        new.comment = COMMENT

    assert why_not(mixed) == "tampered"
    assert why_not(mixed, "neither") == "password"


def test_foreign(tmp_path):
    """Other people's files are foreign, and what is not there is missing."""
    other = tmp_path / "x.zip"
    with zipfile.ZipFile(other, "w") as file:
        file.writestr("a", "b")
    text = tmp_path / "y.zip"
    text.write_text("hello")
    age = tmp_path / "z.steno.age"
    age.write_text("hello")

    assert [why_not(path) for path in (other, text, age)] == ["foreign"] * 3
    assert why_not(tmp_path / "none.zip") == "missing"
    link = tmp_path / "link.zip"
    link.symlink_to(other)
    assert why_not(link) == "other"


def test_age_failures(archive, age_keys, base, tmp_path):
    """With age too, a wrong key, a cut and a change are told apart."""
    from pyrage import x25519

    identity, public = age_keys
    (path,) = archive(*["hello " * 20] * 50, recipients=(public,), password=None)
    keys = tuple(parse_identities(identity.read_text()))
    whole = path.read_bytes()

    assert why_not(path, None) == "password"
    assert why_not(path, None, (x25519.Identity.generate(),)) == "password"
    data = bytearray(whole)
    data[-50] ^= 1
    path.write_bytes(data)
    assert why_not(path, None, keys) == "tampered"
    for cut in (1, 17, 400, len(whole) - 30, len(whole) - 5):
        path.write_bytes(whole[:-cut])
        assert why_not(path, None, keys) == "truncated", cut


def test_bombs(tmp_path, monkeypatch):
    """A member that unpacks to more than it may is not unpacked."""
    monkeypatch.setattr(reading, "MAX_BYTES", 1_000_000)
    path = tmp_path / "x.zip"
    with path.open("xb") as file:
        pack(file.fileno(), {"logs.txt": lambda: [bytes(2_000_000)]}, lambda _: b"{}",
             Packing("correct horse"))  # fmt: skip

    assert path.stat().st_size < 10_000
    assert why_not(path) == "tampered"


def test_hostile_meta(age_keys, tmp_path):
    """Anybody may seal to a public key; what is nested deeply or no UTF-8 is told as tampered."""
    import pyrage

    identity, public = age_keys
    identities = tuple(parse_identities(identity.read_text()))
    recipient = pyrage.x25519.Recipient.from_str(public)
    path = tmp_path / "x.steno.age"
    for meta in (b'{"x":' + b"[" * 100_000, b'{"status":"\xff"}'):
        plain = tmp_path / "plain.zip"
        with zipfile.ZipFile(plain, "w") as file:
            file.writestr("meta.json", meta)
        with zipfile.ZipFile(plain, "a") as file:
            file.comment = b" " * (-plain.stat().st_size % reading.PAD)
        path.write_bytes(pyrage.encrypt(plain.read_bytes(), [recipient]))

        assert why_not(path, identities=identities) == "tampered"


def test_a_bomb_in_one_block(age_keys, tmp_path, monkeypatch):
    """Some bytes of bzip2 that become very many are not all decompressed at once."""
    monkeypatch.setattr(reading, "_MAX_STEP", 1 << 20)
    identity, public = age_keys
    packing = Packing(recipients=(public,), compression="bzip2")
    path = tmp_path / "x.steno.age"
    blocks = [b"0" * (4 << 20)]
    with path.open("w+b") as file:
        pack(file.fileno(), {"logs.jsonl": lambda: blocks}, _meta_of, packing)
    identities = tuple(parse_identities(identity.read_text()))

    assert why_not(path, identities=identities) == "tampered"


def _meta_of(members):
    request = describe_request(
        ArchiveIds("u"), task=None, status="ok", reason="", begin=1.0, end=2.0, records=1,
        dropped=0, spool="s",
    )  # fmt: skip
    return encode_meta(make_meta(ArchiveIds("u"), (request,), members, log_format="jsonl", now=3.0))


def test_whole_lines():
    """Blocks are cut into lines, however long a line is."""
    blocks = [b"a\nb", b"", b"c" * 10, b"d\n", b"\n", b"e"]

    assert [*whole_lines(iter(blocks))] == [b"a\n", b"b" + b"c" * 10 + b"d\n", b"\n", b"e\n"]


def test_without_pyzipper(archive, monkeypatch):
    """Where pyzipper is missing, that is what is said."""
    (path,) = archive("hello")
    monkeypatch.setitem(sys.modules, "pyzipper", None)
    with pytest.raises(ArchiveError, match="not installed"):
        open_archive(path, Keys("correct horse"))


def test_no_file(tmp_path):
    """A folder in the place of an archive is foreign."""
    assert why_not(tmp_path) == "foreign"


@pytest.mark.parametrize("log_format", ["text", "jsonl", "both"])
def test_formats(archive, log_format):
    """Each format is read as text; lines there are where JSON is."""
    (path,) = archive("one", "two", format=log_format)
    with open_archive(path, Keys("correct horse")) as opened:
        texts = [text.split()[-1] for text in opened.texts()]
        lines = list(opened.lines())

    assert texts == [b"one", b"two"]
    assert len(lines) == (0 if log_format == "text" else 2)
