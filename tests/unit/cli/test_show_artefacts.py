"""How a person is told of artefacts."""

from datetime import UTC, datetime

import pytest

import steno
from steno.cli.show_artefacts import artefact_line, is_artefact_lost, lost_line

NOW = datetime(2026, 11, 20, tzinfo=UTC)


def saved(**facts):
    """Build the event of a save."""
    return steno.ArtefactSaved("s", "", NOW, kind="logs", path="logs/x.json", **facts)


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (saved(source=""), "logs: logs/x.json"),
        (saved(source="kubernetes", count=1200, size_bytes=34_567),
         "logs from kubernetes: logs/x.json (1,200 entries, 34,567 bytes)"),
        (saved(source="a", count=1, size_bytes=9), "logs from a: logs/x.json (1 entry, 9 bytes)"),
        (saved(source="a", count=0, metadata={"complete": False, "incomplete": "cancelled"}),
         "logs from a: logs/x.json (0 entries, incomplete: cancelled)"),
        (saved(source="a", count=2, metadata={"name": "kubernetes_p.json"}),
         "logs from a: logs/x.json (kubernetes_p.json, 2 entries)"),
        (saved(source="a", metadata={"complete": False}), "logs from a: logs/x.json (incomplete)"),
        (saved(source="\x1b[2J", metadata={"incomplete": "\x1b]0;"}),
         "logs from \\u001b[2J: logs/x.json (incomplete: \\u001b]0;)"),
    ],
)  # fmt: skip
def test_saved(event, line):
    """A line says kind, source, path, count and size, and whether the end is missing."""
    assert artefact_line(event) == line


def test_lost():
    """What could not be saved is told with its reason, and other gaps are not taken for it."""
    gap = steno.Gap(
        "s", "", NOW, what="artefact", count=1, reason="save_failed", detail="disk full\x1b"
    )
    other = steno.Gap("s", "", NOW, what="event", count=1, reason="buffer_full")

    assert is_artefact_lost(gap)
    assert not is_artefact_lost(other)
    assert lost_line(gap) == "not saved: disk full\\u001b"
    bare = steno.Gap("s", "", NOW, what="artefact", count=1, reason="save_failed")
    assert lost_line(bare) == "not saved: save_failed"


def test_show(home, run):
    """`steno show` tells of what was saved and of what was not."""
    with steno.open(home) as recorder:
        session = recorder.session("s")
        session.save_logs([1, 2], pod="payments")
        session.save_logs(5)

    code, out, _ = run("show", "s", "--home", home)

    assert code == 0
    assert "logs from kubernetes: logs/kubernetes_payments_default_" in out
    assert "(2 entries, " in out
    assert "not saved: logs from kubernetes: TypeError" in out
