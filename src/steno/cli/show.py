"""``steno show``: one session as a conversation."""

from __future__ import annotations

import functools
import sys
import textwrap
from collections import Counter
from typing import TYPE_CHECKING, Any

import click
import msgspec

from steno.cli.options import json_option, password_option, place_options, read_config
from steno.cli.output import clean, fields, milliseconds, print_damage, print_line
from steno.cli.show_artefacts import artefact_line, is_artefact_lost, lost_line
from steno.cli.show_source import find_source
from steno.errors import IdentityError
from steno.events.codec import format_timestamp, type_of
from steno.events.model import (
    ArtefactSaved,
    Compacted,
    Completed,
    EntryImported,
    Event,
    Gap,
    LogRecorded,
    RequestRecorded,
    ResponseRecorded,
    Rotated,
    Started,
    StreamStarted,
    ToolCallRecorded,
)
from steno.events.references import Expander, is_reference
from steno.storage.lease import is_alive
from steno.transcripts.bodies import expand_event, read_request
from steno.transcripts.importers.keys import is_import
from steno.transcripts.reader import read_transcript

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from steno.cli.show_source import Source
    from steno.events.header import Header
    from steno.transcripts.conversations import Part


@click.command("show")
@click.argument("session", required=False)
@place_options
@json_option
@click.option("--key", help="All sessions of one session key, one after the other.")
@click.option("--request", "request_id", help="Events of one request alone.")
@click.option("--raw", metavar="REQUEST", help="The body of a request, byte for byte.")
@password_option
def command(
    session: str | None,
    home: str | None,
    config_path: str | None,
    as_json: bool,
    key: str | None,
    request_id: str | None,
    raw: str | None,
    password_file: str | None,
) -> None:
    """Show one session as a conversation, or all that belong to one session key.

    SESSION is an id, the beginning of one, the path of a transcript, or `latest`. With --key, what
    was reset or compacted is shown from its beginning, each session behind the one that it goes
    on from; the transcripts alone are read for it, no index is needed. A sealed incident is
    decrypted in memory, with the password that --password-file or STENO_PASSWORD gives.

    \b
    Examples:
      steno show latest
      steno show --key agent:main:main
      steno show --key agent:main:main --json | jq -r .session_id
      steno show 2k7p213k --request req-5w418nxyd43a5snvkmfb
      steno show latest --json | jq -r .type
      steno show latest --raw req-5w418nxyd43a5snvkmfb > request.json
    """
    if (session is None) == (key is None):
        raise click.UsageError("give a SESSION, or a session key with --key")
    if key is not None and raw is not None:
        raise click.UsageError("--raw gives back a request of one SESSION")
    config = read_config(home, config_path)
    source = find_source(config, session or "", key, password_file)
    if raw is not None:
        if source.sealed:
            raise click.UsageError("--raw is not for sealed incidents")
        sys.stdout.buffer.write(read_request(source.parts[0].path, raw, config.home))
        return
    found = False
    for at, part in enumerate(source.parts):
        if at and not as_json:
            click.echo()
        found |= _show(part, source, request_id, as_json=as_json)
    if not found and request_id is not None:
        raise IdentityError(
            f"the session has no request {request_id!r}",
            hint="without --request, `steno show` shows the ids of all",
        )


def _show(part: Part, source: Source, request_id: str | None, *, as_json: bool) -> bool:
    """Show one transcript; True when it has the request that is asked for."""
    transcript = read_transcript(part.path, lossless=False, open_file=source.open_file)
    conversation = _Conversation()
    found = False
    if part.header is not None and not as_json:
        # Where the first line is torn, a copy of it tells; it is not shown again where it stands.
        _print_header(part.header, part)
    for entry in transcript:
        event = entry.event
        if isinstance(event, Event):
            conversation.learn(event)
            if request_id not in {None, event.request_id}:
                continue
            found = True
        if as_json:
            print_line(entry.line)
        elif isinstance(event, Event):
            conversation.show(event)
    if not as_json:
        conversation.end(functools.partial(is_alive, source.leases))
    for damage in transcript.damage:
        print_damage(damage)
    return found


def _print_header(header: Header, part: Part) -> None:
    forks = ", ".join(part.forks)
    fields(
        {
            "session": header.session_id,
            "key": header.session_key,
            "agent": header.agent_id,
            "user": header.user_id,
            "chat": header.chat_id,
            "message": header.message_id,
            "parent": header.parent,
            "goes on from": header.previous and _because(header.previous, header.reason),
            "forks": forks and f"of that session, {forks} go on",
            "title": header.source and header.source.get("title"),
            "imported": header.source and _origin(header.source),
            "began": format_timestamp(header.timestamp),
            "program": header.program and _running(header),
            "folder": header.cwd,
            "tags": ", ".join(header.tags),
            "transcript": part.path,
        }
    )


def _running(header: Header) -> str:
    """Write which program ran where, as far as that is known."""
    pid = f" (pid {header.pid})" if header.pid is not None else ""
    host = f" on {header.host}" if header.host is not None else ""
    return f"{header.program}{pid}{host}"


def _because(what: str, reason: str | None) -> str:
    return f"{what} ({reason})" if reason else what


def _origin(source: Mapping[str, Any]) -> str:
    """Write where an imported session comes from."""
    return " ".join(str(source[name]) for name in ("format", "id", "path") if source.get(name))


def _say(mark: str, text: str) -> None:
    """Print a text below its mark, every line of it indented."""
    click.echo(f"  {mark}")
    if text:
        click.echo(textwrap.indent(clean(text, lines=True), "    ", lambda _: True))


_ENDED = {
    False: "was interrupted: its recorder has gone",
    True: "has no reply in the transcript that it was imported from",
}
_MAX_KINDS = 8


class _Conversation:
    """Shows events in their order, and says where another request takes the word."""

    def __init__(self) -> None:
        self._expander = Expander()
        self._speaks = ""
        self._open: dict[str, str] = {}
        self._silent: Counter[str] = Counter()

    def learn(self, event: Event) -> None:
        """Take note of an event, which later ones may refer to."""
        self._expander.learn(event)

    def show(self, event: Event) -> None:
        """Show the next event."""
        if isinstance(event, EntryImported) and (event.told or not event.text):
            if not event.told:  # what is told, other events say
                self._silent[event.kind] += 1
            return
        if isinstance(event, Started):
            recorder = event.recorder
            self._open[event.request_id] = recorder if isinstance(recorder, str) else ""
        elif isinstance(event, Completed):
            self._open.pop(event.request_id, None)
        # What an entry says beside its request has mostly been said before that one begins.
        speaks = "" if isinstance(event, EntryImported) else event.request_id
        if speaks != self._speaks and not isinstance(event, Started):
            # Requests that ran side by side are mixed in a transcript.
            name = clean(speaks)
            click.echo(f"\n... {name}, continued" if name else "\n... the session")
        self._speaks = speaks
        if isinstance(event, RequestRecorded):
            # What the transcript held already was shown before.
            _print_request(event, expand_event(_new_part(event), self._expander))
            return
        _print_event(expand_event(event, self._expander))

    def end(self, lives: Callable[[str], bool]) -> None:
        """Tell which requests have not ended."""
        for request_id, recorder in self._open.items():
            state = "is running" if lives(recorder) else _ENDED[is_import(recorder)]
            click.echo(f"\n... {clean(request_id)} {state}")
        if self._silent.total():
            kinds = ", ".join(
                f"{count:,} {clean(kind)}" for kind, count in self._silent.most_common(_MAX_KINDS)
            )
            click.echo(f"\n... {self._silent.total():,} entries say nothing: {kinds} (--json)")


def _new_part(event: RequestRecorded) -> RequestRecorded:
    """Leave away the messages that an earlier request sent."""
    body = event.request_json
    if not isinstance(body, dict):
        return event
    # Nor is what the model said, and what tools returned: both have events of their own.
    if isinstance(body.get("messages"), list) and any(map(is_reference, body["messages"])):
        body = {**body, "messages": [item for item in body["messages"] if not _is_told(item)]}
    new = {
        key: [item for item in value if not is_reference(item)]
        if key in {"messages", "input"} and isinstance(value, list)
        else value
        for key, value in body.items()
        if not is_reference(value)
    }
    return msgspec.structs.replace(event, request_json=new)


def _is_told(message: Any) -> bool:
    return isinstance(message, dict) and message.get("role") in {"assistant", "tool"}


def _print_request(event: RequestRecorded, new: Event) -> None:
    body = new.request_json if isinstance(new, RequestRecorded) else None
    before = _count_known(event.request_json)
    known = f", {before} of {event.message_count} messages as before" if before else ""
    told = isinstance(body, dict) and body.get("messages") == []
    _say(f"request{known}", event.request_text or ("" if told else _tell(body)))


def _count_known(body: Any) -> int:
    """Count the messages of a request that stand for earlier ones."""
    items = [item for key in ("messages", "input") for item in _items(body, key)]
    return sum(
        item.get("steno.count", 1)
        for item in items
        if isinstance(item, dict) and is_reference(item)
    )


def _items(body: Any, key: str) -> list[Any]:
    value = body.get(key) if isinstance(body, dict) else None
    return value if isinstance(value, list) else []


def _print_event(event: Event) -> None:
    if isinstance(event, Started):
        stamp = format_timestamp(event.timestamp)[11:23]
        provider = f" at {clean(event.provider)}" if event.provider else ""
        click.echo(f"\n{stamp} {clean(event.model_requested)}{provider}  {clean(event.request_id)}")
    elif isinstance(event, StreamStarted):
        _say(f"first token after {milliseconds(event.time_to_first_token_ms)}", "")
    elif isinstance(event, ToolCallRecorded):
        outcome = {None: "", True: ", ok", False: ", failed"}.get(event.success, "")
        took = f", {milliseconds(event.execution_time_ms)}" if event.execution_time_ms else ""
        _say(f"tool {clean(event.tool_name)}{outcome}{took}", event.tool_arguments or "")
        if event.tool_output is not None:
            _say(f"output of {clean(event.tool_name)}", _tell(event.tool_output))
    elif isinstance(event, ResponseRecorded):
        part = ", partial" if event.partial else ""
        model = clean(event.model_used) or "reply"
        _say(
            f"{model}{part}: {_tokens(event)}",
            event.response_text or ("" if event.tool_calls else _tell(event.response_json)),
        )
    elif isinstance(event, Completed):
        end = "ok" if event.success else f"failed: {clean(event.error)}"
        reason = f" ({clean(event.finish_reason)})" if event.finish_reason else ""
        _say(f"{end}{reason}, {milliseconds(event.total_duration_ms)}", "")
    else:
        _print_beside(event)


def _print_beside(event: Event) -> None:
    """Print what is no part of the exchange with the model."""
    if isinstance(event, Gap) and is_artefact_lost(event):
        _say(lost_line(event), "")
    elif isinstance(event, Gap):
        _say(f"gap: {event.count} {clean(event.what)}(s) lost: {clean(event.reason)}",
             event.detail or "")  # fmt: skip
    elif isinstance(event, LogRecorded):
        text = f"{event.message}\n{event.exception}" if event.exception else event.message
        _say(f"{clean(event.level)} {clean(event.logger)}", text)
    elif isinstance(event, ArtefactSaved):
        _say(artefact_line(event), "")
    elif isinstance(event, Compacted):
        click.echo()
        by = f", {clean(event.trigger)}" if event.trigger else ""
        _say(f"summary of what was said before{by}{_shrunk(event)}", event.summary)
    elif isinstance(event, Rotated):
        _say(f"goes on in {clean(_because(event.successor, event.reason))}", "")
    elif isinstance(event, EntryImported):
        copied = f", as in {clean(event.replayed_from)}" if event.replayed_from else ""
        who = clean(event.role or event.kind)
        _say(f"{who}{copied}", event.text)
    else:
        _say(clean(type_of(event)), "")


def _shrunk(event: Compacted) -> str:
    if event.tokens_before is None:
        return ""
    after = "" if event.tokens_after is None else f" to {event.tokens_after:,}"
    return f", {event.tokens_before:,}{after} tokens"


def _tokens(event: ResponseRecorded) -> str:
    tokens = event.tokens
    parts = [f"{tokens.input:,} tokens in", f"{tokens.output:,} out"]
    if tokens.cache_read:
        parts.append(f"{tokens.cache_read:,} of the input cached")
    if tokens.thinking or tokens.reasoning:
        parts.append(f"{tokens.thinking or tokens.reasoning:,} of the output thinking")
    return ", ".join(parts)


def _tell(payload: Any) -> str:
    """Write a payload for a person: its messages where it has some, else as JSON."""
    if payload is None:
        return ""
    if isinstance(payload, str):
        return payload
    parts = []
    if isinstance(payload, dict):
        if payload.get("system"):
            parts.append(f"system: {_tell_content(payload['system'])}")
        for name in ("messages", "input"):
            messages = payload.get(name)
            if isinstance(messages, list):
                parts += [_tell_message(message) for message in messages]
            elif isinstance(messages, str):
                parts.append(messages)
    return "\n".join(parts) or _json(payload)


def _tell_message(message: Any) -> str:
    if not isinstance(message, dict) or "role" not in message:
        return _json(message)
    rest = {key: value for key, value in message.items() if key not in {"role", "content"}}
    more = f" {_json(rest)}" if rest else ""
    return f"{message['role']}: {_tell_content(message.get('content'))}{more}"


def _tell_content(content: Any) -> str:
    """Write the contents of a message: text, or a list of parts of which some are text."""
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return _json(content)
    return "\n".join(
        part["text"]
        if isinstance(part, dict) and isinstance(part.get("text"), str)
        else _json(part)
        for part in content
    )


def _json(value: Any) -> str:
    return msgspec.json.encode(value, enc_hook=str).decode()
