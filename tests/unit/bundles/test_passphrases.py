"""age files that a passphrase opens."""

import io
import os
import subprocess
import sys

import pytest

from steno.bundles.passphrases import PassphraseSink, is_for_passphrase, open_passphrase
from steno.errors import BundleError

PIECE = 65_536


def seal(data, passphrase="secret"):
    """Seal, with little work for whoever opens it."""
    out = io.BytesIO()
    sink = PassphraseSink(out, passphrase, log_n=10)
    for at in range(0, len(data), 1000):
        sink.write(data[at : at + 1000])
    sink.close()
    return out.getvalue()


def unseal(sealed, passphrase="secret"):
    """Open."""
    return b"".join(open_passphrase(io.BytesIO(sealed), passphrase))


@pytest.mark.parametrize("size", [0, 1, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, 2 * PIECE + 1])
def test_against_the_library(size):
    """The library opens what is sealed here, and what it seals is opened here."""
    import pyrage

    data = os.urandom(size)

    assert pyrage.passphrase.decrypt(seal(data), "secret") == data
    assert unseal(seal(data)) == data
    if size == PIECE:  # once: it works for a second on purpose
        assert unseal(pyrage.passphrase.encrypt(data, "secret")) == data


def test_nothing_is_fixed():
    """The same bytes are sealed differently each time: salt, key and nonce are random."""
    one, two = seal(b"x" * 100), seal(b"x" * 100)

    assert len(one) == len(two)
    assert one.split(b"\n")[1] != two.split(b"\n")[1]
    assert one[-100:] != two[-100:]


def test_wrong_passphrase():
    """A wrong passphrase is told from damage."""
    with pytest.raises(BundleError, match="not the one"):
        unseal(seal(b"x"), "other")


def test_no_byte_can_be_changed():
    """A byte that was changed, or cut, or a piece that was moved, is found."""
    sealed = seal(b"x" * 100)
    for at in range(len(sealed)):
        data = bytearray(sealed)
        data[at] ^= 1
        with pytest.raises(BundleError):
            unseal(bytes(data))
        with pytest.raises(BundleError):
            unseal(sealed[:at])


def test_pieces_in_their_order():
    """A piece that is left out, moved or repeated is found."""
    sealed = seal(os.urandom(3 * PIECE))
    begin = len(sealed) - 3 * (PIECE + 16)
    head, pieces = (
        sealed[:begin],
        [sealed[begin + n * (PIECE + 16) :][: PIECE + 16] for n in range(3)],
    )
    one, two, three = pieces

    for order in ((one, three), (two, one, three), (one, two), (one, two, two, three)):
        with pytest.raises(BundleError):
            unseal(head + b"".join(order))


def test_work_is_bounded():
    """A file does not say how much memory it takes to open it."""
    sealed = seal(b"x").replace(b" 10\n", b" 30\n", 1)

    with pytest.raises(BundleError, match="too much work"):
        unseal(sealed)


def test_heads():
    """A file for a passphrase is told from one for keys by its head."""
    assert is_for_passphrase(seal(b""))
    assert not is_for_passphrase(b"age-encryption.org/v1\n-> X25519 abc")


def test_too_little_memory():
    """Where there is not the memory that a passphrase takes, the error says how much it is."""
    code = (
        "import io, resource\nfrom steno.bundles.passphrases import PassphraseSink\n"
        "from steno.errors import BundleError\n"
        "PassphraseSink(io.BytesIO(), 'p', log_n=10)\n"
        "resource.setrlimit(resource.RLIMIT_AS, (400 << 20, 400 << 20))\n"
        "try: PassphraseSink(io.BytesIO(), 'p', log_n=20)\n"
        "except BundleError as error: print(error.message)\n"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "1,024 MiB of memory" in done.stdout
