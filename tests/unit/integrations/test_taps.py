"""What is noted of an exchange, and who is said to have ended it."""

import httpx2
import pytest

import steno
from steno.integrations.desks import find_desk
from steno.integrations.taps import Tap
from steno.testing import capture_events
from steno.wire.grouping import Identity

TARGET = "/v1/chat/completions"


@pytest.fixture
def kept():
    """Record into memory."""
    with capture_events() as both:
        yield both


def begin(recorder, url=f"https://llm.example{TARGET}", method="POST", headers=None, **options):
    """Begin to note an exchange."""
    tap = Tap(find_desk(recorder), "httpx2", sdk="openai", **options)
    return tap.begin(httpx2.Request(method, url, headers=headers))


def events(kept, kind):
    """List the events of a kind."""
    recorder, writer = kept
    assert recorder.flush()
    return [event for event in writer.events if isinstance(event, kind)]


@pytest.mark.parametrize(
    ("host", "options", "provider"),
    [
        ("api.openai.com", {}, "openai"),
        ("EU.api.openai.com", {}, "openai"),
        ("openrouter.ai", {}, "openrouter"),
        ("api.groq.com", {}, "groq"),
        ("api.anthropic.com", {}, "anthropic"),
        ("notopenrouter.ai", {}, "openai"),
        ("openrouter.ai", {"provider": "mine"}, "mine"),
    ],
)
def test_provider(host, options, provider, kept):
    """The provider is what the program says, else what the host tells, else the SDK's."""
    begin(kept[0], f"https://{host}{TARGET}", **options).done()

    assert [event.provider for event in events(kept, steno.Started)] == [provider]


def test_other_requests(kept):
    """Requests that ask no model for a reply are not noted."""
    assert begin(kept[0], "https://api.openai.com/v1/models", "GET") is None
    assert begin(kept[0], "https://api.openai.com/v1/files") is None


def test_secrets(kept):
    """Credentials in headers and queries are not noted."""
    headers = {"authorization": "Bearer very-secret", "x-plain": "y", "user-agent": "u" * 999}
    begin(kept[0], f"https://x{TARGET}?api_key=very-secret", headers=headers).done()

    (event,) = events(kept, steno.Started)
    assert event.metadata.request_headers == {"x-plain": "y"}
    assert event.metadata.user_agent == "u" * 255
    assert "very-secret" not in repr(kept[1].events)


def test_identity(kept):
    """The session around a call is believed before the client's, and that before headers."""
    recorder, _ = kept
    named = {"headers": {"x-steno-session": "named"}, "identity": Identity(session_id="client")}
    with recorder.session("around"):
        begin(recorder, **named).done()
    begin(recorder, **named).done()

    assert [e.session_id for e in events(kept, steno.Started)] == ["around", "client"]


@pytest.mark.parametrize(
    ("error", "in_reply", "said"),
    [
        (httpx2.ReadTimeout(""), True, "upstream_timeout: no byte came from it in time"),
        (TimeoutError(), False, "upstream_timeout: no byte came from it in time"),
        (httpx2.PoolTimeout(""), False, "upstream_timeout: no connection was free in time"),
        (
            httpx2.ConnectError("at https://u:p@x"),
            False,
            "upstream_failed: cannot connect: no further word",
        ),
        (
            httpx2.RemoteProtocolError(""),
            False,
            "upstream_failed: it closed the connection without an answer",
        ),
        (httpx2.ReadError(""), True, "upstream_failed: its reply broke off"),
        (OSError(5, "odd"), False, "upstream_failed: OSError: odd"),
        (ValueError("secret"), True, "upstream_failed: ValueError: the connection broke"),
        (KeyboardInterrupt(), False, "client_disconnected"),
        (GeneratorExit(), True, "client_disconnected: in the reply"),
    ],
)
def test_fail(error, in_reply, said, kept):
    """An exception tells who ended the exchange, and none of its own text is repeated."""
    begin(kept[0]).fail(error, in_reply=in_reply)

    assert [event.error for event in events(kept, steno.Completed)] == [said]


def test_odd_requests(kept, capsys):
    """A request that can't be read passes without a note, and it is said."""
    tap = Tap(find_desk(kept[0]), "httpx2", sdk="openai")

    assert tap.begin(object()) is None
    assert "can't be recorded" in capsys.readouterr().err


def test_odd_replies(kept, capsys):
    """A reply that can't be read passes too; its exchange ends as failed."""
    assert begin(kept[0]).reply(object()) is False

    assert [event.error for event in events(kept, steno.Completed)] == ["failed: AttributeError"]
    assert "can't be recorded" in capsys.readouterr().err


def test_fork(kept):
    """A forked child has a session of its own."""
    desk = find_desk(kept[0])
    tap = Tap(desk, "httpx2", sdk="openai")
    before = tap._session_id
    desk.generation += 1
    tap.begin(httpx2.Request("POST", f"https://x{TARGET}")).done()

    assert tap._session_id != before


def test_sealed(kept, home, capsys):
    """A call inside a sealed incident is not noted anywhere in plain text, and that is said."""
    incident = steno.Session.create("p", home=home)
    with incident, incident.request(model="m"):
        assert begin(kept[0]) is None
    incident.close()

    assert events(kept, steno.Started) == []
    assert f"inside the sealed incident {incident.session_id} is not recorded" in (
        capsys.readouterr().err
    )
    plain = steno.Session.create(home=home)
    with plain:
        assert begin(kept[0]) is not None
    plain.close()
