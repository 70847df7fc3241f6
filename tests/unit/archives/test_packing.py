"""How archives are written."""

import subprocess
import zipfile

import pytest
import pyzipper

from steno.archives.layout import COMMENT
from steno.archives.packing import PAD, Packing, pack
from steno.errors import ArchiveError

CONTENTS = b"some text that repeats, " * 40_000


def write(path, packing):
    """Write an archive of one member, in small blocks and a large one."""

    def blocks():
        yield from (CONTENTS[at : at + 1000] for at in range(0, 400_000, 1000))
        yield CONTENTS[400_000:]

    with path.open("xb") as file:
        pack(file.fileno(), {"logs.txt": blocks}, lambda done: repr(done).encode(), packing)
    return path


@pytest.mark.parametrize("compression", ["stored", "deflated", "bzip2", "lzma"])
@pytest.mark.parametrize("level", [None, 0, 9])
def test_compressions(tmp_path, compression, level):
    """Every compression and level is read by pyzipper, AES-256, and meta.json comes first."""
    path = write(tmp_path / "x.zip", Packing("pw", (), compression, level))

    with pyzipper.AESZipFile(path) as archive:
        archive.setpassword(b"pw")
        assert archive.namelist() == ["meta.json", "logs.txt"]
        assert archive.read("logs.txt") == CONTENTS
        assert archive.comment == COMMENT
        assert all(info.wz_aes_strength == 3 for info in archive.infolist())


@pytest.mark.parametrize("compression", ["stored", "deflated", "bzip2", "lzma"])
def test_7zip_opens_it(tmp_path, compression):
    """The real 7-Zip tests the whole archive well, with the password alone."""
    path = write(tmp_path / "x.zip", Packing("pw", (), compression))

    done = subprocess.run(["7zz", "t", "-ppw", path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    wrong = subprocess.run(["7zz", "t", "-pno", path], capture_output=True, check=False)
    assert wrong.returncode != 0


def test_age_opens_it(tmp_path, age_keys):
    """The real age opens what was sealed to recipients: a plain zip, rounded up in size."""
    identity, public = age_keys
    path = write(tmp_path / "x.steno.age", Packing(None, (public,)))
    inner = tmp_path / "inner.zip"
    subprocess.run(["age", "-d", "-i", identity, "-o", inner, path], check=True)

    assert inner.stat().st_size % PAD == 0
    with zipfile.ZipFile(inner) as archive:
        assert archive.testzip() is None
        assert archive.read("logs.txt") == CONTENTS
    assert b"some text" not in path.read_bytes()


def test_passwords_are_cleaned(tmp_path):
    """Blanks around a password are left out, and without one nothing is written in clear."""
    assert Packing(" new secret \n").password == "new secret"
    path = tmp_path / "x.zip"
    with pytest.raises(ArchiveError, match="password"):
        write(path, Packing("  "))
    assert not path.stat().st_size
