"""The whole of a bundle as one age file: to keys, or with a passphrase.

Strategy: what is sealed is never written anywhere in clear. To keys, age's library pulls what it
encrypts, and a bundle is pushed: so the library runs on a thread at the other end of a pipe. What
goes wrong there is raised by whoever writes. To be imported, a bundle is decrypted into a file of
the owner's alone, in the folder where everything is checked, and that goes in all cases.
"""

from __future__ import annotations

import contextlib
import os
import threading
from typing import TYPE_CHECKING, Any, BinaryIO

from steno.bundles.passphrases import PassphraseSink, is_for_passphrase, open_passphrase
from steno.errors import BundleError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from steno.bundles.writing import Sink

_HEAD = 64
_MAX_HEAD = 1 << 16
"""Some 600 keys. The library reads a head anew for each line of it, so a long one takes hours."""

MAX_RECIPIENTS = 500
_NEEDED = "pip install 'steno[archives]'"


@contextlib.contextmanager
def sealed_sink(
    below: BinaryIO, *, passphrase: str | None = None, recipients: tuple[str, ...] = ()
) -> Iterator[Sink]:
    """Give what seals all that is written to it, for the length of the block.

    Args:
        below: Where the sealed bytes go; the file itself, where nothing is to be sealed.
        passphrase: What opens it.
        recipients: age public keys, instead.

    Raises:
        ArchiveError: A recipient is none.
        BundleError: A library is missing, or can't seal.
    """
    if recipients:
        with _recipients_sink(below, recipients) as sink:
            yield sink
    elif passphrase is not None:
        ciphering = PassphraseSink(below, passphrase)
        yield ciphering
        ciphering.close()
    else:
        yield below


@contextlib.contextmanager
def _recipients_sink(below: BinaryIO, recipients: tuple[str, ...]) -> Iterator[Sink]:
    pyrage = _load()
    from steno.archives.ciphers import parse_recipients  # which loads age

    keys = parse_recipients(recipients)
    if len(keys) > MAX_RECIPIENTS:
        raise BundleError(
            f"{len(keys):,} recipients are more than the {MAX_RECIPIENTS} there may be"
        )
    read, write = os.pipe2(os.O_CLOEXEC)
    failed: list[Exception] = []

    def seal() -> None:
        with open(read, "rb") as source:
            try:
                pyrage.encrypt_io(source, below, keys)
            except Exception as error:  # noqa: BLE001 - raised by the thread that writes
                failed.append(error)

    thread = threading.Thread(target=seal, name="steno-seal")
    thread.start()
    try:
        with open(write, "wb", buffering=1 << 16) as sink:
            yield sink
    except BrokenPipeError:
        if not failed:
            thread.join()
        if not failed:
            raise
    finally:
        thread.join()
    if failed:
        if isinstance(failed[0], OSError):
            raise failed[0]
        raise BundleError(f"the bundle can't be sealed: {failed[0]}") from failed[0]


def unseal(
    file: BinaryIO,
    target: BinaryIO,
    *,
    ask: Callable[[], str | None],
    identities: str | None = None,
) -> None:
    """Decrypt a sealed bundle.

    Args:
        file: The sealed one, at its beginning.
        target: An empty file of the owner's alone.
        ask: Gives the passphrase, where one is needed.
        identities: The text of a file of age identities.

    Raises:
        BundleError: What it needs was not given, is wrong, or it is damaged.
        ArchiveError: The identities are none.
    """
    head = file.read(_HEAD)
    file.seek(0)
    if is_for_passphrase(head):
        passphrase = ask()
        if not passphrase:
            raise BundleError(
                "the bundle is sealed with a passphrase, and there is none",
                hint="--passphrase-file FILE, --ask-passphrase or STENO_PASSPHRASE gives it",
            )
        target.writelines(open_passphrase(file, passphrase))
        target.flush()
        return
    if identities is None:
        raise BundleError(
            "the bundle is sealed to age keys, and no identity was given",
            hint="--identity FILE names the file that `age-keygen` wrote",
        )
    if b"\n---" not in file.read(_MAX_HEAD):
        raise BundleError(
            "the head of the sealed bundle is damaged, or has more keys than there may be",
            hint="nothing was imported",
        )
    file.seek(0)
    pyrage = _load()
    from steno.archives.ciphers import parse_identities  # which loads age

    try:
        pyrage.decrypt_io(file, target, parse_identities(identities))
    except (pyrage.DecryptError, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        if "No matching keys" in str(error):
            raise BundleError(
                "no identity given is one of the keys that the bundle is sealed to",
                hint="--identity FILE names the file with the right one; nothing was imported",
            ) from error
        raise BundleError(
            "the sealed bundle is damaged or cut off",
            hint=f"age says: {error}; nothing was imported",
        ) from error
    target.flush()


def _load() -> Any:
    try:
        import pyrage  # a library of its own
    except ImportError as error:
        raise BundleError(
            "pyrage is not installed, which sealing to age keys needs", hint=_NEEDED
        ) from error
    return pyrage
