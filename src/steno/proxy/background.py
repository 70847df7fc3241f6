"""A proxy in the background, for a shell: begun once for each home, found again, ended.

Its place stands in ``proxy.json`` in the home. Whether it lives is told by asking it, not by its
process id, which another program may have by now.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from steno.errors import StenoError
from steno.storage.files import FILE_MODE, make_folder, replace_file

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_NAME = "proxy.json"
_LOG = "proxy.log"
_START_S = 15.0
_STOP_S = 40.0
_POLL_S = 0.05


class Background(Struct, frozen=True):
    """A proxy in the background.

    Attributes:
        url: Where it listens.
        pid: Its process.
    """

    url: str
    pid: int


def find_background(home: Path) -> Background | None:
    """Return the proxy that runs for a home; None if there is none."""
    try:
        found = msgspec.json.decode((home / _NAME).read_bytes(), type=Background)
    except (OSError, msgspec.DecodeError):
        return None
    return found if _answers(found.url) else None


def start_background(home: Path, arguments: Sequence[str]) -> Background:
    """Begin a proxy in the background, or return the one that runs.

    Args:
        home: The home.
        arguments: More arguments of ``steno proxy``.

    Raises:
        StenoError: It did not begin.
    """
    running = find_background(home)
    if running is not None:
        return running
    make_folder(home)
    log = home / _LOG
    fd = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, FILE_MODE)
    try:
        child = subprocess.Popen(  # noqa: S603 - our own command
            [
                sys.executable, "-m", "steno", "proxy", "--json", "--home", str(home),
                "--listen", "127.0.0.1:0", *arguments,
            ],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=fd, start_new_session=True,
        )  # fmt: skip
    finally:
        os.close(fd)
    assert child.stdout is not None
    line = child.stdout.readline()
    child.stdout.close()
    if not line:
        child.wait(_START_S)
        said = log.read_text(errors="replace").strip()
        raise StenoError("the proxy did not begin", hint=said or f"see {log}")
    child.returncode = 0  # it goes on without us: no destructor needs to warn of it
    url = msgspec.json.decode(line)["url"]
    replace_file(home / _NAME, msgspec.json.encode(Background(url, child.pid)))
    return Background(url, child.pid)


def stop_background(home: Path) -> bool:
    """End the proxy of a home, open streams first; False if none runs.

    Raises:
        StenoError: It does not end.
    """
    running = find_background(home)
    if running is None:
        (home / _NAME).unlink(missing_ok=True)
        return False
    with contextlib.suppress(ProcessLookupError):
        os.kill(running.pid, signal.SIGTERM)
    deadline = time.monotonic() + _STOP_S
    while _lives(running.pid):
        if time.monotonic() > deadline:
            raise StenoError(
                f"the proxy (pid {running.pid}) has not ended yet",
                hint="it may wait for an open stream; `steno env --stop` again cuts it off",
            )
        time.sleep(_POLL_S)
    (home / _NAME).unlink(missing_ok=True)
    return True


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/healthz", timeout=2) as reply:  # noqa: S310 - our own URL
            return b'"recorder"' in reply.read()
    except (OSError, urllib.error.URLError, ValueError):
        return False


def _lives(pid: int) -> bool:
    """Tell whether a process runs; one that ended and is not waited for does not."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[0] != b"Z"
    except OSError:
        return False
