"""From a password to keys."""

import os
import subprocess
import sys

import pytest

from steno.errors import SealError, WrongPasswordError
from steno.storage.sealed_keys import KdfRecord, SealKeys, decode_kdf

CHEAP = {"memory_kib": 64, "iterations": 1, "lanes": 1}


def cheap():
    """Make a record that costs next to nothing."""
    return KdfRecord(salt=os.urandom(16), **CHEAP)


def test_defaults():
    """A new session's key takes Argon2id with 64 MiB, three iterations, four lanes, a new salt."""
    one, two = SealKeys.make("p"), SealKeys.make("p")

    kdf = one.kdf
    assert (kdf.name, kdf.memory_kib, kdf.iterations, kdf.lanes) == ("argon2id", 65536, 3, 4)
    assert len(kdf.salt) == 16
    assert kdf.salt != two.kdf.salt
    assert one.check != two.check


def test_known_answer():
    """The key is what Argon2id makes of these values, in any program."""
    from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

    kdf = KdfRecord(salt=bytes(16), **CHEAP)
    key = Argon2id(salt=bytes(16), length=32, iterations=1, lanes=1, memory_cost=64).derive(b"p")

    assert SealKeys.make("p", kdf).check == SealKeys(key, kdf).check


def test_wrong_password():
    """Another password is told by the check value, before any content is looked at."""
    keys = SealKeys.make("right", cheap())

    assert SealKeys.open(keys.kdf, "right", keys.check).check == keys.check
    with pytest.raises(WrongPasswordError, match="wrong"):
        SealKeys.open(keys.kdf, "Right", keys.check)


def test_composed_forms():
    """The same letters, composed by another keyboard, are the same password."""
    kdf = cheap()

    assert SealKeys.make("caf\u00e9", kdf).check == SealKeys.make("cafe\u0301", kdf).check


def test_empty():
    """An empty password is refused: it would seal for everybody."""
    with pytest.raises(SealError, match="empty"):
        SealKeys.make("")


@pytest.mark.parametrize(
    "values",
    [
        {"memory_kib": 100 * 1024 * 1024},
        {"memory_kib": 7},
        {"memory_kib": 8, "lanes": 2},
        {"iterations": 0},
        {"iterations": 1_000_000},
        {"memory_kib": 1024 * 1024, "iterations": 64},
        {"lanes": 0},
        {"lanes": 1000, "memory_kib": 1024 * 1024},
        {"salt": b"short"},
        {"salt": bytes(17)},
        {"name": "scrypt"},
    ],
)
def test_hostile(values):
    """What asks for too much work, or for too little, is refused before any is done."""
    kdf = KdfRecord(**{"salt": bytes(16), **CHEAP, **values})

    with pytest.raises(SealError):
        SealKeys.open(kdf, "p")


@pytest.mark.parametrize("raw", [None, 1, {}, {"salt": "!"}, {"salt": "AAAA", "lanes": "x"}])
def test_decode(raw):
    """What is no record is refused with a reason."""
    with pytest.raises(SealError):
        decode_kdf(raw)


def test_purposes():
    """Keys for different purposes, and names of different files, have nothing in common."""
    keys = SealKeys.make("p", cheap())

    assert keys.derive(b"", b"a") != keys.derive(b"", b"b") != keys.derive(b"s", b"b")
    assert keys.hide_name("a") == keys.hide_name("a") != keys.hide_name("b")
    assert len(keys.hide_name("a")) == 16


def test_missing_library():
    """Without the library, the error names the extra to install."""
    script = (
        "import sys; sys.modules['cryptography'] = None\n"
        "from steno.storage.sealed_keys import SealKeys\n"
        "from steno.errors import SealError\n"
        "try: SealKeys.make('p')\n"
        "except SealError as error: print(error.hint)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)

    assert "steno[archives]" in done.stdout, done.stderr


def test_no_text():
    """A password that is no text is refused with what to give."""
    with pytest.raises(SealError, match="bytes"):
        SealKeys.make(b"p")
