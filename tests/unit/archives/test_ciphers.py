"""How spools are encrypted, and who can read them again."""

import subprocess
import sys

import pytest

from steno.archives.ciphers import (
    AgeKeys,
    Kdf,
    Lock,
    PasswordKeys,
    open_age,
    parse_identities,
    parse_recipients,
)
from steno.errors import ArchiveError


def test_a_password_opens_what_it_sealed():
    """Another process with the same password gets at the key; one with another does not."""
    lock, cipher = PasswordKeys("pw").new()
    sealed = cipher.seal(b"body", b"bound")

    assert b"body" not in sealed
    assert PasswordKeys("pw").unlock(lock).open(sealed, b"bound") == b"body"
    with pytest.raises(ArchiveError) as caught:
        PasswordKeys("other").unlock(lock)
    assert caught.value.reason == "password"


def test_frames_are_bound():
    """What was sealed in one place can't be read in another."""
    _, cipher = PasswordKeys("pw").new()

    with pytest.raises(ArchiveError) as caught:
        cipher.open(cipher.seal(b"body", b"here"), b"there")
    assert caught.value.reason == "tampered"


def test_no_header_asks_for_much_work():
    """A spool that somebody made to cost memory is refused."""
    lock = Lock("password", Kdf(40, 8, 1, b"salt"), b"x" * 60)

    with pytest.raises(ArchiveError, match="too much work"):
        PasswordKeys("pw").unlock(lock)


def test_recipients_read_what_the_owner_wrote(age_keys):
    """The owner reads its own frames, the recipients do with age, and another process can't."""
    path, public = age_keys
    keys = AgeKeys([public])
    lock, cipher = keys.new()
    sealed = cipher.seal(b"body", b"bound")
    read = subprocess.run(
        ["age", "-d", "-i", path], input=sealed, capture_output=True, check=True
    ).stdout

    assert cipher.open(sealed, b"bound") == b"body"
    assert read == b"body"
    assert lock.recipients == (public,)
    with pytest.raises(ArchiveError) as caught:
        AgeKeys([public]).new()[1].open(sealed, b"bound")
    assert caught.value.reason == "password"


def test_keys_that_are_none():
    """A text that is no key is refused by its name; so is a file without one."""
    with pytest.raises(ArchiveError, match="'age1nonsense' is no age public key"):
        parse_recipients(["age1nonsense"])
    with pytest.raises(ArchiveError, match="no age public key to seal to"):
        parse_recipients([])
    for text in ("# a comment\n", "nonsense"):
        with pytest.raises(ArchiveError, match="identity"):
            parse_identities(text)
    with pytest.raises(ArchiveError):
        open_age(b"nothing", [])


def test_crypto_is_loaded_late():
    """Importing steno and its archives loads no library of ciphers."""
    code = (
        "import sys, steno, steno.archives\n"
        "print([name for name in sys.modules if name.partition('.')[0] in"
        " {'pyzipper', 'cryptography', 'pyrage', 'Cryptodome'}])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("text", ["{}", "age: {}"])
@pytest.mark.parametrize("lower", [False, True])
def test_a_secret_key_is_never_shown(text, lower):
    """A secret key in the place of a public one is refused, and not repeated."""
    secret = "AGE-SECRET-KEY-1QQPQRLUSAHYXZZ"
    text = text.format(secret.lower() if lower else secret)
    with pytest.raises(ArchiveError, match="secret key of age") as caught:
        parse_recipients([text])

    told = f"{caught.value.message} {caught.value.hint} {caught.value}".lower()
    assert "qqpqrl" not in told
