"""Transcripts of Codex, the real one, against what steno recorded of the same run."""

from dataclasses import replace

import pytest
from tests.clients.codex import (
    OPENAI,
    OWN,
    THREAD,
    Wire,
    call,
    compaction,
    say,
    start,
    text,
    thinking,
)
from tests.clients.comparing import check_reports, compare, imported_rows, sums

from steno.testing import provider
from steno.testing.provider import Script

pytestmark = pytest.mark.clients

# A rollout does not say why a reply ended, and names it by its turn.
UNTOLD = ("finish_reason", "id")
FREE = "danger-full-access"


@pytest.fixture
def ask(run, find, key):
    """Return what has Codex say something to a provider that answers so; returns the thread."""
    program = find("codex-*/node_modules/.bin/codex")

    def ask(prompt, scripts, *command, settings=OPENAI, sandbox=FREE, status=0):
        with provider.serve(scripts) as served:
            start(
                run, program, served, *command, key=key, prompt=prompt,
                settings=settings, sandbox=sandbox, status=status,
            )  # fmt: skip
            requests = [each for each in served.requests if each.path == "/v1/responses"]
        return requests[0].header(THREAD)

    return ask


def names(run):
    """Name the session that an import makes of each that was recorded."""
    return {session: f"codex-{session}" for session in run.sessions()}


def command(number):
    """Have the model call the shell."""
    return call("exec_command", call_id=f"call_{number}", cmd=f"echo {number}; exit {number - 1}")


def test_turns(run, ask):
    """Thoughts, texts, tools and their results, over several turns, are what went over the wire."""
    first = [
        say(2, thinking("So be it."), text("done")),
        say(1, thinking("Let me see."), text("I look."), command(1), command(2), to="look twice"),
    ]
    session = ask("look twice", first)
    assert ask("say pong", [say(3, text("pong"))], "resume", "--last") == session
    assert ask("once more\nsaid", [say(4, text("pöng"))], "resume", session) == session
    home, reports = run.imported()

    check_reports(reports, 1)
    rows = compare(run, home, names(run), Wire, UNTOLD)[session]
    assert [row.said for row, _ in rows] == [["look twice"], [], ["say pong"], ["once more\nsaid"]]
    assert [row.thought for _, row in rows] == ["Let me see.", "So be it.", "", ""]
    assert [result[1] for result in rows[0][1].results.values()] == [True, False]
    assert {row.finish_reason for _, row in rows} == {None}
    assert rows[0][1].tokens["reasoning"] == 2


def test_own_provider(run, ask):
    """A provider of one's own has its own name in the transcript."""
    session = ask("say pong", [say(3, text("pong"))], settings=OWN)
    home, reports = run.imported()

    check_reports(reports, 1)
    compare(run, home, names(run), Wire, (*UNTOLD, "cost"))
    assert home.sessions()[f"codex-{session}"]["provider"] == "own"


def test_again(run, ask):
    """Importing again changes nothing; after the next turn it adds the rest, and nothing else."""
    session = ask("first", [say(2, text("one")), say(1, command(1), to="first")])
    grown, before = run.imported("grown")
    files = grown.files()
    compare(run, grown, names(run), Wire, UNTOLD)
    _, unchanged = run.imported("grown")
    assert [report["status"] for report in unchanged] == ["unchanged"]
    assert grown.files() == files

    ask("second", [say(4, text("two")), say(3, command(2), to="second")], "resume", session)
    _, after = run.imported("grown")
    whole, _ = run.imported("whole")

    name = f"codex-{session}"
    assert after[0]["new"] == after[0]["entries"] - before[0]["entries"] > 0
    assert grown.files()[f"{name}.jsonl"].startswith(files[f"{name}.jsonl"])
    compare(run, grown, names(run), Wire, UNTOLD)
    assert imported_rows(grown, name, Wire) == imported_rows(whole, name, Wire)
    assert sums(grown) == sums(whole)


@pytest.mark.parametrize("context", [False, True], ids=["new", "forked"])
def test_agents(run, ask, context):
    """An agent is a session below the one that began it, and copies of its turns count there."""
    begin = {"message": "say it below", "fork_context": context}
    agent = call("spawn_agent", space="multi_agent_v1", **begin)
    scripts = [
        # The answer that ends the run must not overtake the agent.
        say(2, text("from above"), delay_ms=2000),
        say(1, agent, to="go down"),
        say(3, text("from below"), to="say it below"),
    ]
    session = ask("say pong", [say(4, text("pong"))])
    ask("go down", scripts, "resume", session)
    home, reports = run.imported()

    check_reports(reports, 2)
    # A copy of the parent's turns leaves its replies out.
    retold = ["resp_3"] if context else []
    rows = compare(run, home, names(run), Wire, UNTOLD, retold=retold)
    (below,) = set(rows) - {session}
    assert [row.text for _, row in rows[below]] == ["from below"]
    assert [row.said for _, row in rows[below]] == [["say it below"]]
    assert any(report["replayed"] for report in reports) is context
    assert home.parent(f"codex-{below}") == f"codex-{session}"
    assert home.parent(f"codex-{session}") is None


def test_fork(run, ask):
    """A fork goes on from its parent, and what was said before counts there, in any order."""
    session = ask("first", [say(2, text("one")), say(1, command(1), to="first")])
    fork = ask("second", [say(3, text("two"))], "fork", session)
    assert fork != session
    ask("third", [say(4, text("three"))], "resume", session)
    home, reports = run.imported()

    check_reports(reports, 2)
    rows = compare(run, home, names(run), Wire, UNTOLD)
    assert (len(rows[session]), len(rows[fork])) == (3, 1)
    header = home.header(f"codex-{fork}")
    assert (header["previous"], header["reason"]) == (f"codex-{session}", "fork")

    other, _ = run.imported("other", f"rollout-*{fork}.jsonl")
    assert sums(other)["input_tokens"] == 300
    run.imported("other")
    assert sums(other) == sums(run)


def test_refusal(run, ask):
    """An error of the provider is the end of one request."""
    session = ask("first", [say(1, text("one"))])
    refusal = Script(path="/v1/responses", status=400, about="no such thing")
    ask("second", [refusal], "resume", session, status=1)
    ask("third", [say(2, text("three"))], "resume", session)
    home, reports = run.imported()

    check_reports(reports, 1)
    rows = compare(run, home, names(run), Wire, UNTOLD)[session]
    recorded, imported = rows[1]
    assert [row.success for row, _ in rows] == [True, False, True]
    assert recorded.error == "http 400: invalid_request_error: no such thing"
    assert imported.error == "invalid_request_error: no such thing"


def test_broken_reply(run, ask):
    """What came of a reply before it broke off is the beginning of the one that came then."""
    whole = say(1, text("begun, "))
    begun = sum(len(event.encode()) for event in whole.stream[:3])
    broken = replace(whole, break_after=begun + 1, times=1)
    session = ask("first", [broken, say(2, text("done"))], settings=OWN)
    home, reports = run.imported()

    check_reports(reports, 1)
    untold = (*UNTOLD, "cost", "text")
    ((recorded, imported),) = compare(run, home, names(run), Wire, untold)[session]
    assert (recorded.attempts, recorded.text) == (2, "done")
    assert imported.text == "begun, done"


@pytest.mark.parametrize(
    ("settings", "made"),
    [(OWN, text("All of it.")), (OPENAI, compaction())],
    ids=["own", "openai"],
)
def test_compaction(run, ask, settings, made):
    """What a compaction has cost is counted, and its summary is told where it is no secret."""
    session = ask("first", [say(5, text("one"))], settings=settings)
    scripts = [say(6, made), say(7, text("two"), to="second")]
    limit = "model_auto_compact_token_limit=300"
    ask("second", scripts, "resume", session, settings=(*settings, limit))
    home, reports = run.imported()

    check_reports(reports, 1)
    untold = (*UNTOLD, "cost") if settings is OWN else UNTOLD
    compare(run, home, names(run), Wire, untold, silent=["resp_6"], retold=["resp_7"])
    (compacted,) = home.events(f"codex-{session}", "compacted")
    assert ("All of it." in compacted["summary"]) is (settings is OWN)


def test_one_home(run, ask):
    """Imported beside what was recorded, a run is a session of its own, and neither changes."""
    session = ask("first", [say(1, text("one"))])
    before, files = sums(run), run.files()
    _, reports = run.imported("steno")

    check_reports(reports, 1)
    assert set(run.sessions()) == {session, f"codex-{session}"}
    assert {one: run.files()[one] for one in files} == files
    assert sums(run) == {kind: 2 * count for kind, count in before.items()}
