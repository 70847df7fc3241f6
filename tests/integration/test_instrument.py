"""Instrumented clients of the real SDKs record what the proxy records, and stay what they are."""

import asyncio
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import anthropic
import httpx
import httpx2
import msgspec
import openai
import pytest

import steno
from steno.integrations import anthropic as for_anthropic
from steno.integrations import openai as for_openai
from steno.testing import capture_events, provider
from steno.testing.provider import Script
from steno.transcripts.reader import read_transcript

# The scripts' models grow old.
pytestmark = [
    pytest.mark.filterwarnings("ignore:The model:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Pydantic serializer:UserWarning"),  # embeddings as base64
]

SCRIPTS = Path(__file__).parents[1] / "data" / "providers"
FOLDERS = {
    "openai.chat": ("openai", "chat.completions"),
    "openai.responses": ("openai", "responses"),
    "openai.embeddings": ("openai", "embeddings"),
    "anthropic.messages": ("anthropic", "messages"),
}
CASES = [
    pytest.param(path, id=f"{path.parent.name}-{path.stem}")
    for folder in FOLDERS
    for path in sorted((SCRIPTS / folder).glob("*.json"))
]
TIMES = {
    "timestamp", "time_to_first_token_ms", "pre_processing_ms", "post_processing_ms",
    "provider_latency_ms", "total_proxy_overhead_ms", "streaming_duration_ms", "total_duration_ms",
    "provider_time_ms", "proxy_overhead_ms", "proxy_overhead_percentage", "tokens_per_second",
    "min_chunk_latency_ms", "max_chunk_latency_ms", "avg_chunk_latency_ms", "execution_time_ms",
    "p50_chunk_latency_ms", "p95_chunk_latency_ms", "p99_chunk_latency_ms",
}  # fmt: skip
OWN = {"request_id", "seq", "recorder", "listener", "client_ip"}
QUESTION = {"model": "gpt-5-mini", "messages": [{"role": "user", "content": "hello"}]}
ASKED = {**QUESTION, "max_tokens": 64}


def plain(events):
    """Leave away what differs from run to run, and from door to door."""

    def strip(value):
        if isinstance(value, dict):
            return {k: strip(v) for k, v in value.items() if k not in TIMES | OWN}
        if isinstance(value, list):
            return [strip(each) for each in value]
        # A call to which the provider gave no id is named after its request.
        return value.partition("#")[1:] if str(value).startswith("req-") else value

    return [(type(event).__name__, strip(msgspec.to_builtins(event))) for event in events]


def make(sdk, url, *, is_async=False, **options):
    """Make a client of an SDK."""
    options = {"api_key": "none", "max_retries": 0, **options}
    if sdk == "openai":
        kind = openai.AsyncOpenAI if is_async else openai.OpenAI
        return kind(base_url=f"{url}/v1", **options)
    kind = anthropic.AsyncAnthropic if is_async else anthropic.Anthropic
    return kind(base_url=url, **options)


def instrument(sdk, client, *arguments, **options):
    """Instrument a client of an SDK."""
    return (for_openai if sdk == "openai" else for_anthropic).instrument(
        client, *arguments, **options
    )


def create(client, place):
    """Find the method that asks."""
    for name in place.split("."):
        client = getattr(client, name)
    return client.create


def ask(client, place, body):
    """Ask, and read the reply to its end; returns what the program saw."""
    with client:
        try:
            reply = create(client, place)(**body)
            return [each.to_dict() for each in reply] if body.get("stream") else reply.to_dict()
        except (openai.APIError, anthropic.APIError) as error:
            return type(error).__name__


async def ask_async(client, place, body):
    """As `ask`."""
    async with client:
        try:
            reply = await create(client, place)(**body)
            if body.get("stream"):
                return [each.to_dict() async for each in reply]
            return reply.to_dict()
        except (openai.APIError, anthropic.APIError) as error:
            return type(error).__name__


def request_of(path):
    """Read the request that a script answers."""
    body = json.loads(path.read_bytes())["request"]
    # OpenRouter's own fields go beside those that the SDK knows.
    known = {"reasoning", "usage", "provider", "transforms", "session_id", "models", "route"}
    if path.parent.name == "openai.chat":
        extra = {name: body.pop(name) for name in known & body.keys()}
        if extra:
            body["extra_body"] = extra
    return body


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("path", CASES)
def test_same_as_proxy(path, is_async, start_proxy):
    """A call is recorded with the same events as through the proxy, and answered the same."""
    sdk, place = FOLDERS[path.parent.name]
    body = request_of(path)
    with provider.serve(SCRIPTS) as served:

        def run(client):
            if is_async:
                return asyncio.run(ask_async(client, place, body))
            return ask(client, place, body)

        proxy = start_proxy(served.url, session_id="s")
        seen = run(make(sdk, f"{proxy.url}/{sdk}", is_async=is_async))
        theirs = proxy.events()
        with capture_events() as (recorder, writer):
            client = make(sdk, served.url, is_async=is_async)
            got = run(instrument(sdk, client, session=recorder.session("s")))
            recorder.flush()

    assert got == seen
    assert plain(writer.events) == plain(theirs)
    assert {event.request_id for event in writer.events} != {""}


@pytest.fixture
def served():
    """Run a provider that echoes."""
    with provider.serve() as served:
        yield served


@pytest.fixture
def kept():
    """Record into memory."""
    with capture_events() as both:
        yield both


def ends(recorder, writer):
    """List how requests ended."""
    assert recorder.flush()
    return [event.error for event in writer.events if isinstance(event, steno.Completed)]


@pytest.mark.parametrize("library", [httpx, httpx2])
def test_both_libraries(library, served, kept):
    """The SDK's calls are recorded over httpx as over httpx2, the user's own client included."""
    recorder, writer = kept
    client = make("openai", served.url, http_client=library.Client())
    with for_openai.instrument(client, recorder):
        client.chat.completions.create(**QUESTION)
        list(client.chat.completions.create(**QUESTION, stream=True))

    async def go():
        http = library.AsyncClient()
        async with make("openai", served.url, is_async=True, http_client=http) as client:
            for_openai.instrument(client, recorder)
            await client.chat.completions.create(**QUESTION)
            stream = await client.chat.completions.create(**QUESTION, stream=True)
            assert [each async for each in stream]

    asyncio.run(go())

    assert ends(recorder, writer) == [None] * 4
    replies = [event for event in writer.events if isinstance(event, steno.ResponseRecorded)]
    assert {event.response_text for event in replies} == {"echo: hello"}


def test_early_close(served, kept):
    """A stream that the program closes early ends as client_disconnected, with what had come."""
    served.script(Script(path="", chunk_bytes=64, chunk_delay_ms=20))
    recorder, writer = kept
    with for_openai.instrument(make("openai", served.url), recorder) as client:
        with client.chat.completions.create(**QUESTION, stream=True) as stream:
            next(iter(stream))
    with for_anthropic.instrument(make("anthropic", served.url), recorder) as client:
        with client.messages.stream(**ASKED) as stream:
            next(iter(stream))

    assert ends(recorder, writer) == ["client_disconnected: in the reply"] * 2
    replies = [event for event in writer.events if isinstance(event, steno.ResponseRecorded)]
    assert [event.partial for event in replies] == [True, True]


def test_early_close_async(served, kept):
    """So does one that ends with a closed generator, or with the task that reads it."""
    served.script(Script(path="", chunk_bytes=64, chunk_delay_ms=50))
    recorder, writer = kept

    async def go():
        async with make("openai", served.url, is_async=True) as client:
            for_openai.instrument(client, recorder)

            async def words():
                stream = await client.chat.completions.create(**QUESTION, stream=True)
                try:
                    async for each in stream:
                        yield each
                finally:
                    await stream.close()

            generator = words()
            await anext(generator)
            await generator.aclose()

            async def read():
                async for _ in words():
                    pass

            with pytest.raises(TimeoutError):
                await asyncio.wait_for(read(), 0.12)

    asyncio.run(go())

    first, second = ends(recorder, writer)
    assert first == "client_disconnected: in the reply"
    assert second.startswith("client_disconnected")


@pytest.mark.parametrize("reset", [False, True])
def test_broken_stream(reset, served, kept):
    """A reply that breaks off is upstream_failed, and the program gets the error it would get."""
    served.script(Script(path="", break_after=300, reset=reset))
    recorder, writer = kept
    with make("openai", served.url) as client:
        with pytest.raises((openai.APIError, httpx2.HTTPError)) as bare:
            list(client.chat.completions.create(**QUESTION, stream=True))
        for_openai.instrument(client, recorder)
        with pytest.raises((openai.APIError, httpx2.HTTPError)) as caught:
            list(client.chat.completions.create(**QUESTION, stream=True))

    assert type(caught.value) is type(bare.value)
    assert str(caught.value) == str(bare.value)
    assert ends(recorder, writer) == ["upstream_failed: its reply broke off"]


def test_no_answer(served, kept):
    """A provider that is not there is upstream_failed; one that says nothing upstream_timeout."""
    served.script(Script(path="", delay_ms=2000))
    recorder, writer = kept
    with for_openai.instrument(make("openai", "http://127.0.0.1:9"), recorder) as client:
        with pytest.raises(openai.APIConnectionError):
            client.chat.completions.create(**QUESTION)
    with for_openai.instrument(make("openai", served.url, timeout=0.1), recorder) as client:
        with pytest.raises(openai.APITimeoutError):
            client.chat.completions.create(**QUESTION)

    assert ends(recorder, writer) == [
        "upstream_failed: cannot connect: Connection refused",
        "upstream_timeout: no byte came from it in time",
    ]


def test_retries(served, kept):
    """Every attempt of the SDK is a request of its own."""
    served.script(Script(path="", status=500, times=1))
    recorder, writer = kept
    with make("openai", served.url, max_retries=1) as client:
        for_openai.instrument(client, recorder)
        client.chat.completions.create(**QUESTION)

    first, second = ends(recorder, writer)
    assert first.startswith("http 500")
    assert second is None


def test_threads(served, kept):
    """Calls of many threads over one client are recorded once each, in the session of each."""
    recorder, writer = kept
    with for_openai.instrument(make("openai", served.url), recorder) as client:

        def talk(number):
            with recorder.session(f"s{number}", key="agent:a:b", user_id=f"u{number}"):
                for _ in range(5):
                    list(client.chat.completions.create(**QUESTION, stream=True))

        threads = [threading.Thread(target=talk, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert ends(recorder, writer) == [None] * 40
    ended = [event for event in writer.events if isinstance(event, steno.Completed)]
    assert sorted(event.session_id for event in ended) == sorted([f"s{n}" for n in range(8)] * 5)
    assert {writer.headers[f"s{n}"].user_id for n in range(8)} == {f"u{n}" for n in range(8)}
    assert {header.session_key for header in writer.headers.values()} == {"agent:a:b"}


def test_sessions(served, kept):
    """A call belongs to the session it is made in, else to the one it names, else to the client's."""
    recorder, writer = kept
    named = {"extra_headers": {"x-steno-session": "named"}}
    with for_openai.instrument(make("openai", served.url), recorder) as client:
        with recorder.session("inside") as session:
            client.chat.completions.create(**QUESTION, **named)
            with session.request(model="m"):
                client.chat.completions.create(**QUESTION)
        client.chat.completions.create(**QUESTION, **named)
        client.with_options(timeout=9).chat.completions.create(**QUESTION)
        client.chat.completions.create(**QUESTION)
    recorder.flush()

    begun = [event for event in writer.events if isinstance(event, steno.Started)]
    sdk = [event.session_id for event in begun if event.listener == "sdk"]
    assert sdk[:3] == ["inside", "inside", "named"]
    assert sdk[3] == sdk[4] not in {"inside", "named"}
    assert len(begun) == 6


def test_secrets(served, kept):
    """The key of an account is in no event."""
    recorder, writer = kept
    secret = "sk-abcdefghijklmnopqrstuvwxyz"
    for sdk in ("openai", "anthropic"):
        with instrument(sdk, make(sdk, served.url, api_key=secret), recorder) as client:
            place, body = ("chat.completions", QUESTION) if sdk == "openai" else ("messages", ASKED)
            create(client, place)(**body, extra_query={"api_key": secret})
    recorder.flush()

    assert len(writer.events) == 8
    assert secret not in repr(writer.events)


PROGRAM = """
import os, sys, openai, steno
from steno.integrations.openai import instrument
client = instrument(openai.OpenAI(base_url=sys.argv[1] + "/v1", api_key="none"))
ask = lambda: client.chat.completions.create(
    model="m", messages=[{"role": "user", "content": "hi"}])
"""


def run_program(url, home, text):
    """Run a program that ends in its own way; returns what its home holds of ended requests."""
    done = subprocess.run(
        # Python 3.12 and newer warn of any fork beside threads.
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", PROGRAM + text, url],
        env={**os.environ, "STENO_HOME": str(home)}, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    # A child that is forked while its parent writes the index can't write it; its transcript it can.
    rest = [line for line in done.stderr.splitlines() if "caught up by itself" not in line]
    assert (done.returncode, rest) == (0, [])
    return [
        entry.event
        for path in sorted((home / "sessions").rglob("*.jsonl"))
        for entry in read_transcript(path)
        if isinstance(entry.event, steno.Completed)
    ]


def test_exit(served, home):
    """A program that just ends has recorded everything, in the default home."""
    ended = run_program(served.url, home, "ask()\nask()\n")

    assert [event.error for event in ended] == [None, None]
    assert not list((home / "tapes").rglob("*.tape"))


@pytest.mark.skipif(
    sys.version_info[:3] == (3, 13, 0),
    reason="CPython 3.13.0 crashes when it ends in an open stream of the SDK, without steno too",
)
def test_exit_in_a_stream(served, home):
    """A reply that is open when the program ends is recorded as far as it came."""
    served.script(Script(path="", chunk_bytes=64, chunk_delay_ms=20))
    text = """
stream = client.chat.completions.create(
    model="m", messages=[{"role": "user", "content": "hi"}], stream=True)
next(iter(stream))
"""
    (event,) = run_program(served.url, home, text)

    assert event.error.startswith(("stopped", "client_disconnected"))


@pytest.mark.parametrize(
    "fork",
    [
        "if os.fork() == 0:\n    ask()\n    sys.exit()\nos.wait()\n",
        (
            "import multiprocessing as m\n"
            "child = m.get_context('fork').Process(target=ask)\nchild.start()\nchild.join()\n"
        ),
    ],
    ids=["fork", "multiprocessing"],
)
def test_fork(fork, served, home):
    """Calls of a forked child are recorded like those of its parent, as a run of its own."""
    ended = run_program(served.url, home, f"ask()\n{fork}ask()\n")

    assert [event.error for event in ended] == [None] * 3
    assert len({event.session_id for event in ended}) == 2
    assert len({event.recorder for event in ended}) == 2


def test_killed(served, home):
    """What had come of a reply is recorded by the next program, when this one was killed."""
    served.script(Script(path="/chat/completions", chunk_bytes=64, chunk_delay_ms=20, times=1))
    text = """
stream = iter(client.chat.completions.create(
    model="m", messages=[{"role": "user", "content": "hi"}], stream=True))
next(stream)
import time; time.sleep(0.4)
if os.fork() == 0: os.execv(sys.executable, [sys.executable, "-c", ""])
os.wait(); os.kill(os.getpid(), 9)
"""
    subprocess.run(
        [sys.executable, "-c", PROGRAM + text, served.url], check=False, timeout=60,
        env={**os.environ, "STENO_HOME": str(home)},
    )  # fmt: skip
    ended = run_program(served.url, home, "ask()\nimport time; time.sleep(1)\n")

    assert sorted(str(event.error) for event in ended) == [
        "None", "interrupted: the recording process ended before the request did",
    ]  # fmt: skip
    assert not list((home / "tapes").rglob("*.tape"))


def test_closed_recorder(served):
    """A client goes on when its recorder is closed, without being recorded."""
    with capture_events() as (recorder, writer), make("openai", served.url) as client:
        for_openai.instrument(client, recorder)
        client.chat.completions.create(**QUESTION)
        recorder.close()
        assert client.chat.completions.create(**QUESTION).choices

    assert len([each for each in writer.events if isinstance(each, steno.Completed)]) == 1
