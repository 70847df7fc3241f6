"""The filter: turns that begin, pass and end, or never do."""

import asyncio

import pytest

from steno.integrations.open_webui import filter as module
from steno.integrations.open_webui.filter import Filter

USER = {"id": "u1"}
BODY = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}


def metadata(chat="c1", message="m1"):
    """What the host says of a turn."""
    return {"chat_id": chat, "message_id": message, "session_id": "s1"}


class Clock:
    """A clock that a test sets."""

    def __init__(self):
        self.now_s = 0.0

    def monotonic(self):
        return self.now_s

    def time(self):
        return 1_700_000_000.0 + self.now_s


@pytest.fixture
def clock(monkeypatch):
    """Give the filter a clock that a test sets."""
    made = Clock()
    monkeypatch.setattr(module, "time", made)
    return made


@pytest.fixture
def watching(monkeypatch, clock):
    """Return a filter, and what its turns' sinks were told, each with the turn's user."""
    told = []

    class Sink:
        def __init__(self, user):
            self.user = user

        def take(self, line):
            told.append((self.user, line.message))

        def end(self, status, reason=""):
            told.append((self.user, status, reason))

    begin = module.begin_turn

    def begin_turn(*args, **more):
        turn = begin(*args, **more)
        turn.scope.sinks = (Sink(turn.scope.user_id),)
        turn.scope.floor = 10
        return turn

    monkeypatch.setattr(module, "begin_turn", begin_turn)
    made = Filter()
    made.valves = made.Valves(STENO_RECORD=False)
    yield made, told
    for key in list(made._open):
        made._interrupt(key, "the test is over")


def inlet(made, facts, user="u1"):
    """Begin a turn; returns the metadata, as the host hands it on."""
    assert asyncio.run(made.inlet(BODY, {"id": user}, facts)) is BODY
    return facts


def outlet(made, facts):
    """End a turn."""
    body = {"messages": [*BODY["messages"], {"role": "assistant", "content": "hello"}]}
    assert asyncio.run(made.outlet(body, facts)) is body


def look(made):
    """Let the filter look for turns without an end, on a loop as the host's."""

    async def run():
        made._look()

    asyncio.run(run())


def chunk(text):
    """Return a chunk of a reply."""
    return {"choices": [{"delta": {"content": text}}]}


def ends(told):
    """Return how turns ended."""
    return [each for each in told if len(each) == 3]


def test_turn(watching):
    """A turn is told from its request to its reply, and ends well."""
    made, told = watching
    facts = inlet(made, metadata())
    event = chunk("hello")
    assert made.stream(event, facts) is event
    outlet(made, facts)

    assert told[0][1].startswith('OpenWebUI request payload: {"model":"m"')
    assert told[1][1].startswith("OpenWebUI payload: ")
    assert told[2][1].startswith("OpenWebUI reply: ")
    assert told[3:] == [("u1", "ok", "")]
    assert not made._open


def test_plain_calls(watching):
    """Two users who call the API at once, without any ids, are never mixed up."""
    made, told = watching
    nobody = {"chat_id": "", "message_id": None, "session_id": None}
    first, second = inlet(made, dict(nobody), "u1"), inlet(made, dict(nobody), "u2")
    for number in range(3):
        made.stream(chunk(f"first-{number}"), first)
        made.stream(chunk(f"second-{number}"), second)
    outlet(made, first)
    outlet(made, second)

    assert not [line for user, line, *_ in told if user == "u1" and "second" in line]
    assert not [line for user, line, *_ in told if user == "u2" and "first" in line]
    assert ends(told) == [("u1", "ok", ""), ("u2", "ok", "")]


def test_nothing_rather_than_wrong(watching):
    """A chunk that can't be told from another turn's is nobody's."""
    made, told = watching
    inlet(made, {"chat_id": "", "message_id": None})
    before = len(told)
    made.stream(chunk("whose?"), {"chat_id": "", "message_id": None})
    made.stream(chunk("whose?"), None)

    assert len(told) == before


def test_side_by_side(watching, clock):
    """Models that answer one question side by side are turns of their own, to their ends."""
    made, told = watching
    first = inlet(made, {**metadata(message="m1"), "user_message_id": "q"})
    second = inlet(made, {**metadata(message="m2"), "user_message_id": "q"})
    clock.now_s = 60
    look(made)
    assert not ends(told)
    outlet(made, second)
    outlet(made, first)

    assert ends(told) == [("u1", "ok", ""), ("u1", "ok", "")]


def test_next_question(watching, clock):
    """A silent turn is interrupted when its chat has gone on; one that still speaks is not."""
    made, told = watching
    silent = inlet(made, {**metadata(message="m1"), "user_message_id": "q1"})
    speaking = inlet(made, {**metadata(message="m2"), "user_message_id": "q1"})
    inlet(made, metadata(chat="c2"))
    inlet(made, {**metadata(message="m3"), "user_message_id": "q2"})
    clock.now_s = 10
    made.stream(chunk("still there"), speaking)
    look(made)

    assert ends(told) == [("u1", "interrupted", "the next turn of the chat began")]
    assert made._key(silent) not in made._open
    assert len(made._open) == 3


def test_stale(watching, clock):
    """A turn of which nothing comes for long is interrupted, though its chat rests too."""
    made, told = watching
    inlet(made, metadata())
    clock.now_s = 43_201
    look(made)

    assert ends(told) == [("u1", "interrupted", "nothing came for 43200 s")]
    assert not made._open


def test_looks_by_itself(watching, clock, monkeypatch):
    """While turns are open, the filter looks after them without being called."""
    made, told = watching
    monkeypatch.setattr(module, "_LOOK_S", 0.01)

    async def run():
        await made.inlet(BODY, USER, metadata())
        clock.now_s = 50_000
        await asyncio.sleep(0.1)

    asyncio.run(run())

    assert len(ends(told)) == 1


def test_too_many(watching, monkeypatch):
    """Turns that never end do not fill the memory."""
    made, _ = watching
    monkeypatch.setattr(module, "_MOST", 3)
    for number in range(10):
        inlet(made, metadata(chat=f"c{number}"))

    assert len(made._open) == 3


def test_error_event(watching):
    """An error in the stream is a line of its own."""
    made, told = watching
    made.stream({"error": {"message": "no"}}, inlet(made, metadata()))

    assert told[-1][1] == 'the model answered with an error: {"message":"no"}'


def test_strangers(watching):
    """Chunks and ends of turns that nobody began pass untouched."""
    made, told = watching
    assert made.stream({"a": 1}, metadata()) == {"a": 1}
    outlet(made, metadata())
    assert told == []


def test_never_fails(watching, monkeypatch, capsys):
    """Whatever breaks in the recording, the body goes on."""
    made, _ = watching

    def fail(*args, **more):
        raise RuntimeError("broken")

    monkeypatch.setattr(module, "begin_turn", fail)
    inlet(made, metadata())

    assert "RuntimeError: broken" in capsys.readouterr().err
