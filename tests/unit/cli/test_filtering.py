"""What commands that take a filter share."""

import pytest

from steno.cli.filtering import open_for, read_filter
from steno.errors import FilterError
from steno.query import catching_up
from steno.query.filter.parsing import parse_filter


def test_words_are_one_filter():
    """What the shell has split is put together again."""
    assert read_filter(("model:a", "b c")) == parse_filter("model:a b c")
    with pytest.raises(FilterError):
        read_filter(("x:", "y"))


def test_what_is_missing_is_said(recorded, capsys):
    """Damage is told with its place, and what was met before is counted."""
    (path,) = recorded.glob("sessions/*/well.jsonl")
    path.write_bytes(path.read_bytes() + b"\x1b[2J no json\n")
    tree = parse_filter("well")
    for expected in ("damage: ", "1 places in transcripts can't be read"):
        with open_for(str(recorded), None, tree) as finder:
            assert len(finder.find_requests(tree).rows) == 1
        assert expected in capsys.readouterr().err


def test_no_transcripts_is_said(tmp_path, capsys):
    """Where transcripts are not written, it is said why no words are found."""
    tree = parse_filter("well")
    with open_for(str(tmp_path), None, tree) as finder:
        assert finder.find_requests(tree).rows == []

    assert f"no transcripts in {tmp_path / 'sessions'}" in capsys.readouterr().err


def test_lag_is_said(recorded, capsys, monkeypatch):
    """Where another process is at it, the newest texts may be missing."""
    monkeypatch.setattr(catching_up.catch_up, "__kwdefaults__", {"progress": None, "wait_s": 0.0})
    tree = parse_filter("well")
    with catching_up._alone(recorded / "search.db", 0.0), open_for(str(recorded), None, tree):
        pass

    assert "another process" in capsys.readouterr().err
