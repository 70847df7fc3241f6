"""A process that archives is killed at random moments: what was promised is in an archive."""

import collections
import contextlib
import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from steno.archives import ArchiveSettings, Archivist
from steno.archives.ciphers import parse_identities
from steno.archives.layout import SPOOL_FOLDER, find_archives
from steno.archives.reading import Keys, open_archive

CHILD = Path(__file__).with_name("archiving_child.py")
BATCH_TIMEOUT_MS = 200


def kill_once(folder, seconds, *recipients):
    """Let a child log for a while and kill it.

    Returns:
        The lines that were taken and when, and the time of the kill.
    """
    child = subprocess.Popen(
        [sys.executable, str(CHILD), str(folder), str(BATCH_TIMEOUT_MS), *recipients],
        stdout=subprocess.PIPE,
    )
    lines = [child.stdout.readline()]
    if seconds:
        import threading

        killed = []

        def kill():
            killed.append(time.monotonic())
            child.send_signal(signal.SIGKILL)

        timer = threading.Timer(seconds, kill)
        timer.start()
        lines += child.stdout.readlines()
        timer.join()
        killed = killed[0]
    else:
        killed = time.monotonic()
        child.send_signal(signal.SIGKILL)
        lines += child.stdout.readlines()
    child.stdout.close()
    child.wait()
    taken = {}
    for line in lines:
        with contextlib.suppress(ValueError):
            text, stamp = line.decode().split()
            taken[text] = float(stamp)
    return taken, killed


def read_all(folder, keys):
    """Count every line in all archives, each of which is checked."""
    found = collections.Counter()
    for path, _ in find_archives(folder):
        with open_archive(path, keys) as archive:
            archive.verify()
            lines = [json.loads(line)["message"].split()[0] for line in archive.lines()]
            assert archive.meta.records == len(lines)
            found.update(lines)
    return found


def kill_often(folder, times, keys, *recipients, seed=0):
    """Kill a child again and again, seal what it left, and check the promise each time."""
    chance = random.Random(seed)
    settings = ArchiveSettings(
        enabled=True, directory=folder, password=None if recipients else "secret",
        recipients=recipients,
    )  # fmt: skip
    for _ in range(times):
        taken, killed = kill_once(folder, chance.uniform(0.0, 1.0), *recipients)
        archivist = Archivist(settings)
        archivist.recover()
        found = read_all(folder, keys)
        old = [text for text, stamp in taken.items() if killed - stamp > BATCH_TIMEOUT_MS / 1000]
        lost = [text for text in old if text not in found]
        assert not lost, f"{len(lost)} of {len(old)} lines were lost, such as {lost[:3]}"
        twice = [text for text, count in found.items() if count > 1]
        assert not twice, "no line is in the archives twice"
        assert archivist.close()
    assert not (folder / SPOOL_FOLDER).exists() or not list((folder / SPOOL_FOLDER).iterdir())


def test_5_kills(tmp_path):
    """After 5 kills, each line older than the batch timeout is in an archive, once."""
    kill_often(tmp_path / "a", 5, Keys("secret"))


def test_kills_with_recipients(tmp_path, age_identity):
    """The same holds where the server that seals can read nothing of it."""
    path, public = age_identity
    keys = Keys(identities=tuple(parse_identities(path.read_text())))
    kill_often(tmp_path / "a", 3, keys, public)


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_50_kills(tmp_path):
    """After 50 kills, each line older than the batch timeout is in an archive, once."""
    for number in range(5):
        kill_often(tmp_path / str(number), 10, Keys("secret"), seed=number)


@pytest.fixture
def age_identity(tmp_path):
    """Make a pair of keys: the file of the identity, and the public key."""
    from pyrage import x25519

    identity = x25519.Identity.generate()
    path = tmp_path / "identity.txt"
    path.write_text(str(identity))
    return path, str(identity.to_public())
