"""Fixtures for all tests: a home of its own for each, and state put back afterwards."""

import asyncio
import contextlib
import os
import threading
from pathlib import Path

import pytest

import steno
from steno import notices
from steno.cli.main import main


@pytest.fixture(autouse=True)
def _own_home(tmp_path_factory, monkeypatch):
    """Keep tests away from the user's home and settings."""
    for name in list(os.environ):
        if name.startswith("STENO_"):
            monkeypatch.delenv(name)
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("STENO_HOME", str(home / "steno"))


@pytest.fixture(autouse=True)
def _fresh_notices():
    """Let each test hear all notices."""
    notices.reset()


@pytest.fixture(scope="session")
def data():
    """Name the folder of golden files."""
    return Path(__file__).parent / "data"


@pytest.fixture
def home(tmp_path):
    """Name a home that does not exist yet."""
    return tmp_path / "home"


@pytest.fixture
def recorded(home):
    """Record a home with three sessions: one well, one failed, one with hostile contents."""
    with steno.open(home) as recorder:
        with recorder.session("well", key="agent:main:main", user_id="u1") as session:
            with session.request(model="gpt-5", provider="openai", text="how are you?") as request:
                request.chunk("I am ")
                request.chunk("well")
                request.tool_call("search", call_id="c1", arguments='{"q":1}', success=True)
                request.response(
                    model_used="gpt-5-2026", tokens=steno.Tokens(input=10, output=20, reasoning=5)
                )
            with session.request(model="gpt-5", provider="openai") as request:
                request.response(model_used="gpt-5-2026", tokens=steno.Tokens(input=1, output=2))
        with contextlib.suppress(ValueError), recorder.session("failed", user_id="u2") as session:
            with session.request(model="claude") as request:
                raise ValueError("it broke")
        with recorder.session("../hostile\x1b[2J") as session:
            with session.request(model="\x1b]0;title\x07", text="\u202ereversed") as request:
                request.response(text="<script>alert(1)</script>\x1b[31m")
        assert recorder.flush()
    return home


@pytest.fixture
def run(capsys):
    """Run the command line in this process; returns exit code, stdout and stderr."""

    def run(*arguments):
        with pytest.raises(SystemExit) as caught:
            main([str(argument) for argument in arguments])
        done = capsys.readouterr()
        return caught.value.code, done.out, done.err

    return run


class RunningProxy:
    """A proxy on a thread of its own, and the home that it records into.

    Attributes:
        url: Where it listens.
        home: Its home.
    """

    def __init__(self, home, upstreams, plan_of, config):
        """Begin it, and wait until it listens."""
        self.home = home
        self._ready = threading.Event()
        self._error = None
        self._thread = threading.Thread(target=self._run, args=(config, upstreams, plan_of))
        self._thread.start()
        self._ready.wait(20)
        if self._error is not None:
            self._thread.join(5)
            raise self._error

    def _run(self, config, upstreams, plan_of):
        from steno.proxy.running import running

        async def main():
            self._loop = asyncio.get_running_loop()
            self._ended, self._hurried = asyncio.Event(), asyncio.Event()
            async with running(
                config, plan_of(config, upstreams), upstreams, hurried=self._hurried
            ) as run:
                self.urls = [url for _, url in run.urls]
                self.url = self.urls[0]
                self._ready.set()
                await self._ended.wait()

        try:
            asyncio.run(main())
        except Exception as error:
            self._error = error
        finally:
            self._ready.set()

    def stop(self, *, hurry=False):
        """End it; everything is recorded afterwards."""
        if self._thread.is_alive():
            with contextlib.suppress(RuntimeError):
                if hurry:
                    self._loop.call_soon_threadsafe(self._hurried.set)
                self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join(60)
        assert not self._thread.is_alive()

    def events(self, session=None):
        """End it, and return what it recorded: all events, or those of one session."""
        from steno.events.header import Header
        from steno.transcripts.finding import find_transcripts
        from steno.transcripts.reader import read_transcript

        self.stop()
        return [
            entry.event
            for path in find_transcripts(self.home / "sessions")
            for entry in read_transcript(path)
            if not isinstance(entry.event, Header) and session in (None, entry.event.session_id)
        ]


@pytest.fixture
def start_proxy(home):
    """Start a proxy: by default all known providers are one upstream, given by its URL."""
    from steno.config import load_config
    from steno.proxy.running import plan_from
    from steno.proxy.upstreams import Upstreams
    from steno.wire.grouping import Identity

    begun = []

    def start(
        upstream=None,
        *,
        home=home,
        overrides=None,
        identity=None,
        addresses=("127.0.0.1:0",),
        session_id=None,
    ):
        config = load_config(home=home, environ={}, overrides=overrides or {})
        upstreams = Upstreams(config.proxy.upstreams)
        for name in ("openai", "anthropic", "openrouter") if upstream else ():
            upstreams.set(name, upstream)

        def plan_of(config, upstreams):
            return plan_from(
                config,
                upstreams,
                identity=identity or Identity(),
                session_id=session_id,
                addresses=addresses,
            )

        begun.append(RunningProxy(home, upstreams, plan_of, config))
        return begun[-1]

    yield start
    for each in begun:
        each.stop(hurry=True)


@pytest.fixture
def served():
    """Serve a provider that answers by itself, and by the scripts that a test gives it."""
    from steno.testing import provider

    with provider.serve() as served:
        yield served
