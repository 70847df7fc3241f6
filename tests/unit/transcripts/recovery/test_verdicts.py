"""Who it is, after all was heard."""

import pytest

from steno.transcripts.recovery.evidence import (
    CHAT_HISTORY,
    COMPUTED,
    CONFIDENCE,
    CRON_TEXT,
    EXACT,
    FAMILY,
    HEADER,
    HINT,
    INHERITED,
    LINKED,
    NARROWED,
    OLD_STORE,
    SPAWN,
    STORE,
    TRAJECTORY,
    WINDOW,
    Evidence,
)  # fmt: skip
from steno.transcripts.recovery.hints import Hint
from steno.transcripts.recovery.verdicts import Verdict, judge


def said(kind, key, grade=EXACT):
    """Say something."""
    return Evidence(kind, grade, f"agent:main:{key}", "/f")


def judged(*statements, agent="main", **fields):
    """Judge after some statements."""
    verdict = Verdict(path="/t", session_id="s", file_kind="live", **fields)
    judge(verdict, list(statements), agent)
    return verdict


def outcome(verdict):
    """Sum a verdict up."""
    key = verdict.session_key and verdict.session_key.removeprefix("agent:main:")
    return key, verdict.identified_by, verdict.confidence, len(verdict.conflicts)


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        # all agree
        ([said(HEADER, "a")], ("a", "header", 1, 0)),
        ([said(STORE, "a")], ("a", "store", 1, 0)),
        ([said(TRAJECTORY, "a")], ("a", "evidence", 1, 0)),
        ([said(OLD_STORE, "a")], ("a", "evidence", 1, 0)),
        ([said(TRAJECTORY, "a"), said(STORE, "a")], ("a", "store", 1, 0)),
        ([said(HEADER, "a"), said(STORE, "a")], ("a", "header", 1, 0)),
        # the transcript is contradicted
        ([said(HEADER, "a"), said(STORE, "b")], ("a", "header", 0.6, 1)),
        ([said(HEADER, "a"), said(HEADER, "b")], ("a", "header", 0.6, 1)),
        # contemporaries against what is older or indirect
        ([said(STORE, "a"), said(OLD_STORE, "b")], ("a", "store", 0.6, 1)),
        ([said(WINDOW, "a"), said(FAMILY, "b")], ("a", "evidence", 0.6, 1)),
        # equals against each other
        ([said(STORE, "a"), said(TRAJECTORY, "b")], (None, "none", 0, 2)),
        ([said(STORE, "a"), said(STORE, "b")], (None, "none", 0, 2)),
        ([said(OLD_STORE, "a"), said(OLD_STORE, "b")], (None, "none", 0, 2)),
        ([said(CHAT_HISTORY, "a"), said(OLD_STORE, "b")], (None, "none", 0, 2)),
        # without anybody who names it
        ([said(CRON_TEXT, "a", COMPUTED)], ("a", "evidence", 0.9, 0)),
        ([said(SPAWN, "a", LINKED)], ("a", "evidence", 0.8, 0)),
        ([said(SPAWN, "a", LINKED), said(SPAWN, "b", LINKED)], (None, "none", 0, 0)),
        ([said(CRON_TEXT, "a", COMPUTED), said(STORE, "b")], ("b", "store", 1, 1)),
        ([said(SPAWN, "a", NARROWED)], (None, "none", 0.4, 0)),
        ([said(CRON_TEXT, "a", HINT)], (None, "none", 0.1, 0)),
        ([said(INHERITED, "a", HINT)], (None, "none", 0.1, 0)),
        ([], (None, "none", 0, 0)),
        # a job and its run
        ([said(STORE, "cron:j"), said(TRAJECTORY, "cron:j:run:s")],
         ("cron:j:run:s", "store", 1, 0)),
        ([said(OLD_STORE, "cron:j"), said(CRON_TEXT, "cron:j:run:s", COMPUTED)],
         ("cron:j", "evidence", 1, 0)),
    ],
)  # fmt: skip
def test_rules(statements, expected):
    """Each rule of the module, by what is said; the order of what is said does not matter."""
    assert outcome(judged(*statements)) == expected
    if not all(each.kind == HEADER for each in statements):
        assert outcome(judged(*reversed(statements))) == expected


def test_the_strongest_first():
    """What was said is told, the strongest first."""
    verdict = judged(
        said(CRON_TEXT, "a", COMPUTED),
        said(OLD_STORE, "a"),
        said(WINDOW, "a"),
        said(SPAWN, "x", HINT),
    )

    assert [each.kind for each in verdict.evidence] == [WINDOW, OLD_STORE, CRON_TEXT, SPAWN]


def test_candidates_are_hints():
    """What only narrows stands among the hints, beside those of the text."""
    verdict = judged(said(SPAWN, "a", NARROWED), hints=[Hint("heartbeat", "x")])

    assert [hint.kind for hint in verdict.hints] == ["heartbeat", "candidate"]


def test_the_agent():
    """The agent is the key's, or else the folder's; where these differ, it is told."""
    assert judged().agent_id == "main"
    assert judged(agent=None).agent_id is None
    other = judged(said(STORE, "a"), agent="work")
    assert other.agent_id == "main"
    assert [(each.about, each.value) for each in other.conflicts] == [("agent_id", "work")]
    assert judged(said(STORE, "cron:x")).kind == "cron"


def test_confidence_falls_with_the_grade():
    """Grades that give a key are surer than all that give none."""
    assert list(CONFIDENCE.values()) == sorted(CONFIDENCE.values(), reverse=True)
