"""``steno collect``: fetch logs, metrics and traces, and keep them with a session.

Each source is a command in a module of its own, ``cli/collect_<name>.py``, loaded when it is
called. What they share is here: which session the result goes to, and how it is told.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click
import msgspec

from steno.cli.options import json_option, password_option, place_options, read_config
from steno.cli.output import clean, number, print_json
from steno.collectors.collection import LIMIT
from steno.errors import CollectError, IdentityError
from steno.events.codec import format_timestamp
from steno.identity import safe_name
from steno.storage.files import replace_file
from steno.storage.home import find_home
from steno.transcripts.finding import resolve_session
from steno.transcripts.reader import read_header

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from steno.collectors.collection import Collection, Progress
    from steno.config import Config
    from steno.recording.incidents.incident import Incident
    from steno.recording.session import Session
    from steno.storage.home import Home

_F = TypeVar("_F", bound="Callable[..., Any]")

_SOURCES = {
    "kubernetes": "Collect the logs of pods.",
    "prometheus": "Collect metrics by a PromQL query.",
    "jaeger": "Collect traces of a service.",
}
"""The sources and what is collected from them."""


class _Sources(click.Group):
    """Loads the module of a source when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_SOURCES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _SOURCES:
            return None
        command: click.Command = importlib.import_module(f"steno.cli.collect_{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Sources"):
            formatter.write_dl(list(_SOURCES.items()))


@click.group("collect", cls=_Sources)
def command() -> None:
    """Fetch logs, metrics and traces, and keep them with a session.

    Nothing is ever changed where they come from. Without --session, a new session is begun in the
    home; with -o FILE, no session is touched and the document goes to the file.

    \b
    Examples:
      steno collect prometheus 'rate(http_requests_total[5m])' --since 2h
      steno collect jaeger --service payments --since 30m --session INC-7F3K
      steno collect kubernetes payments-svc --namespace production --since 2h
    """


class Target:
    """Where a collection goes: a session, new or existing, or a file.

    Attributes:
        output: The file, or None.
        as_json: Tell what came of it as JSON.
    """

    def __init__(
        self,
        home: str | None,
        config_path: str | None,
        session: str | None,
        key: str | None,
        output: str | None,
        password_file: str | None,
        *,
        as_json: bool,
    ) -> None:
        """Keep what the shared options say.

        Raises:
            click.UsageError: They contradict each other.
        """
        if output is not None and (session is not None or key is not None):
            raise click.UsageError("either -o FILE, or --session and --key")
        if session is not None and key is not None:
            raise click.UsageError("--key is that of a new session: it does not go with --session")
        self._places = home, config_path
        self._wanted, self._key, self._password_file = session, key, password_file
        self._later: _Later | None = None
        self.output = output
        self.as_json = as_json

    @contextlib.contextmanager
    def opened(self) -> Iterator[Session | None]:
        """Open the session for as long as the block takes; nothing, where a file is wanted.

        Raises:
            IdentityError: There is no such session.
            CollectError: Nothing is recorded in this home.
        """
        if self.output is not None:
            yield None
            return
        config = read_config(*self._places)
        with contextlib.ExitStack() as stack:
            self._later = _Later(self._open(config, stack))
            yield cast("Session", self._later)

    @property
    def session_id(self) -> str | None:
        """The id of the session, once there is one."""
        return None if self._later is None else self._later.begun_id

    def _open(self, config: Config, stack: contextlib.ExitStack) -> Callable[[], Session]:
        session_id = None
        if self._wanted is not None:
            home = find_home(config.home)
            session_id = _resolve(config, home, self._wanted)
            if (home.artefacts / safe_name(session_id) / "session.json").exists():
                incident = _resume(home, session_id, self._password_file)
                stack.enter_context(contextlib.closing(incident))
                return lambda: incident
        from steno.opening import from_config  # `-o FILE` needs no recorder

        recorder = stack.enter_context(from_config(config))
        if not recorder.enabled:
            raise CollectError(
                "nothing is recorded in this home: session_recording.enabled is false",
                hint="-o FILE writes the document to a file",
                reason="configuration",
            )
        return lambda: recorder.session(session_id, key=self._key, program="steno collect")

    def report_from(self, collect: Callable[[], Collection]) -> int:
        """Collect, and tell what came of it: also where Ctrl-C or SIGTERM ended it.

        Returns:
            The exit code: as `report`, or 130 when it was interrupted.
        """
        from steno.collectors.collection import CollectionInterrupted  # help needs none of it

        try:
            with _ended_by_sigterm():
                collection = collect()
        except CollectionInterrupted as error:
            self.report([error.collection])
            return 130
        return self.report([collection])

    def report(self, collections: Sequence[Collection]) -> int:
        """Tell what was collected, and write the file where one is wanted.

        Returns:
            The exit code: 1 when something is missing or could not be saved. That there is more
            than the limit that was asked for is well.
        """
        end_progress()
        if self.output is not None:
            documents = [_document(each) for each in collections]
            content = documents[0] if len(documents) == 1 else documents
            replace_file(Path(self.output).absolute(), msgspec.json.encode(content) + b"\n")
        if self.as_json:
            print_json([self._row(each) for each in collections])
        else:
            self._print(collections)
        well = all(
            (each.complete or each.reason == LIMIT) and all(each.saved) for each in collections
        )
        return 0 if well else 1

    def _row(self, collection: Collection) -> dict[str, Any]:
        """Write a collection as ``--json`` prints it."""
        return {
            "session_id": self.session_id,
            "source": collection.source,
            "query": collection.query,
            "time_range": collection.time_range,
            "count": collection.count,
            "complete": collection.complete,
            "reason": collection.reason,
            "output": self.output,
            "artefacts": [
                {
                    "path": None if saved.path is None else os.fspath(saved.path),
                    "size_bytes": saved.size_bytes,
                    "count": saved.count,
                    "sha256": saved.sha256,
                    "error": saved.error,
                }
                for saved in collection.saved
            ],
            "metadata": collection.metadata,
        }

    def _print(self, collections: Sequence[Collection]) -> None:
        for each in collections:
            if self.output is not None:
                click.echo(f"{_counted(each.count)}  {clean(self.output)}")
            for saved in each.saved:
                if saved.error is not None:
                    click.echo(f"steno: error: not saved: {clean(saved.error)}", err=True)
                    continue
                click.echo(
                    f"{_counted(saved.count or 0)}  {number(saved.size_bytes)} bytes  "
                    f"{clean(saved.path)}"
                )
            if each.reason == LIMIT:
                click.echo("there is more than the limit", err=True)
            elif not each.complete:
                kept = "this much was kept" if each.count else "nothing had come"
                click.echo(f"incomplete: {clean(each.reason)}; {kept}", err=True)
            for warning in each.metadata.get("warnings", ()):
                click.echo(f"note: {clean(warning)}", err=True)
        if self.session_id is not None:
            click.echo(f"session {clean(self.session_id)}")


class _Later:
    """A session that begins when it is first used: who collects nothing leaves no empty one."""

    def __init__(self, begin: Callable[[], Session]) -> None:
        self._begin = begin
        self._session: Session | None = None

    @property
    def begun_id(self) -> str | None:
        return None if self._session is None else self._session.session_id

    def __getattr__(self, name: str) -> Any:
        if self._session is None:
            self._session = self._begin()
        return getattr(self._session, name)


def target_options(function: _F) -> _F:
    """Add the options that say where a collection goes; the command gets a ``target``."""
    import functools

    @functools.wraps(function)
    def wrapped(
        *,
        home: str | None,
        config_path: str | None,
        session_name: str | None,
        key: str | None,
        output: str | None,
        password_file: str | None,
        as_json: bool,
        **others: Any,
    ) -> Any:
        target = Target(
            home, config_path, session_name, key, output, password_file, as_json=as_json
        )
        return function(target=target, **others)

    options = [
        click.option(
            "--session", "session_name", metavar="ID",
            help="An existing session, the beginning of its id, `latest`, or an incident's id.",
        ),
        click.option("--key", metavar="KEY", help="The session key of the new session."),
        click.option("-o", "--output", metavar="FILE", help="Write to a file, to no session."),
    ]  # fmt: skip
    decorated: Any = json_option(place_options(password_option(wrapped)))
    for option in reversed(options):
        decorated = option(decorated)
    return decorated  # type: ignore[no-any-return] # click's decorators return what they are given


def asking_options(function: _F) -> _F:
    """Add ``--timeout`` and ``--retries``."""
    function = click.option(
        "--retries", type=click.IntRange(0), default=3, show_default=True,
        help="How often to ask again when the server is away or in trouble.",
    )(function)  # fmt: skip
    return click.option(
        "--timeout", "timeout_s", type=click.FloatRange(0, min_open=True), default=30.0,
        show_default=True, metavar="SECONDS", help="What one question may take.",
    )(function)  # fmt: skip


@contextlib.contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """Let SIGTERM do what Ctrl-C does: ``timeout 10m`` sends it, and so does who ends a pod."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def show_progress(what: str) -> Progress | None:
    """Make a function that shows how many entries came; None where nobody would see it."""
    if not sys.stderr.isatty():
        return None

    def show(count: int) -> None:
        click.echo(f"\r{count:,} {what}", nl=False, err=True)

    return show


def end_progress() -> None:
    """Begin a new line after what `show_progress` wrote, where it did."""
    if sys.stderr.isatty():
        click.echo("\r\x1b[K", nl=False, err=True)


def _counted(entries: int) -> str:
    return "1 entry" if entries == 1 else f"{entries:,} entries"


def _resolve(config: Config, home: Home, wanted: str) -> str:
    """Tell the id of the session that is meant; a sealed one has no transcript among the others.

    Raises:
        IdentityError: No session is meant, or several are.
    """
    try:
        path = resolve_session(config.jsonl.directory, wanted)
    except IdentityError:
        from steno.cli.incident_files import resolve_incident  # most sessions are none

        try:
            return resolve_incident(home, wanted)
        except IdentityError:
            pass  # what the session's own error says is more to the point
        raise
    header = read_header(path)
    if header is None:
        raise IdentityError(f"{path} has no header, so nobody knows whose it is")
    return header.session_id


def _resume(home: Home, session_id: str, password_file: str | None) -> Incident:
    """Go on with an incident; a person is asked for its password where nothing gives it.

    Raises:
        WrongPasswordError: The password is another one, or there is none.
        SealError: Something of it is damaged.
    """
    from steno.cli.incident_files import given_password  # most sessions are no incidents
    from steno.recording.incidents.folder import find_folder
    from steno.recording.session import Session

    _, facts = find_folder(home, session_id)
    password = given_password(password_file) if facts.sealed else None
    if facts.sealed and password is None and sys.stdin.isatty():
        password = click.prompt("password", hide_input=True, err=True)
    return Session.resume(session_id, password, home=home.path)


def _document(collection: Collection) -> dict[str, Any]:
    """Put a collection into the form that artefacts have."""
    metadata = {
        **collection.query,
        **collection.metadata,
        "time_range": collection.time_range,
        "collected_at": format_timestamp(datetime.now(UTC)),
        "count": collection.count,
    }
    return {"source": collection.source, "metadata": metadata, "data": collection.entries}
