"""What a file is, by what stands in it."""

import os
import zipfile

import pytest

from steno.bundles.detecting import is_bundle, kind_of


@pytest.mark.parametrize(
    ("data", "kind"), [(b"", ""), (b"{}", ""), (b"age-encryption.org/v1\nx", "age"), (b"PK", "")]
)
def test_kinds(tmp_path, data, kind):
    """A bundle, an age file and anything else are told apart."""
    path = tmp_path / "f"
    path.write_bytes(data)
    fd = os.open(path, os.O_RDONLY)

    assert kind_of(fd) == kind
    os.close(fd)
    assert is_bundle(path) == (kind != "")


def test_bundles(forge, tmp_path):
    """A bundle is one whatever it is called, and what is called one is meant to be one."""
    bundle = forge()
    renamed = tmp_path / "a.zip"
    os.rename(bundle, renamed)
    other = tmp_path / "other.zip"
    with zipfile.ZipFile(other, "w") as file:
        file.writestr("a", "b")

    assert is_bundle(renamed)
    assert is_bundle(tmp_path / "missing.steno")
    assert not is_bundle(other)
    assert not is_bundle(tmp_path)
    fd = os.open(other, os.O_RDONLY)
    assert kind_of(fd) == "zip"
    os.close(fd)
