"""Verdicts as JSON."""

import json

from steno.transcripts.recovery.rows import encode_row, row_of
from steno.transcripts.recovery.verdicts import Verdict


def test_the_fields_that_programs_rely_on():
    """A row has the documented fields by exactly these names."""
    row = json.loads(encode_row(row_of(Verdict(path="/p", session_id="s", file_kind="live"))))

    assert row == {
        "path": "/p", "session_id": "s", "session_key": None, "agent_id": None,
        "identified_by": "none", "confidence": 0.0, "grade": "none", "kind": None,
        "file_kind": "live", "header_id": None, "evidence": [], "conflicts": [], "hints": [],
        "damage": [], "being_written": False, "size": 0, "failure": None,
    }  # fmt: skip


def test_names_that_are_no_utf_8():
    """Bytes of a name that are no UTF-8 are written so that they can be read."""
    row = row_of(Verdict(path="/p/\udcff", session_id="\udcff", file_kind="live"))

    assert json.loads(encode_row(row))["path"] == "/p/\\udcff"
