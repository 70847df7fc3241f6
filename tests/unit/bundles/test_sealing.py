"""The whole of a bundle as one age file."""

import contextlib
import io
import os
import pty
import shutil
import subprocess

import pyrage
import pytest

from steno.bundles.sealing import MAX_RECIPIENTS, sealed_sink, unseal
from steno.errors import ArchiveError, BundleError


def seal(data, **how):
    """Seal bytes."""
    out = io.BytesIO()
    with sealed_sink(out, **how) as sink:
        for at in range(0, len(data), 10_000):
            sink.write(data[at : at + 10_000])
    return out.getvalue()


@pytest.fixture
def age():
    """Have the program age."""
    program = shutil.which("age")
    if program is None:
        if os.environ.get("CI"):
            pytest.fail("age is missing: scripts/install-test-tools installs it")
        pytest.skip("age is missing: apt-get install age")
    return program


def at_a_terminal(*command):
    """Run a program at a terminal, and answer each of its questions with the passphrase."""
    pid, terminal = pty.fork()
    if not pid:
        os.execv(command[0], command)
    said = b""
    with contextlib.suppress(OSError):  # which is how a terminal ends
        while block := os.read(terminal, 1000):
            said += block
            if b": " in block:
                os.write(terminal, b"a long passphrase\n")
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0, said


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


def test_age_opens_it(age, full, tmp_path):
    """The program age opens a sealed bundle, and a bundle is in it."""
    identity = pyrage.x25519.Identity.generate()
    (tmp_path / "key").write_text(f"{identity}\n")
    bundle = full.export(recipients=[str(identity.to_public())])

    done = subprocess.run(
        [age, "-d", "-i", tmp_path / "key", bundle], capture_output=True, check=False
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(b"PK\x03\x04")
    assert done.stdout.endswith(b"steno bundle 1")


def test_a_head_without_end():
    """A head of thousands of keys, which would take hours, is refused; none such is made."""
    line = b"-> X25519 " + b"A" * 43 + b"\n" + b"A" * 43 + b"\n"
    key = pyrage.x25519.Identity.generate()

    with pytest.raises(BundleError, match="more keys"):
        unseal(
            io.BytesIO(b"age-encryption.org/v1\n" + line * 100_000),
            io.BytesIO(), ask=lambda: None, identities=str(key),
        )  # fmt: skip
    most = (str(key.to_public()),) * MAX_RECIPIENTS
    out = io.BytesIO()
    unseal(io.BytesIO(seal(b"x", recipients=most)), out, ask=lambda: None, identities=str(key))
    assert out.getvalue() == b"x"
    with pytest.raises(BundleError, match="more than"):
        seal(b"x", recipients=(*most, most[0]))


def test_damage_is_told_from_a_wrong_key():
    """Whoever has the right key is told that it is the file that is damaged."""
    key = pyrage.x25519.Identity.generate()
    sealed = seal(b"x" * 1000, recipients=(str(key.to_public()),))

    for data in (sealed[:-1], sealed[:100] + b"!" + sealed[101:], sealed + b"x"):
        with pytest.raises(BundleError, match="damaged"):
            unseal(io.BytesIO(data), io.BytesIO(), ask=lambda: None, identities=str(key))


def test_age_and_passphrases(age, full, other, tmp_path):
    """The program age opens what a passphrase sealed, and what it sealed is imported."""
    plain = full.export(name="plain.steno")
    sealed = full.export(name="sealed.steno", passphrase="a long passphrase")

    at_a_terminal(age, "-d", "-o", str(tmp_path / "opened"), str(sealed))
    assert (tmp_path / "opened").read_bytes().endswith(b"steno bundle 1")
    at_a_terminal(age, "-p", "-o", str(tmp_path / "theirs"), str(plain))
    assert other.take(tmp_path / "theirs", ask=lambda: "a long passphrase") == [("s", "imported")]
