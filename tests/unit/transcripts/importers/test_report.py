"""What an import did with a file."""

import msgspec

from steno.transcripts.importers.report import FileReport
from steno.transcripts.importers.tallies import Tally
from steno.transcripts.values import Flaw


def test_facts():
    """The report is one object that JSON can carry, with every question answered."""
    report = FileReport("a.jsonl", format="codex", tally=Tally(entries=3, new=2))
    report.flaws.append(Flaw(10, 5, "torn", 5, "no end"))
    facts = msgspec.json.decode(msgspec.json.encode(report.facts()))

    assert {"path", "status", "new", "skipped", "unknown", "lost_bytes", "guessed"} <= facts.keys()
    assert (facts["entries"], facts["lost_bytes"]) == (3, 5)
    assert facts["damage"] == [
        {"offset": 10, "length": 5, "kind": "torn", "lost": 5, "detail": "no end"}
    ]


def test_many_flaws():
    """A file that is damaged all over makes no endless report."""
    report = FileReport("a.jsonl", flaws=[Flaw(at, 1, "syntax", 1) for at in range(1000)])

    assert (len(report.facts()["damage"]), report.lost) == (100, 1000)
