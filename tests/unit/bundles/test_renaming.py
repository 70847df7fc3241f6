"""A session under another id."""

import json

from steno.bundles.renaming import new_id, rename_transcript
from steno.transcripts.reader import read_transcript


def test_a_transcript(other, tmp_path):
    """Header and lines say the new id, the header tells where it comes from, all else stays."""
    source = other.record("s", key="k", text='"session_id":"s" 1e400 \u2028')

    rename_transcript(source, tmp_path / "t.jsonl", "s", "t", "0" * 64)

    old = [json.loads(line) for line in source.read_text().split("\n")[:-1]]
    new = [json.loads(line) for line in (tmp_path / "t.jsonl").read_text().split("\n")[:-1]]
    assert {line["session_id"] for line in new} == {"t"}
    assert new[0]["source"] == {"format": "steno-bundle", "id": "s", "sha256": "0" * 64}
    for before, after in zip(old[1:], new[1:], strict=True):
        changed = {name for name in before if before[name] != after[name]}
        assert changed == {"session_id", "recorder"}
    transcript = read_transcript(tmp_path / "t.jsonl")
    assert len(list(transcript)) == len(old)
    assert not transcript.damage


def test_what_can_not_be_read(tmp_path):
    """Lines that are damaged, of another session, or have numbers of any length stay as they are."""
    lines = [
        b'{"type":"session","id":"s","session_id":"s","source":{"a":1}}', b"damaged", b"\xff",
        b'{"session_id":"other","n":123456789012345678901234567890.10}', b'{"session_id":"s","torn',
    ]  # fmt: skip
    (tmp_path / "s").write_bytes(b"\n".join(lines))

    rename_transcript(tmp_path / "s", tmp_path / "t", "s", "t", "0")

    found = (tmp_path / "t").read_bytes().split(b"\n")
    assert found[1:] == lines[1:]
    assert json.loads(found[0])["source"] == {
        "format": "steno-bundle", "id": "s", "sha256": "0", "source": {"a": 1},
    }  # fmt: skip


def test_ids():
    """The same transcript gets the same id, and another one another."""
    assert new_id("s", "ab" * 32) == "s-abababababab"
    assert new_id("s", "ab" * 32) != new_id("s", "cd" * 32)
