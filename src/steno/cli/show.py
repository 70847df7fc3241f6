"""``steno show``: one session as a conversation."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import click

from steno.cli.options import json_option, place_options, places
from steno.cli.output import clean, fields, milliseconds, print_line
from steno.events.codec import format_timestamp, type_of
from steno.events.header import Header
from steno.events.model import (
    Completed,
    Event,
    Gap,
    LogRecorded,
    RequestRecorded,
    ResponseRecorded,
    Started,
    StreamStarted,
    ToolCallRecorded,
)
from steno.transcripts.finding import resolve_session
from steno.transcripts.reader import read_transcript

if TYPE_CHECKING:
    from steno.transcripts.reader import Transcript


@click.command("show")
@click.argument("session")
@place_options
@json_option
@click.option("--request", "request_id", help="Events of one request alone.")
def command(
    session: str, home: str | None, config_path: str | None, as_json: bool, request_id: str | None
) -> None:
    """Show one session as a conversation.

    SESSION is an id, the beginning of one, the path of a transcript, or `latest`.

    \b
    Examples:
      steno show latest
      steno show 2k7p213k --request req-5w418nxyd43a5snvkmfb
      steno show latest --json | jq -r .type
    """
    sessions, _ = places(home, config_path)
    transcript = read_transcript(resolve_session(sessions, session), lossless=False)
    for entry in transcript:
        event = entry.event
        if isinstance(event, Event) and request_id not in {None, event.request_id}:
            continue
        if as_json:
            print_line(entry.line)
        elif isinstance(event, Header):
            _print_header(event, transcript)
        else:
            _print_event(event)
    for damage in transcript.damage:
        click.echo(
            f"damage: {clean(damage.path)} at byte {damage.offset}: {clean(damage.reason)}",
            err=True,
        )


def _print_header(header: Header, transcript: Transcript) -> None:
    fields(
        {
            "session": header.session_id,
            "key": header.session_key,
            "agent": header.agent_id,
            "user": header.user_id,
            "chat": header.chat_id,
            "message": header.message_id,
            "parent": header.parent,
            "began": format_timestamp(header.timestamp),
            "program": header.program and f"{header.program} (pid {header.pid}) on {header.host}",
            "folder": header.cwd,
            "tags": ", ".join(header.tags),
            "transcript": transcript.path,
        }
    )


def _say(mark: str, text: str) -> None:
    """Print a text below its mark, every line of it indented."""
    click.echo(f"  {mark}")
    if text:
        click.echo(textwrap.indent(clean(text, lines=True), "    ", lambda _: True))


def _print_event(event: Event) -> None:
    if isinstance(event, Started):
        stamp = format_timestamp(event.timestamp)[11:23]
        provider = f" at {clean(event.provider)}" if event.provider else ""
        click.echo(f"\n{stamp} {clean(event.model_requested)}{provider}  {clean(event.request_id)}")
    elif isinstance(event, RequestRecorded):
        text = event.request_text
        _say("request", text if text or event.request_json is None else str(event.request_json))
    elif isinstance(event, StreamStarted):
        _say(f"first token after {milliseconds(event.time_to_first_token_ms)}", "")
    elif isinstance(event, ToolCallRecorded):
        outcome = {None: "", True: ", ok", False: ", failed"}.get(event.success, "")
        took = f", {milliseconds(event.execution_time_ms)}" if event.execution_time_ms else ""
        _say(f"tool {clean(event.tool_name)}{outcome}{took}", event.tool_arguments or "")
    elif isinstance(event, ResponseRecorded):
        part = ", partial" if event.partial else ""
        model = clean(event.model_used) or "reply"
        _say(f"{model}{part}: {_tokens(event)}", event.response_text)
    elif isinstance(event, Completed):
        end = "ok" if event.success else f"failed: {clean(event.error)}"
        reason = f" ({clean(event.finish_reason)})" if event.finish_reason else ""
        _say(f"{end}{reason}, {milliseconds(event.total_duration_ms)}", "")
    elif isinstance(event, Gap):
        _say(f"gap: {event.count} {clean(event.what)}(s) lost: {clean(event.reason)}",
             event.detail or "")  # fmt: skip
    elif isinstance(event, LogRecorded):
        _say(f"{clean(event.level)} {clean(event.logger)}", event.message)
    else:
        _say(clean(type_of(event)), "")


def _tokens(event: ResponseRecorded) -> str:
    tokens = event.tokens
    parts = [f"{tokens.input:,} tokens in", f"{tokens.output:,} out"]
    if tokens.cache_read:
        parts.append(f"{tokens.cache_read:,} of the input cached")
    if tokens.thinking or tokens.reasoning:
        parts.append(f"{tokens.thinking or tokens.reasoning:,} of the output thinking")
    return ", ".join(parts)
