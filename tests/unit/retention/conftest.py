"""Homes with old transcripts and archives, written by hand."""

import os
import zipfile

import pytest

from steno.events.codec import encode_header
from steno.events.header import make_header
from steno.identity import safe_name
from steno.retention.rounds import Places
from steno.storage.home import find_home

DAY = 86_400


class OldHome:
    """A home with files of any age.

    Attributes:
        path: Where it is.
        places: The same, as a round takes it.
        now: The time; files are as old as they say at that time.
    """

    def __init__(self, path):
        """Begin with nothing."""
        import time

        self.path = path
        self.now = time.time()
        self.home = find_home(path)
        self.places = Places(
            home=self.home,
            sessions=self.home.sessions,
            index=self.home.index,
            archives=path / "archives",
        )

    def age(self, path, days):
        """Make a file so many days old."""
        stamp = self.now - days * DAY
        os.utime(path, (stamp, stamp))
        return path

    def transcript(self, session_id="s", days=0.0, size=1000, day="2026-11-20", **identity):
        """Write a transcript."""
        from datetime import UTC, datetime

        folder = self.home.sessions / day
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{safe_name(session_id)}.jsonl"
        began = datetime(2026, 11, 20, tzinfo=UTC)
        header = encode_header(make_header(session_id, began, **identity)) + b"\n"
        line = b'{"type":"completed","session_id":"%s","request_id":"r","timestamp":' % (
            session_id.encode()
        )
        line += b'"2026-11-20T12:00:00.000000Z","success":true}\n'
        path.write_bytes(header + line * max(1, (size - len(header)) // len(line)))
        path.chmod(0o600)
        return self.age(path, days)

    def artefact(self, session_id="s"):
        """Write an artefact of a session."""
        folder = self.home.artefacts / safe_name(session_id) / "logs"
        folder.mkdir(parents=True)
        (folder / "pod.txt").write_text("12345")
        self.age(folder / "pod.txt", 1)
        return folder.parent

    def archive(self, user="u", chat="c", name="m.zip", days=0.0, comment=b"steno archive 1"):
        """Write an archive by hand."""
        folder = self.places.archives / user / chat
        for each in (self.places.archives, folder.parent, folder):
            each.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = folder / name
        if name.endswith(".age"):
            path.write_bytes(b"age-encryption.org/v1\n-> X25519 abc\n")
        else:
            with zipfile.ZipFile(path, "w") as file:
                file.writestr("logs.txt", "a line")
                file.comment = comment
        return self.age(path, days)


@pytest.fixture
def old(home):
    """Begin a home of old files."""
    return OldHome(home)
