"""The whole of a bundle as one age file."""

import io
import os
import shutil
import subprocess

import pyrage
import pytest

from steno.bundles.sealing import sealed_sink, unseal
from steno.errors import ArchiveError, BundleError


def seal(data, **how):
    """Seal bytes."""
    out = io.BytesIO()
    with sealed_sink(out, **how) as sink:
        for at in range(0, len(data), 10_000):
            sink.write(data[at : at + 10_000])
    return out.getvalue()


def test_to_recipients():
    """Each recipient opens it, and nobody else."""
    data = os.urandom(300_000)
    keys = [pyrage.x25519.Identity.generate() for _ in range(3)]
    sealed = seal(data, recipients=tuple(str(key.to_public()) for key in keys[:2]))

    for key in keys[:2]:
        out = io.BytesIO()
        unseal(io.BytesIO(sealed), out, ask=lambda: None, identities=str(key))
        assert out.getvalue() == data
    with pytest.raises(BundleError, match="no identity given"):
        unseal(io.BytesIO(sealed), io.BytesIO(), ask=lambda: None, identities=str(keys[2]))


def test_what_is_missing():
    """Whoever gives nothing is told what to give."""
    sealed = seal(b"x", recipients=(str(pyrage.x25519.Identity.generate().to_public()),))

    with pytest.raises(BundleError, match="no identity was given"):
        unseal(io.BytesIO(sealed), io.BytesIO(), ask=lambda: None)
    with pytest.raises(BundleError, match="there is none"):
        unseal(io.BytesIO(seal(b"x", passphrase="p")), io.BytesIO(), ask=lambda: None)
    with pytest.raises(ArchiveError, match="no age public key"):
        seal(b"x", recipients=("age1nobody",))


def test_not_sealed():
    """Without passphrase and recipients the bytes pass as they are."""
    assert seal(b"abc" * 10_000) == b"abc" * 10_000


def test_a_disk_that_is_full():
    """What goes wrong at the other end of the pipe is raised by whoever writes."""
    key = str(pyrage.x25519.Identity.generate().to_public())

    with pytest.raises((BundleError, OSError)), open("/dev/full", "wb", buffering=0) as full:
        with sealed_sink(full, recipients=(key,)) as sink:
            for _ in range(100):
                sink.write(os.urandom(100_000))


def test_an_error_of_the_writer_is_its_own():
    """An error in the block is raised as it is, and the thread ends."""
    key = str(pyrage.x25519.Identity.generate().to_public())

    with pytest.raises(ZeroDivisionError), sealed_sink(io.BytesIO(), recipients=(key,)):
        raise ZeroDivisionError


def test_age_opens_it(full, tmp_path):
    """The program age opens a sealed bundle, and a bundle is in it."""
    program = shutil.which("age")
    if program is None:
        if os.environ.get("CI"):
            pytest.fail("age is missing: scripts/install-test-tools installs it")
        pytest.skip("age is missing: apt-get install age")
    identity = pyrage.x25519.Identity.generate()
    (tmp_path / "key").write_text(f"{identity}\n")
    bundle = full.export(recipients=[str(identity.to_public())])

    done = subprocess.run(
        [program, "-d", "-i", tmp_path / "key", bundle], capture_output=True, check=False
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(b"PK\x03\x04")
    assert done.stdout.endswith(b"steno bundle 1")
