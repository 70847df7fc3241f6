"""What steno recorded of a client against what it imported of the transcripts of the same run.

Strategy: both sides become rows of one shape, one for each reply that the client took, and the rows
are equal. What the transcripts of a client do not tell is named by the test, field by field; what
they tell must be what went over the wire.

A wire (`tests.clients.claude_code.Wire`, `tests.clients.codex.Wire`) says of a request's body what
the user said (`words`) and what tools returned (`results`) since the last reply, and of a reply what
the model thought (`thoughts`).
"""

import json
from collections import Counter
from dataclasses import dataclass, field

KINDS = ("input", "output", "cache_read", "cache_creation", "thinking", "reasoning")
STATS = [f"{kind}_tokens" for kind in KINDS]


@dataclass
class Row:
    """One reply, with what was said to the model for it.

    Attributes:
        said: What the user said since the last reply.
        results: What tools returned to this reply's calls, by call: text, and success.
        calls: Tools that the model called: name, id, arguments.
        tokens: Counts by kind; what is not told is 0.
        cost: In dollars, rounded to what the price data holds.
        error: What went wrong.
        attempts: How many requests it took.
        wasted: Counts of the attempts that failed.
    """

    said: list[str]
    text: str
    thought: str
    calls: list[tuple]
    results: dict
    model: str
    id: str | None
    tokens: dict
    source: str | None
    finish_reason: str | None
    cost: float | None
    success: bool
    error: str | None
    attempts: int = 1
    wasted: Counter = field(default_factory=Counter)


def _by_request(events):
    """Sort the events of a session by their requests, in the order in which these began."""
    found = {event["request_id"]: {} for event in events if event["type"] == "started"}
    for event in events:
        if event.get("request_id") in found and event["type"] != "entry_imported":
            found[event["request_id"]].setdefault(event["type"], []).append(event)
    return found


def _row(parts, said, results, thought):
    """Make a row of the events of one request; of each type the last counts."""
    (completed,) = parts["completed"]
    response = parts.get("response_recorded", [{}])[-1]
    tokens = response.get("tokens", {})
    calls = [event for event in parts.get("tool_call_recorded", []) if "tool_arguments" in event]
    cost = completed.get("estimated_cost", {}).get("total_cost_usd")
    return Row(
        said=said,
        text=response.get("response_text", ""),
        thought=thought,
        calls=[
            (call["tool_name"], call["tool_call_id"], json.loads(call["tool_arguments"]))
            for call in calls
        ],
        results=results,
        model=response.get("model_used", ""),
        id=response.get("response_id"),
        tokens={kind: tokens.get(f"{kind}_tokens") or 0 for kind in KINDS},
        source=tokens.get("source"),
        finish_reason=completed.get("finish_reason"),
        cost=None if cost is None else round(cost, 12),
        success=_is_well(parts),
        error=completed.get("error"),
    )


def recorded_rows(home, session, wire):
    """Return what was recorded of a session; failed attempts are one with what they led to."""
    rows = []
    attempts = []
    by_request = list(_by_request(home.all_events(session)).items())
    bodies = [json.loads(home.raw(session, request_id)) for request_id, _ in by_request]
    words = [wire.words(body) for body in bodies]
    returned = {call: result for body in bodies for call, result in wire.results(body).items()}
    for place, (_, parts) in enumerate(by_request):
        # What was said in vain stands in the next request again.
        in_vain = rows[-1].said if rows and not rows[-1].success else []
        response = parts.get("response_recorded", [{}])[-1]
        thought = wire.thoughts(response["response_json"]) if _is_well(parts) else ""
        row = _row(parts, words[place][len(in_vain) :], {}, thought)
        row.results = {call[1]: returned[call[1]] for call in row.calls if call[1] in returned}
        attempts.append(row)
        # Another attempt says the same again, or goes on from what came of this one.
        if not row.success and words[place + 1 : place + 2] in ([words[place]], [[]]):
            continue
        row.said, row.attempts = attempts[0].said, len(attempts)
        for attempt in attempts[:-1]:
            row.wasted.update(attempt.tokens)
        attempts = []
        rows.append(row)
    return rows


def _is_well(parts):
    """Tell whether a request succeeded."""
    return parts["completed"][0]["success"]


def imported_rows(home, session, wire):
    """Return what was imported of a session."""
    rows = []
    for parts in _by_request(home.all_events(session)).values():
        said = parts.get("request_recorded", [{}])[-1].get("request_text") or ""
        outputs = [each for each in parts.get("tool_call_recorded", []) if "tool_output" in each]
        results = {
            each["tool_call_id"]: (wire.output(each["tool_output"]), each.get("success"))
            for each in outputs
        }
        assert len(results) == len(outputs)
        response = parts.get("response_recorded", [{}])[-1]
        thought = (response.get("response_json") or {}).get("reasoning", "")
        rows.append(_row(parts, said.split("\n\n") if said else [], results, thought))
    return rows


def compare(recorded, imported, sessions, wire, untold=(), *, unwritten=(), silent=(), retold=()):
    """Compare two homes, session by session and row by row, and their sums.

    Args:
        recorded: What steno recorded.
        imported: What it imported.
        sessions: The imported session for each of those that were recorded.
        wire: What the bodies hold.
        untold: Fields that the client's transcripts do not tell.
        unwritten: Ids of replies that are in no transcript: calls of the client's own.
        silent: Ids of replies of which a transcript holds the counts alone.
        retold: Ids of replies to which what was said before a compaction was said again.

    Returns:
        The rows by recorded session; those of requests that failed are left to the test.
    """
    assert set(recorded.sessions()) == set(sessions)
    assert set(imported.sessions()) == set(sessions.values())
    found = {}
    left_out = []
    missing = Counter()
    for session, name in sessions.items():
        ours = recorded_rows(recorded, session, wire)
        for row in ours:
            missing.update(row.wasted)
            if row.id in unwritten:
                left_out.append(row.id)
                missing.update(row.tokens)
        ours = [row for row in ours if row.id not in unwritten]
        theirs = imported_rows(imported, name, wire)
        found[session] = list(zip(ours, theirs, strict=True))
        for our, their in found[session]:
            assert our.success == their.success
            more = len(our.said) - len(their.said) if our.id in retold else 0
            if our.id in silent:
                more, our.said, our.text = 0, their.said, their.text
            assert our.said[more:] == their.said
            if our.success:
                assert told(their, untold) == told(our, untold)
    assert sorted(left_out) == sorted(unwritten)
    whole = sums(recorded)
    assert sums(imported) == {
        f"{kind}_tokens": whole[f"{kind}_tokens"] - missing[kind] for kind in KINDS
    }
    return found


def told(row, untold):
    """Return what of a row is compared."""
    left_out = {"attempts", "wasted", "said", *untold}
    return {name: value for name, value in vars(row).items() if name not in left_out}


def sums(home):
    """Return the counts of all sessions of a home, as its index adds them up."""
    columns = ", ".join(f"sum({name}) AS {name}" for name in STATS)
    (row,) = home.rows(f"SELECT {columns} FROM sessions")
    return row


def entries(home, session, kind):
    """Return the entries of one kind that were imported, as the client wrote them."""
    events = home.events(session, "entry_imported")
    return [event["entry"] for event in events if event["kind"] == kind]


def check_reports(reports, count):
    """Check that transcripts were read whole and understood."""
    assert len(reports) == count
    for report in reports:
        assert (report["status"], report["new"]) == ("imported", report["entries"])
        assert (report["unknown"], report["damage"], report["duplicates"]) == ({}, [], 0)
