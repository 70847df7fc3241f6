"""Transcripts of Claude Code, the real one, against what steno recorded of the same run."""

from dataclasses import replace

import pytest
from tests.clients.claude_code import Wire, call, say, start, text, thinking
from tests.clients.comparing import check_reports, compare, entries, imported_rows, sums

from steno.testing import provider
from steno.testing.provider import Script

pytestmark = pytest.mark.clients

AGENT = {"description": "look", "prompt": "ask on", "subagent_type": "general-purpose"}
TELLS = {"run_in_background": False}
API_REQUEST = "api-request"


@pytest.fixture
def ask(run, find, key):
    """Return what has Claude Code say something to a provider that answers so."""
    program = find("claude-*/claude_agent_sdk/_bundled/claude")

    def ask(prompt, scripts, *options, status=0):
        with provider.serve(scripts) as served:
            reply = start(run, program, served, *options, key=key, prompt=prompt, status=status)
            assert served.requests
            assert {each.path.split("?")[0] for each in served.requests} == {"/v1/messages"}
        return reply["session_id"]

    return ask


def name(session):
    """Name the session that an import makes of one that was recorded: agents bear other names."""
    main, agent = session[:36], session[37:]
    return f"claude-code-{main}" + (f"-agent-{agent}" if agent else "")


def names(run):
    return {session: name(session) for session in run.sessions()}


def check_requests(run, home):
    """Check that the transcripts name every request that was sent, failed attempts included."""
    for session, imported in names(run).items():
        assert len(entries(home, imported, API_REQUEST)) == run.sessions()[session]["requests"]


def test_turns(run, ask):
    """Thoughts, texts, tools and their results, over several turns, are what went over the wire."""
    first = [
        say(1, thinking("Let me see."), text("I look. "), call("t1", "Bash", command="echo 1"),
            call("t2", "Bash", command="exit 3"), thought=3),
        say(2, thinking("So be it."), text("done"), thought=4),
    ]  # fmt: skip
    session = ask("look twice", first, "--allowedTools", "Bash")
    assert ask("say pong", [say(3, text("pong"))], "--continue") == session
    assert ask("once more\nsaid", [say(4, text("pöng"))], "--resume", session) == session
    home, reports = run.imported()

    check_reports(reports, 1)
    rows = compare(run, home, names(run), Wire)[session]
    check_requests(run, home)
    assert [row.said for row, _ in rows] == [["look twice"], [], ["say pong"], ["once more\nsaid"]]
    assert [row.thought for _, row in rows] == ["Let me see.", "So be it.", "", ""]
    assert [result[1] for result in rows[0][1].results.values()] == [True, False]
    assert rows[0][1].results["t1"][0] == "1"
    assert rows[1][1].tokens["thinking"] == 4


def test_again(run, ask):
    """Importing again changes nothing; after the next turn it adds the rest, and nothing else."""
    session = ask("first", [say(1, call("t1", "Bash", command="echo 1")), say(2, text("one"))],
                  "--allowedTools", "Bash")  # fmt: skip
    grown, before = run.imported("grown")
    files = grown.files()
    compare(run, grown, names(run), Wire)
    _, unchanged = run.imported("grown")
    assert [report["status"] for report in unchanged] == ["unchanged"]
    assert grown.files() == files

    ask("second", [say(3, call("t2", "Bash", command="echo 2")), say(4, text("two"))],
        "--resume", session, "--allowedTools", "Bash")  # fmt: skip
    _, after = run.imported("grown")
    whole, _ = run.imported("whole")

    assert after[0]["new"] == after[0]["entries"] - before[0]["entries"] > 0
    assert grown.files()[f"{name(session)}.jsonl"].startswith(files[f"{name(session)}.jsonl"])
    compare(run, grown, names(run), Wire)
    assert imported_rows(grown, name(session), Wire) == imported_rows(whole, name(session), Wire)
    assert sums(grown) == sums(whole)


def test_agents(run, ask):
    """Agents are sessions below the one that began them; each reply counts once."""
    scripts = [
        say(1, call("t1", "Agent", **AGENT, **TELLS)),
        say(2, call("t2", "Agent", **AGENT, **TELLS)),
        say(3, text("from below")),
        say(4, text("from the middle")),
        say(5, text("from above")),
    ]
    session = ask("go down", scripts, "--allowedTools", "Agent")
    home, reports = run.imported()

    check_reports(reports, 3)
    rows = compare(run, home, names(run), Wire)
    check_requests(run, home)
    assert sorted(len(each) for each in rows.values()) == [1, 2, 2]
    assert "from the middle" in rows[session][0][1].results["t1"][0]
    for recorded, imported in names(run).items():
        parent = run.parent(recorded)
        assert home.parent(imported) == (name(parent) if parent else None)


def test_fork(run, ask):
    """A fork holds its parent's replies again: they count once, in either order."""
    session = ask("first", [say(1, call("t1", "Bash", command="echo 1")), say(2, text("one"))],
                  "--allowedTools", "Bash")  # fmt: skip
    fork = ask("second", [say(3, text("two"))], "--resume", session, "--fork-session")
    assert fork != session
    ask("third", [say(4, text("three"))], "--resume", session)
    home, reports = run.imported()

    check_reports(reports, 2)
    compare(run, home, names(run), Wire)
    check_requests(run, home)
    copies = [event.get("replayed_from") for event in home.events(name(fork), "entry_imported")]
    # What the user said, two replies, and what the tool returned.
    assert copies.count(name(session)) == 4
    assert set(copies) == {None, name(session)}
    assert sorted(report["replayed"] for report in reports) == [0, 4]

    other, _ = run.imported("other", f"{fork}.jsonl")
    assert sums(other)["input_tokens"] == 17 + 27 + 37
    run.imported("other")
    assert sums(other) == sums(run)


def test_refusal(run, ask):
    """An error of the provider is the end of one request, however often it was tried."""
    session = ask("first", [say(1, text("one"))])
    refusal = Script(path="/v1/messages", status=400, about="no such thing")
    ask("second", [refusal], "--resume", session, status=1)
    ask("third", [say(2, text("three"))], "--resume", session)
    home, reports = run.imported()

    check_reports(reports, 1)
    rows = compare(run, home, names(run), Wire)[session]
    check_requests(run, home)
    recorded, imported = rows[1]
    assert [row.success for row, _ in rows] == [True, False, True]
    assert recorded.attempts > 1
    assert recorded.error == "http 400: invalid_request_error: no such thing"
    assert imported.error == "http 400: invalid_request_error: API Error: 400 no such thing"


def test_overload(run, ask):
    """An attempt that failed before another one succeeded is no request of the transcript's."""
    overloaded = Script(path="/v1/messages", status=529, about="busy", times=1)
    session = ask("first", [overloaded, say(1, text("one"))])
    home, reports = run.imported()

    check_reports(reports, 1)
    ((recorded, _),) = compare(run, home, names(run), Wire)[session]
    check_requests(run, home)
    assert recorded.attempts == 2


def test_broken_reply(run, ask):
    """What came of a reply before it broke off is in no transcript: only steno has its counts."""
    whole = say(1, text("not to be heard of again"))
    begun = sum(len(event.encode()) for event in whole.stream[:2])
    broken = replace(whole, break_after=begun + 1)
    session = ask("first", [broken, say(2, text("one"))])
    home, reports = run.imported()

    check_reports(reports, 1)
    ((recorded, imported),) = compare(run, home, names(run), Wire)[session]
    check_requests(run, home)
    assert (recorded.attempts, recorded.wasted["output"]) == (2, 1)
    assert imported.text == "one"


def test_own_calls(run, ask):
    """A search's call, and a compaction's, are written by no transcript: only their sums are."""
    search = [
        say(1, call("t1", "WebSearch", query="clocks")),
        say(2, text("Links: none")),
        say(3, text("nothing found")),
    ]
    session = ask("search", search, "--allowedTools", "WebSearch")
    ask("/compact", [say(4, text("<summary>All about clocks.</summary>"))], "--resume", session)
    ask("go on", [say(5, text("gone on"))], "--resume", session)
    home, reports = run.imported()

    check_reports(reports, 1)
    unwritten = ["msg_2", "msg_4"]
    compare(run, home, names(run), Wire, unwritten=unwritten, retold=["msg_5"])
    requests = entries(home, name(session), API_REQUEST)
    assert len(requests) == run.sessions()[session]["requests"] - len(unwritten)
    (compacted,) = home.events(name(session), "compacted")
    assert "All about clocks." in compacted["summary"]
    assert (compacted["trigger"], compacted["tokens_before"]) == ("manual", 52)
    # What the client says that it has used in all is what went over the wire.
    (used,) = entries(home, name(session), "cost-state")[-1]["modelUsage"].values()
    whole = sums(run)
    sent = used["inputTokens"] + used["cacheReadInputTokens"] + used["cacheCreationInputTokens"]
    assert (sent, used["outputTokens"]) == (whole["input_tokens"], whole["output_tokens"])


def test_one_home(run, ask):
    """Imported beside what was recorded, a run is a session of its own, and neither changes."""
    session = ask("first", [say(1, text("one"))])
    before, files = sums(run), run.files()
    home, reports = run.imported("steno")

    check_reports(reports, 1)
    assert home.path == run.path
    assert set(run.sessions()) == {session, name(session)}
    assert {one: run.files()[one] for one in files} == files
    assert sums(run) == {kind: 2 * count for kind, count in before.items()}
