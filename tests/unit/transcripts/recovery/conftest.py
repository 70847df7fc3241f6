"""A folder of transcripts that a test fills."""

import json
import os

import pytest

A = "aaaaaaaa-1111-4111-8111-111111111111"
B = "bbbbbbbb-2222-4222-8222-222222222222"
C = "cccccccc-3333-4333-8333-333333333333"
OLD = 1_767_225_600


def line(value):
    """Write a line as such programs do."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False) + "\n"


class Sessions:
    """The folder ``agents/main/sessions`` of a state folder.

    Attributes:
        state: The state folder.
        path: The folder of transcripts.
        ids: Three session ids.
    """

    ids = (A, B, C)

    def __init__(self, state):
        """Make it."""
        self.state = state
        self.path = state / "agents" / "main" / "sessions"
        self.path.mkdir(parents=True)

    def header(self, identifier, **fields):
        """Write a header."""
        return line({"type": "session", "version": 3, "id": identifier,
                     "timestamp": "2026-01-01T00:00:00.000Z", "cwd": "/x", **fields})  # fmt: skip

    def user(self, text, entry="u1"):
        """Write what a user says."""
        return line({"type": "message", "id": entry, "parentId": None,
                     "timestamp": "2026-01-01T00:00:01.000Z",
                     "message": {"role": "user", "content": [{"type": "text", "text": text}]}})  # fmt: skip

    def write(self, name, *lines, folder=None, age=OLD):
        """Write a file of lines, text or bytes, that nobody writes to any more."""
        path = (folder or self.path) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"".join(x if isinstance(x, bytes) else x.encode() for x in lines))
        if age is not None:
            os.utime(path, (age, age))
        return path

    def index(self, entries, name="sessions.json"):
        """Write an index."""
        return self.write(name, json.dumps(entries))

    def live(self, identifier, *lines, **fields):
        """Write a transcript with a header."""
        return self.write(f"{identifier}.jsonl", self.header(identifier, **fields), *lines)


@pytest.fixture
def sessions(tmp_path):
    """Make an empty folder of transcripts."""
    return Sessions(tmp_path / "state")
