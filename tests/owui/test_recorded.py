"""Pipes and filters with steno in them: the same scenarios in the real host and in the fake one."""

import json
import logging
import time
from pathlib import Path

import msgspec
import pytest
from tests.owui.conftest import source_of

from steno.archives.reading import Keys, open_archive
from steno.transcripts.finding import resolve_session
from steno.transcripts.reader import read_transcript

PASSWORD = "correct horse battery staple"
PATIENCE_S = 20
EXAMPLES = Path(__file__).parents[2] / "examples" / "open_webui"


class Recorded:
    """A host in which a recorded pipe is installed, and the filter if asked."""

    def __init__(self, host, folder):
        self.host = host
        self.archives = folder / "archives"
        self.home = folder / "home"
        self.notes = folder / "notes.jsonl"
        self._installed = []

    def install(self, function_id="rec", source=None, **valves):
        """Install a function, the recorded pipe unless another is given, and set its valves."""
        self.host.add_function(function_id, source or source_of("recorded_pipe.py"))
        self._installed.append(function_id)
        self.set_valves(function_id, **valves)

    def set_valves(self, function_id="rec", **valves):
        """Set valves, beside those that every test needs."""
        self.host.set_valves(
            function_id,
            **{
                "SESSION_LOG_STORE_ENABLED": True,
                "SESSION_LOG_DIR": str(self.archives),
                "SESSION_LOG_ZIP_PASSWORD": PASSWORD,
                "STENO_HOME": str(self.home),
                **valves,
            },
        )

    def uninstall(self):
        """Delete what was installed."""
        for function_id in self._installed:
            self.host.delete_function(function_id)

    def turn(self, text, model="rec.stream", **more):
        """Take a turn to its end; returns it and its message."""
        turn = self.host.start_turn(model, text, **more)
        return turn, self.host.wait(turn)

    def path(self, turn):
        """Return where the archive of a turn lies."""
        return self.archives / self.host.user_id / turn.chat_id / f"{turn.message_id}.zip"

    def archive(self, turn, requests=1):
        """Return meta and the records of a turn's archive, once it holds so many requests."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            if self.path(turn).exists():
                meta, records = read_archive(self.path(turn))
                if len(meta["requests"]) >= requests:
                    return meta, records
            assert time.monotonic() < deadline, "there is no such archive"
            time.sleep(0.05)

    def events(self, chat_id, completed=1):
        """Return the events of a chat's transcript, once so many requests in it are completed."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                path = resolve_session(self.home / "sessions", chat_id)
                events = [entry.event for entry in read_transcript(path)]
            except Exception:
                events = []
            if sum(type(each).__name__ == "Completed" for each in events) >= completed:
                return events
            assert time.monotonic() < deadline, "there is no such transcript"
            time.sleep(0.05)


def read_archive(path):
    """Return the meta data and the records of an archive."""
    with open_archive(path, Keys(password=PASSWORD)) as archive:
        meta = msgspec.to_builtins(archive.meta)
        return meta, [json.loads(line) for line in archive.lines()]


def messages(records):
    """Return what the lines of an archive say."""
    return [record["message"] for record in records]


def shown(message):
    """Return the lines of the citation of a message."""
    (logs,) = [each for each in message["sources"] if each["source"]["name"] == "Logs"]
    return logs["document"][0]


@pytest.fixture(params=["fake", pytest.param("real", marks=pytest.mark.owui)])
def rec(request, tmp_path):
    """Prepare a host: the fake one for `make test`, the real one for `make owui`."""
    if request.param == "real":
        host = request.getfixturevalue("open_webui")
        prepared = Recorded(host, tmp_path)
        yield prepared
        prepared.uninstall()
        return
    from steno.testing.open_webui import FakeOpenWebUI

    with FakeOpenWebUI() as host:
        yield Recorded(host, tmp_path)


@pytest.mark.parametrize("shape", ["stream", "text"])
def test_turn(rec, shape):
    """A turn is archived under the host's ids with DEBUG, shown from INFO, and transcribed."""
    rec.install()
    turn, message = rec.turn("hello", f"rec.{shape}")
    meta, records = rec.archive(turn)
    (started,) = [e for e in rec.events(turn.chat_id) if type(e).__name__ == "Started"]

    assert message["content"] == "one two"
    assert meta["ids"] == {
        "user_id": rec.host.user_id,
        "session_id": turn.session_id,
        "chat_id": turn.chat_id,
        "message_id": turn.message_id,
    }
    assert meta["status"] == "ok"
    assert messages(records)[0].startswith("debug of hello")
    assert {record["chat_id"] for record in records} == {turn.chat_id}
    assert "info of hello" in shown(message)
    assert "debug of hello" not in shown(message)
    assert started.request_id == meta["request_id"]
    assert started.model_requested == f"rec.{shape}"


def test_transcript(rec):
    """The transcript holds what was asked and what was said, and whose it is."""
    rec.install()
    turn, _ = rec.turn("hello")
    events = {type(event).__name__: event for event in rec.events(turn.chat_id)}

    assert events["RequestRecorded"].request_text == "hello"
    assert events["ResponseRecorded"].response_text == "one two"
    assert events["Completed"].success
    assert events["Header"].user_id == rec.host.user_id


@pytest.mark.parametrize(("text", "wanted"), [("fail", "it broke"), ("early", "it broke early")])
def test_failure(rec, text, wanted):
    """A pipe that raises is archived as an error with its traceback; the user sees none of it."""
    rec.install()
    turn, message = rec.turn(text)
    meta, records = rec.archive(turn)
    *_, completed = rec.events(turn.chat_id)

    assert (meta["status"], meta["requests"][0]["reason"]) == ("error", f"ValueError: {wanted}")
    assert records[-1]["message"] == f"the run ended with ValueError: {wanted}"
    assert "recorded_pipe" not in records[-1]["message"]
    assert records[-1]["exception"]["text"].startswith("Traceback")
    assert "the run ended with ValueError" in shown(message)
    assert "Traceback" not in shown(message)
    assert completed.error == f"upstream_failed: ValueError: {wanted}"


def test_stop(rec):
    """Stop is archived as cancelled, with the last line of the pipe's `finally`."""
    rec.install()
    turn = rec.host.start_turn("rec.stream", "hang")
    time.sleep(1)
    assert rec.host.stop(turn)
    message = rec.host.wait(turn)
    meta, records = rec.archive(turn)
    *_, completed = rec.events(turn.chat_id)

    assert meta["status"] == "cancelled"
    assert messages(records)[-1] == "the last line of hang, with both"
    assert "info of hang" in shown(message)
    assert completed.error.startswith("client_disconnected")


def test_disconnect(rec):
    """A client that hangs up is recorded, though every await is cancelled again by then."""
    rec.install(SESSION_LOG_ARCHIVE_API_CALLS=True)
    with rec.host.stream("rec.stream", "hang") as events:
        next(iter(events))
    folder = rec.archives / rec.host.user_id / "api"
    deadline = time.monotonic() + PATIENCE_S
    while not list(folder.glob("*.zip")):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    meta, records = read_archive(next(folder.glob("*.zip")))

    assert meta["status"] == "cancelled"
    assert messages(records)[-1] == "the last line of hang, with both"


def test_plain_call(rec):
    """A plain call is not archived unless it is asked for, and answered all the same."""
    rec.install()
    reply = rec.host.call("rec.stream", "hello")
    turn, _ = rec.turn("hello")
    rec.archive(turn)

    assert reply["choices"][0]["message"]["content"] == "one two"
    assert not (rec.archives / rec.host.user_id / "api").exists()


def test_tool_loop(rec):
    """The invocations of a tool loop are in one archive, each under a request of its own."""
    rec.install()
    turn, message = rec.turn("tool")
    meta, records = rec.archive(turn, requests=2)
    events = rec.events(turn.chat_id, completed=2)

    assert message["content"].endswith("one two")
    assert list(meta["request_ids"]) == sorted(each["request_id"] for each in meta["requests"])
    assert messages(records)[3] == "asks for a tool"
    assert messages(records)[-1] == "the last line of tool, with both"
    assert len({record["request_id"] for record in records}) == 2
    assert any(type(event).__name__ == "ToolCallRecorded" for event in events)


def test_tasks(rec):
    """The title of a chat is archived with the message that it is about."""
    rec.install()
    turn, message = rec.turn("hello", tasks=("title",))
    meta, _ = rec.archive(turn, requests=2)

    assert {each.get("task") for each in meta["requests"]} == {None, "title_generation"}
    assert shown(message).count("info of") == 1


def test_temporary_chat(rec):
    """Nothing is kept of a temporary chat, neither archive nor transcript."""
    rec.install()
    temporary, _ = rec.turn("hello", temporary=True)
    turn, _ = rec.turn("hello")
    rec.archive(turn)
    rec.events(turn.chat_id)

    assert [path.name for path in (rec.archives / rec.host.user_id).iterdir()] == [turn.chat_id]
    assert not list(rec.home.rglob(f"*{temporary.session_id}*"))
    assert len(list(rec.home.rglob("sessions/*/*.jsonl"))) == 1


@pytest.mark.parametrize(
    ("operator", "user", "lines"),
    [
        ("INHERIT", "INHERIT", ["INFO", "ERROR"]),
        ("ERROR", "INHERIT", ["ERROR"]),
        ("ERROR", "DEBUG", ["DEBUG", "INFO", "ERROR", "DEBUG"]),
        ("DEBUG", "WARNING", ["ERROR"]),
    ],
)
def test_levels(rec, operator, user, lines):
    """The user's level goes before the operator's; archives hold DEBUG whatever is shown."""
    rec.install(LOG_LEVEL=operator)
    rec.host.set_user_valves("rec", LOG_LEVEL=user)
    turn, message = rec.turn("hello")
    _, records = rec.archive(turn)

    assert [line.split("[")[1].split("]")[0] for line in shown(message).splitlines()] == lines
    assert [record["level"] for record in records] == ["DEBUG", "INFO", "ERROR", "DEBUG"]


def test_no_citation(rec):
    """An operator may keep the lines from the users."""
    rec.install(LOG_CITATION=False)
    turn, message = rec.turn("hello")
    rec.archive(turn)

    assert not message.get("sources")


def test_valves_at_entry(rec):
    """A turn keeps the valves with which it began, whatever other turns bring."""
    rec.install()
    turn = rec.host.start_turn("rec.stream", "hang")
    time.sleep(0.5)
    rec.set_valves(SESSION_LOG_FORMAT="text", SESSION_LOG_ZIP_PASSWORD="another one")
    rec.host.call("rec.text", "hello")
    rec.host.stop(turn)
    rec.host.wait(turn)
    meta, records = rec.archive(turn)

    assert meta["log_format"] == "both"
    assert messages(records)[-1] == "the last line of hang, with both"


@pytest.mark.parametrize(
    "valves",
    [{"SESSION_LOG_ZIP_PASSWORD": ""}, {"SESSION_LOG_STORE_ENABLED": False}],
    ids=["no password", "off"],
)
def test_not_stored(rec, valves):
    """Without a password, or switched off, the turn goes on and nothing is stored."""
    rec.install(**valves)
    turn, message = rec.turn("hello")
    rec.events(turn.chat_id)

    assert message["content"] == "one two"
    assert "info of hello" in shown(message)
    assert not rec.archives.exists()


def test_reload(rec):
    """A function that is loaded anew goes on recording, and leaves no handlers behind."""
    rec.install()
    before = [len(logging.getLogger(name).handlers) for name in (None, "recorded_pipe")]
    for _ in range(3):
        rec.host.update_function("rec", source_of("recorded_pipe.py"))
        turn, message = rec.turn("hello")
        _, records = rec.archive(turn)
        assert len(records) == 4
        assert len(shown(message).splitlines()) == 2

    assert [len(logging.getLogger(name).handlers) for name in (None, "recorded_pipe")] == before


def test_crowd(rec):
    """Twenty turns at once: each archive holds the tokens of its own turn and no other's."""
    rec.install()
    turns = [rec.host.start_turn("rec.stream", f"crowd-{number}-") for number in range(20)]
    for turn in turns:
        rec.host.wait(turn)

    for number, turn in enumerate(turns):
        _, records = rec.archive(turn)
        tokens = [each for each in messages(records) if each.startswith("token")]
        assert tokens == [f"token crowd-{number}-"] * 20


def test_example(rec, served):
    """The pipe that operators paste asks an API, passes its stream on, and is recorded."""
    source = (EXAMPLES / "recorded_pipe.py").read_text()
    rec.install(source=source, API_URL=f"{served.url}/v1", API_KEY="sk-secret", MODELS="a, b")
    turn, message = rec.turn("hello", "rec.b")
    whole = rec.host.call("rec.b", "hello")
    _, records = rec.archive(turn)
    events = {type(event).__name__: event for event in rec.events(turn.chat_id)}

    assert {"rec.a", "rec.b"} <= set(rec.host.models())
    assert message["content"] == "echo: hello"
    assert whole["choices"][0]["message"]["content"] == "echo: hello"
    assert "the provider answers: 200" in messages(records)
    assert "sk-secret" not in str(records)
    assert events["ResponseRecorded"].response_text == "echo: hello"
    assert events["ResponseRecorded"].tokens.output


def install_filter(rec):
    """Install the filter as it is pasted, and a model that knows nothing of steno."""
    rec.install("plain", source_of("probe_pipe.py"))
    rec.install("steno", (EXAMPLES / "steno_filter.py").read_text())


@pytest.fixture
def filtered(rec, tmp_path, monkeypatch):
    """Install the filter, and a model beside it."""
    rec.notes = getattr(rec.host, "folder", tmp_path) / "notes.jsonl"
    Path(f"{rec.notes}.go").unlink(missing_ok=True)
    monkeypatch.setenv("PROBE_FILE", str(rec.notes))
    install_filter(rec)
    return rec


def test_filter(filtered):
    """A filter archives and transcribes the turn of a model that is not ours."""
    turn, message = filtered.turn("hello", "plain.stream")
    meta, records = filtered.archive(turn)
    events = {type(event).__name__: event for event in filtered.events(turn.chat_id)}

    assert message["content"] == "one two"
    assert meta["status"] == "ok"
    assert messages(records)[0].startswith("OpenWebUI request payload: {")
    assert messages(records)[-1].startswith("OpenWebUI reply: ")
    assert [each["document"] for each in message["sources"]] == [["line"]]  # the model's own
    assert events["ResponseRecorded"].response_text == "one two"
    assert events["Started"].listener == "filter"


def test_filter_tool_loop(filtered):
    """The rounds of a tool loop are one turn to a filter, in one archive."""
    turn, _ = filtered.turn("tool", "plain.stream")
    meta, records = filtered.archive(turn)

    assert meta["status"] == "ok"
    assert sum("get_current_timestamp" in line for line in messages(records)) >= 1
    assert any('"content":"two"' in line for line in messages(records))


def test_filter_reload(filtered):
    """A filter that is loaded anew goes on recording."""
    for _ in range(2):
        filtered.host.update_function("steno", (EXAMPLES / "steno_filter.py").read_text())
        turn, _ = filtered.turn("hello", "plain.stream")
        meta, records = filtered.archive(turn)
        assert meta["status"] == "ok"
        assert any('"content":"two"' in line for line in messages(records))


def test_filter_disconnect(filtered):
    """Of a call whose client hangs up, what had passed is on disk, and ends as interrupted."""
    filtered.set_valves(
        "steno", SESSION_LOG_ARCHIVE_API_CALLS=True, SESSION_LOG_STALE_FINALIZE_SECONDS=300
    )
    with filtered.host.stream("plain.stream", "hang") as events:
        next(iter(events))
    spools = filtered.archives / ".spool"
    deadline = time.monotonic() + PATIENCE_S
    while not [each for each in spools.rglob("*") if each.is_file() and each.suffix != ".owner"]:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_filter_temporary_chat(filtered):
    """A filter keeps nothing of a temporary chat."""
    filtered.turn("hello", "plain.stream", temporary=True)
    turn, _ = filtered.turn("hello", "plain.stream")
    filtered.archive(turn)
    filtered.events(turn.chat_id)

    assert len(list(filtered.home.rglob("sessions/*/*.jsonl"))) == 1


def test_filter_plain_calls(filtered):
    """Two calls of the API at once have no ids to tell them apart, and are not mixed up."""
    filtered.set_valves("steno", SESSION_LOG_ARCHIVE_API_CALLS=True)
    with filtered.host.stream("plain.stream", "hang first") as first:
        next(iter(first))
        with filtered.host.stream("plain.stream", "hello second") as second:
            assert len(list(second)) == 3
    folder = filtered.archives / filtered.host.user_id / "api"
    deadline = time.monotonic() + PATIENCE_S
    while not list(folder.glob("*.zip")):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    meta, records = read_archive(next(folder.glob("*.zip")))

    assert meta["status"] == "ok"
    assert "hello second" in messages(records)[0]
    assert not [line for line in messages(records) if "first" in line or "more" in line]


def test_filter_side_by_side(filtered):
    """Turns of one chat that run at once are archived whole, each for itself."""
    chat_id = filtered.host.new_chat("plain.stream")
    turns = [
        filtered.host.start_turn("plain.stream", text, chat_id=chat_id)
        for text in ("wait a", "hello b")
    ]
    filtered.host.wait(turns[1])
    second, _ = filtered.archive(turns[1])
    Path(f"{filtered.notes}.go").touch()
    filtered.host.wait(turns[0])
    first, records = filtered.archive(turns[0])

    assert (first["status"], second["status"]) == ("ok", "ok")
    assert any('"content":"two"' in line for line in messages(records))


@pytest.mark.parametrize("text", ["fail", "hang"])
def test_filter_without_outlet(filtered, text):
    """After an error or Stop no outlet comes: the chat's next turn ends it as interrupted."""
    turn = filtered.host.start_turn("plain.stream", text)
    if text == "hang":
        time.sleep(1)
        filtered.host.stop(turn)
    filtered.host.wait(turn)
    filtered.turn("hello", "plain.stream", chat_id=turn.chat_id)
    meta, records = filtered.archive(turn)
    events = filtered.events(turn.chat_id, completed=2)
    errors = [each.error for each in events if type(each).__name__ == "Completed"]

    assert meta["status"] == "interrupted"
    assert "no end was heard" in messages(records)[-1]
    assert set(errors) == {"interrupted: the next turn of the chat began", None}
