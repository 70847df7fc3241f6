"""Sessions in OpenClaw's form, read by a strict reader of that form and imported again."""

import contextlib
import http.client
import json
import random
import re
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import steno
from steno.errors import TranscriptError
from steno.events.header import Header, make_header
from steno.events.model import (
    Compacted,
    Completed,
    EntryImported,
    Gap,
    RequestRecorded,
    ResponseRecorded,
    Started,
    ToolCallRecorded,
)
from steno.events.parts import CostEstimate, Tokens
from steno.testing import provider
from steno.transcripts.importers.formats.openclaw import FORMAT
from steno.transcripts.importers.model import Replied, Returned, Said, Summarised
from steno.transcripts.importers.source import Source, probe
from steno.transcripts.openclaw_export import export_session, export_verbatim
from steno.transcripts.reader import read_transcript

NOW = datetime(2026, 3, 2, 8, 0, 0, 123456, UTC)
PROVIDERS = Path(__file__).parents[2] / "data" / "providers"


# -- a strict reader, which knows the format by its documentation and shares no code with steno ---

_STAMP = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z\Z")
_SESSION_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,127}\Z", re.IGNORECASE)
_ENTRY_ID = re.compile(r"[0-9a-f]{8,64}\Z")
_REASONS = {"stop", "length", "toolUse", "error", "aborted"}
_COSTS = {"input", "output", "cacheRead", "cacheWrite", "total"}


def check(ok, message, value):
    """Refuse a file, with the value that is wrong."""
    if not ok:
        raise ValueError(f"{message}: {value!r}")


def is_count(value):
    """Tell whether a value is a whole number that is not negative."""
    return type(value) is int and value >= 0


def is_text(value):
    """Tell whether a value is a text that is not empty."""
    return isinstance(value, str) and value != ""


def read_strictly(data):
    """Read a file; returns its header and its entries, or raises over the first broken rule."""
    check(data.endswith(b"\n"), "no newline at the end", data[-20:])
    lines = [json.loads(line.decode("utf-8")) for line in data.split(b"\n")[:-1]]
    header, *entries = lines
    _check_header(header)
    seen, calls, last = {}, {}, None
    for entry in entries:
        check(_ENTRY_ID.match(entry["id"]), "an id of another kind", entry["id"])
        check(entry["id"] not in seen, "an id twice", entry["id"])
        check(entry["parentId"] == last, "a chain that is broken", entry)
        _check_stamp(entry["timestamp"])
        _KINDS[entry["type"]](entry, seen, calls)
        seen[entry["id"]] = entry
        last = entry["id"]
    return header, entries


def _check_stamp(value):
    check(_STAMP.match(value), "no time", value)
    datetime.fromisoformat(value)


def _check_header(header):
    check(header["type"] == "session", "no header", header)
    check(header["version"] == 3, "another version", header)
    check(_SESSION_ID.match(header["id"]), "no session id", header)
    check(isinstance(header["cwd"], str), "no working directory", header)
    check("session_id" not in header, "a header of steno's own", header)
    for name in ("sessionKey", "agentId", "parentSession"):
        check(name not in header or is_text(header[name]), f"{name} that is none", header)
    check(isinstance(header.get("metadata", {}), dict), "metadata that are none", header)
    _check_stamp(header["timestamp"])


def _check_message(entry, _seen, calls):
    message = entry["message"]
    check(is_count(message["timestamp"]), "no milliseconds", message)
    _ROLES[message["role"]](message, calls)


def _check_blocks(blocks, kinds):
    check(isinstance(blocks, list), "no blocks", blocks)
    for block in blocks:
        check(block["type"] in kinds, "a block of another kind", block)
        _BLOCKS[block["type"]](block)


def _check_user(message, _calls):
    check(message["content"], "nothing said", message)
    _check_blocks(message["content"], {"text", "image"})


def _check_assistant(message, calls):
    _check_blocks(message["content"], {"text", "thinking", "toolCall"})
    for name in ("api", "provider", "model"):
        check(is_text(message[name]), f"no {name}", message)
    check(message["stopReason"] in _REASONS, "another reason", message)
    failed = message["stopReason"] in {"error", "aborted"}
    check(not failed or is_text(message["errorMessage"]), "an error without a word", message)
    usage = message["usage"]
    parts = [usage[name] for name in ("input", "output", "cacheRead", "cacheWrite")]
    check(all(map(is_count, parts)), "no counts", usage)
    check(usage["totalTokens"] == sum(parts), "a total that is none", usage)
    check(set(usage["cost"]) == _COSTS, "no cost", usage)
    check(all(cost >= 0 for cost in usage["cost"].values()), "a cost that is none", usage)
    for block in message["content"]:
        if block["type"] == "toolCall":
            calls[block["id"]] = block["name"]


def _check_result(message, calls):
    check(calls.pop(message["toolCallId"], None) == message["toolName"], "no call", message)
    check(isinstance(message["isError"], bool), "no outcome", message)
    _check_blocks(message["content"], {"text", "image"})


def _check_image(block):
    check(is_text(block["data"]) and is_text(block["mimeType"]), "no image", block)


def _check_call(block):
    check(is_text(block["id"]) and is_text(block["name"]), "a call without a name", block)
    check(isinstance(block["arguments"], dict), "arguments that are none", block)


def _check_compaction(entry, seen, _calls):
    check(isinstance(entry["summary"], str), "no summary", entry)
    check(is_count(entry["tokensBefore"]), "no tokens", entry)
    check(entry["firstKeptEntryId"] in {*seen, entry["id"]}, "an unknown entry", entry)


def _check_custom(entry, _seen, _calls):
    check(is_text(entry["customType"]), "no custom type", entry)


_KINDS = {"message": _check_message, "compaction": _check_compaction, "custom": _check_custom}
_ROLES = {"user": _check_user, "assistant": _check_assistant, "toolResult": _check_result}
_BLOCKS = {
    "text": lambda block: check(isinstance(block["text"], str), "no text", block),
    "thinking": lambda block: check(isinstance(block["thinking"], str), "no thought", block),
    "image": _check_image,
    "toolCall": _check_call,
}


# -- what is compared ------------------------------------------------------------------------------


def events_of(home):
    """Read all that the sessions of a home hold, header included."""
    (path,) = (home / "sessions").rglob("*.jsonl")
    return [entry.event for entry in read_transcript(path)]


def convert(events):
    """Export a session; returns its header and its entries, as a strict reader sees them."""
    return read_strictly(b"".join(export_session(events)))


def tell(entries):
    """Say in short what messages say: role and text, calls, results."""
    told = []
    for entry in entries:
        message = entry.get("message")
        if message is None:
            told.append((entry["type"],))
            continue
        text = "".join(block.get("text", "") for block in message["content"])
        calls = [block["name"] for block in message["content"] if block["type"] == "toolCall"]
        told.append((message["role"], text, *calls))
    return told


def import_again(tmp_path, events):
    """Export a session, and read what the importer of the format makes of it."""
    path = tmp_path / "exported.jsonl"
    path.write_bytes(b"".join(export_session(events)))
    assert FORMAT.recognise(probe(path)) == 1.0
    (conversation,) = FORMAT.read(Source(path))
    entries = list(conversation.entries)
    assert all(entry.known for entry in entries)
    return conversation.identity, [fact for entry in entries for fact in entry.facts]


def started(number, **fields):
    """Begin a request."""
    return Started("s", f"r{number}", NOW, model_requested="gpt-5", provider="openai",
                   listener="proxy", **fields)  # fmt: skip


def asked(number, *messages):
    """Record what a request said, in the form of chat completions."""
    return RequestRecorded("s", f"r{number}", NOW, request_json={"messages": list(messages)})


def answered(number, text="", **fields):
    """Record a reply."""
    return ResponseRecorded("s", f"r{number}", NOW, response_text=text, **fields)


def done(number, error=None, **fields):
    """End a request."""
    return Completed("s", f"r{number}", NOW, success=error is None, error=error, **fields)


def user(text):
    """Return what a user says in a request."""
    return {"role": "user", "content": text}


def model(text, *calls):
    """Return what a model said in an earlier request."""
    called = [
        {"id": call, "type": "function", "function": {"name": "look", "arguments": "{}"}}
        for call in calls
    ]
    return {"role": "assistant", "content": text, **({"tool_calls": called} if called else {})}


HEADER = make_header("s", NOW, session_key="agent:main:main", cwd="/srv/app")


# -- the tests -------------------------------------------------------------------------------------


def test_recorded_by_a_program(home, tmp_path):
    """A session that a program recorded reads strictly, and imports as the same messages."""
    with steno.open(home) as recorder, recorder.session("s1", key="agent:main:main") as session:
        with session.request(model="gpt-5", provider="openai", text="which bed is dry?") as request:
            request.tool_call(
                "look", call_id="c1", arguments='{"bed":2}', output="7", success=False
            )
            request.response(
                text="I look.",
                model_used="gpt-5-2026",
                tokens=Tokens(input=100, output=20, cache_read=60, cache_creation=10, reasoning=5),
                finish_reason="tool_calls",
            )
        with session.request(model="gpt-5", provider="openai", text="and now?") as request:
            request.response(text="Dry.", model_used="gpt-5-2026")
    events = events_of(home)
    header, entries = convert(events)
    identity, facts = import_again(tmp_path, events)

    assert (header["id"], header["sessionKey"], header["agentId"]) == (
        "s1", "agent:main:main", "main",
    )  # fmt: skip
    assert tell(entries) == [
        ("user", "which bed is dry?"), ("assistant", "I look.", "look"), ("toolResult", "7"),
        ("user", "and now?"), ("assistant", "Dry."),
    ]  # fmt: skip
    assert (identity.id, identity.key, identity.began) == (
        "s1", "agent:main:main", events[0].timestamp.replace(
            microsecond=events[0].timestamp.microsecond // 1000 * 1000
        ),
    )  # fmt: skip
    replies = [fact for fact in facts if isinstance(fact, Replied)]
    assert [(reply.text, reply.model, reply.provider) for reply in replies] == [
        ("I look.", "gpt-5-2026", "openai"), ("Dry.", "gpt-5-2026", "openai"),
    ]  # fmt: skip
    counts = replies[0].tokens
    assert (counts.input, counts.output, counts.cache_read, counts.cache_creation) == (
        100, 20, 60, 10,
    )  # fmt: skip
    assert counts.reasoning == 5
    assert [(call.id, call.name, call.arguments) for call in replies[0].calls] == [
        ("c1", "look", '{"bed":2}')
    ]
    assert [fact for fact in facts if isinstance(fact, Returned)] == [
        Returned(call_id="c1", name="look", output="7", success=False)
    ]


@pytest.mark.parametrize("protocol", ["anthropic.messages", "openai.chat", "openai.responses"])
def test_recorded_by_the_proxy(start_proxy, tmp_path, protocol):
    """What passed through the proxy reads strictly: the same texts, models, calls and counts."""
    scripts = sorted((PROVIDERS / protocol).iterdir())
    with provider.serve(PROVIDERS) as served:
        proxy = start_proxy(served.url, session_id="talk")
        place = urlsplit(proxy.url)
        for path in scripts:
            script = json.loads(path.read_text())
            upstream = "anthropic" if "anthropic" in protocol else "openai"
            connection = http.client.HTTPConnection(place.hostname, place.port, timeout=20)
            with contextlib.closing(connection), contextlib.suppress(http.client.HTTPException):
                body = json.dumps(script["request"])
                connection.request("POST", f"/{upstream}{script['path']}", body)
                connection.getresponse().read()
        proxy.stop()
    events = events_of(proxy.home)
    convert(events)
    _, facts = import_again(tmp_path, events)
    told = [fact for fact in facts if isinstance(fact, Replied) and fact.model != "unknown"]
    said = {fact.text for fact in facts if isinstance(fact, Said)}
    recorded = {}
    for event in events:
        if not isinstance(event, Header):
            recorded.setdefault(event.request_id, []).append(event)

    assert len(told) == len(recorded) == len(scripts)
    for reply, parts in zip(told, recorded.values(), strict=True):
        begun, sent, *_, ended = parts
        got = next((part for part in parts if isinstance(part, ResponseRecorded)), None)
        tokens = got.tokens if got is not None else Tokens()
        counts = reply.tokens or Tokens()
        calls = [part for part in parts if isinstance(part, ToolCallRecorded)]
        assert sent.request_text in said
        assert reply.provider == begun.provider
        assert reply.model == ((got and got.model_used) or begun.model_requested)
        assert reply.text == (got.response_text if got is not None else "")
        assert (counts.input, counts.output, counts.cache_read or 0) == (
            tokens.input, tokens.output, tokens.cache_read or 0,
        )  # fmt: skip
        assert [call.name for call in reply.calls] == [
            call.tool_name for call in calls if call.tool_output is None
        ]
        assert reply.error == ended.error


def test_growing_conversation():
    """What each request repeats is written once, in its order, also when old messages change."""
    events = [
        HEADER,
        started(1), asked(1, {"role": "system", "content": "Be brief."}, user("one")),
        ToolCallRecorded("s", "r1", NOW, tool_name="look", tool_call_id="c1", tool_arguments="{}"),
        answered(1, "", finish_reason="tool_calls"), done(1),
        ToolCallRecorded("s", "r1", NOW, tool_name="look", tool_call_id="c1", tool_output="seen"),
        started(2),
        asked(2, user("one (reminded)"), model(None, "c1"),
              {"role": "tool", "tool_call_id": "c1", "content": "seen"}),
        answered(2, "fine"), done(2),
        started(3),
        asked(3, user("one"), model(None, "c1"),
              {"role": "tool", "tool_call_id": "c1", "content": "seen"}, model("fine"),
              user("one")),
        answered(3, "as before"), done(3),
    ]  # fmt: skip
    _, entries = convert(events)

    assert tell(entries) == [
        ("user", "one"), ("assistant", "", "look"), ("toolResult", "seen"),
        ("assistant", "fine"), ("user", "one"), ("assistant", "as before"),
    ]  # fmt: skip


def test_history_before_the_recording():
    """What was said before the recording began is written, with counts of zero."""
    events = [
        HEADER, started(1), asked(1, user("early"), model("hello", "c0"),
              {"role": "tool", "tool_call_id": "c0", "content": "x"}, user("now")),
        answered(1, "yes", tokens=Tokens(input=9, output=1)), done(1),
    ]  # fmt: skip
    _, entries = convert(events)

    assert tell(entries) == [
        ("user", "early"), ("assistant", "hello", "look"), ("toolResult", "x"), ("user", "now"),
        ("assistant", "yes"),
    ]  # fmt: skip
    assert entries[1]["message"]["usage"]["totalTokens"] == 0
    assert entries[4]["message"]["usage"]["totalTokens"] == 10


def test_compacted_by_the_agent():
    """What an agent itself puts in the place of the history is written; what it keeps is not."""
    events = [
        HEADER,
        started(1), asked(1, user("one")), answered(1, "1"), done(1),
        started(2), asked(2, user("one"), model("1"), user("two")), answered(2, "2"), done(2),
        started(3), asked(3, user("(in short)"), user("two"), model("2"), user("three")),
        answered(3, "3"), done(3),
    ]  # fmt: skip
    _, entries = convert(events)

    assert tell(entries) == [
        ("user", "one"), ("assistant", "1"), ("user", "two"), ("assistant", "2"),
        ("user", "(in short)"), ("user", "three"), ("assistant", "3"),
    ]  # fmt: skip


def test_result_without_call():
    """A result whose call stands nowhere is no message, and not lost."""
    result = {"role": "tool", "tool_call_id": "gone", "content": "x"}
    _, entries = convert([HEADER, asked(1, result, user("a")), answered(1, "b"), done(1)])

    assert tell(entries) == [("custom",), ("user", "a"), ("assistant", "b")]
    assert entries[0]["data"]["toolCallId"] == "gone"


def test_failures(tmp_path):
    """Errors and cancellations say so; what is tried again is said once."""
    events = [
        HEADER,
        started(1), asked(1, user("go")), done(1, "http 529: overloaded"),
        started(2), asked(2, user("go")), answered(2, "I be", partial=True),
        done(2, "cancelled: client_disconnected"),
        started(3), asked(3, user("go")), answered(3, "gone"), done(3),
        started(4), asked(4, user("more")),
    ]  # fmt: skip
    _, entries = convert(events)
    _, facts = import_again(tmp_path, events)
    reasons = [
        entry["message"]["stopReason"]
        for entry in entries
        if entry["message"]["role"] == "assistant"
    ]

    assert tell(entries) == [
        ("user", "go"), ("assistant", ""), ("assistant", "I be"), ("assistant", "gone"),
        ("user", "more"), ("assistant", ""),
    ]  # fmt: skip
    assert reasons == ["error", "aborted", "stop", "error"]
    assert next(fact.error for fact in facts if isinstance(fact, Replied)) == "http 529: overloaded"


def test_same_question_again():
    """A question that was answered, and is asked again, is written again."""
    events = [HEADER]
    for number in (1, 2):
        events += [started(number), asked(number, user("hi")), answered(number, "ho"), done(number)]
    _, entries = convert(events)

    assert tell(entries) == [("user", "hi"), ("assistant", "ho")] * 2


def test_side_by_side():
    """Requests that ran side by side are written one after the other."""
    events = [
        HEADER, started(1), started(2), asked(1, user("a")), asked(2, user("b")),
        answered(2, "B"), answered(1, "A"), done(2), done(1),
    ]  # fmt: skip
    _, entries = convert(events)

    assert tell(entries) == [
        ("user", "b"), ("assistant", "B"), ("user", "a"), ("assistant", "A"),
    ]  # fmt: skip


def test_compaction_and_gap(tmp_path):
    """A compaction is one there too, and what was lost is said."""
    events = [
        HEADER, asked(1, user("a")), answered(1, "b"), done(1),
        Compacted("s", "", NOW, summary="a, b", tokens_before=12),
        Gap("s", "", NOW, what="event", count=3, reason="buffer_full"),
    ]  # fmt: skip
    _, entries = convert(events)
    _, facts = import_again(tmp_path, events)

    assert [entry["type"] for entry in entries] == ["message", "message", "compaction", "custom"]
    assert facts[-1] == Summarised(summary="a, b", tokens_before=12)
    assert entries[3]["data"] == {"what": "event", "count": 3, "reason": "buffer_full"}


def test_cost(tmp_path):
    """What a request cost goes along."""
    cost = CostEstimate(provider="openai", model="gpt-5", input_cost_usd=0.25,
                        output_cost_usd=0.5, total_cost_usd=0.75)  # fmt: skip
    tokens = Tokens(input=1, output=1)
    events = [HEADER, answered(1, "b", tokens=tokens), done(1, estimated_cost=cost)]
    _, facts = import_again(tmp_path, events)

    assert [fact.cost_usd for fact in facts] == [0.75]


def test_same_each_time():
    """An export is the same each time."""
    events = [HEADER, asked(1, user("a")), answered(1, "b"), done(1)]

    assert list(export_session(events)) == list(export_session(events))


@pytest.mark.parametrize("session_id", ["../x", "", "-a", "a/b\0", "\u00fc", "x" * 300])
def test_hostile_id(session_id):
    """An id that is none there is replaced, and kept beside."""
    header, _ = convert([make_header(session_id, NOW)])

    assert header["metadata"] == {"steno.session_id": session_id}


def test_torn_head():
    """A transcript whose header is lost is written under the id that its events have."""
    header, entries = convert([asked(1, user("a")), answered(1, "b"), done(1)])

    assert header["id"] == "s"
    assert len(entries) == 2


def test_successor():
    """A session that goes on from another one names it."""
    header, _ = convert([make_header("s", NOW, previous="before", reason="reset")])

    assert header["parentSession"] == "before"


def test_verbatim():
    """What was imported from OpenClaw is given back as it stood there."""
    entry = {"type": "session", "version": 3, "id": "x", "own": [1]}
    events = [
        HEADER,
        EntryImported("s", "", NOW, format="openclaw", kind="session", entry_key="k", entry=entry),
        EntryImported("s", "", NOW, format="codex", kind="other", entry_key="k2", entry={}),
    ]

    assert [json.loads(line) for line in export_verbatim(events)] == [entry]


def test_verbatim_of_others():
    """A session that was not imported from there has nothing to give back."""
    with pytest.raises(TranscriptError, match="no entries"):
        list(export_verbatim([HEADER, answered(1, "b")]))


_VALUES = [
    None, True, 0, -1, 1.5, "", "x", "\u00e4", [], {}, [None], {"type": "text"}, {"role": "user"},
    [{"type": "text", "text": "a"}], [{"type": "tool_use"}], {"url": "data:image/png;base64,AA"},
]  # fmt: skip
_NAMES = [
    "messages", "input", "role", "content", "type", "text", "tool_calls", "function", "name", "id",
    "arguments", "call_id", "output", "choices", "message", "source", "image_url", "tool_use_id",
    "function_call", "refusal", "reasoning", "summary", "partial_json", "is_error",
]  # fmt: skip
_WORDS = ["user", "assistant", "tool", "tool_result", "tool_use", "function_call", "message",
          "image", "thinking", "function_call_output", "document"]  # fmt: skip


def invent(luck, depth=0):
    """Make up a body that no provider would send."""
    pick = luck.random()
    if depth > 5 or pick < 0.2:
        return luck.choice([*_VALUES, *_WORDS])
    if pick < 0.55:
        return [invent(luck, depth + 1) for _ in range(luck.randrange(4))]
    return {luck.choice(_NAMES): invent(luck, depth + 1) for _ in range(luck.randrange(5))}


def test_any_body():
    """Whatever the bodies hold, the export reads strictly."""
    luck = random.Random(5)
    for _ in range(400):
        events = [HEADER]
        for number in range(3):
            body = {luck.choice(["messages", "input"]): [invent(luck, 2) for _ in range(3)]}
            reply = {luck.choice(["choices", "output", "content"]): invent(luck, 1)}
            call = f"c{luck.randrange(3)}" if luck.random() < 0.7 else ""
            events += [
                RequestRecorded("s", f"r{number}", NOW, request_json=body, request_text="t"),
                ToolCallRecorded("s", f"r{number}", NOW, tool_name="n", tool_call_id=call,
                                 tool_arguments="{", tool_output=luck.choice(_VALUES)),
                ResponseRecorded("s", f"r{number}", NOW, response_json=reply),
                done(number),
            ]  # fmt: skip
        convert(events)
