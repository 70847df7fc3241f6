"""What of a line of Claude Code is read: little of it, fast, and whatever its fields hold.

Strategy: a line is decoded once into structures that name the fields that tell something; all
others (a tool's result in its second form, snapshots, signatures of thinking) are passed over
undecoded, which is most of a file. A line that does not have these types is decoded as plain JSON
and what of it has the right type is taken: a field of the wrong type counts as absent.
"""

from __future__ import annotations

from typing import Any, get_args, get_origin

import msgspec
from msgspec import Raw, Struct, field

from steno.transcripts.importers.fields import decode_value
from steno.wire.providers import reading


class Usage(Struct, gc=False, frozen=True):
    """Token counts, as the provider names them; see its documentation."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    output_tokens_details: UsageDetails | None = None


class UsageDetails(Struct, gc=False, frozen=True):
    """Parts of the output tokens."""

    thinking_tokens: int | None = None


class Block(Struct, gc=False, frozen=True):
    """One block of a message's content; which fields it has depends on its type."""

    type: str | None = None
    text: str | None = None
    thinking: str | None = None
    id: str | None = None
    name: str | None = None
    input: Raw = Raw()
    tool_use_id: str | None = None
    content: Any = None
    is_error: bool | None = None


class Message(Struct, gc=False, frozen=True):
    """What was said to the model, or what it said."""

    role: str | None = None
    id: str | None = None
    model: str | None = None
    content: str | list[Block] | None = None
    stop_reason: str | None = None
    usage: Usage | None = None


class Compaction(Struct, gc=False, frozen=True, rename="camel"):
    """What is told of a compaction, tokens before and after it."""

    trigger: str | None = None
    pre_tokens: int | None = None
    post_tokens: int | None = None


class Progress(Struct, gc=False, frozen=True, rename="camel"):
    """What a tool that still runs tells; a sub-agent's whole message in `message`."""

    type: str | None = None
    agent_id: str | None = None
    message: Raw = Raw()


class Attachment(Struct, gc=False, frozen=True):
    """What was put into the model's context beside the user's words."""

    type: str | None = None
    prompt: Any = None


class Line(Struct, gc=False, frozen=True, rename="camel"):
    """One line of a transcript, as far as it tells something."""

    type: str | None = None
    subtype: str | None = None
    uuid: str | None = None
    timestamp: str | None = None
    session_id: str | None = None
    request_id: str | None = None
    message: Message | None = None
    is_compact_summary: bool | None = None
    is_api_error_message: bool | None = None
    api_error_status: int | None = None
    api_error_type: str | None = None
    error: Any = None
    content: Any = None
    compact_metadata: Compaction | None = None
    data: Progress | None = None
    attachment: Attachment | None = None
    operation: str | None = None
    summary: str | None = None
    leaf_uuid: str | None = None
    ai_title: str | None = None
    custom_title: str | None = None
    agent_name: str | None = None
    pr_url: str | None = None
    retry_attempt: int | None = None
    max_retries: int | None = None
    cost_usd: float | None = field(default=None, name="costUSD")
    duration_ms: float | None = None


class Origin(Struct, gc=False, frozen=True, rename="camel"):
    """Where a line that a fork has copied stood before."""

    session_id: str | None = None


class Head(Struct, gc=False, frozen=True, rename="camel"):
    """What a line tells of the conversation that it belongs to."""

    type: str | None = None
    timestamp: str | None = None
    session_id: str | None = None
    agent_id: str | None = None
    parent_session_id: str | None = None
    is_sidechain: bool | None = None
    cwd: str | None = None
    version: str | None = None
    git_branch: str | None = None
    entrypoint: str | None = None
    session_kind: str | None = None
    slug: str | None = None
    forked_from: Origin | None = None
    ai_title: str | None = None
    custom_title: str | None = None


_DECODE_LINE = msgspec.json.Decoder(Line).decode
_DECODE_HEAD = msgspec.json.Decoder(Head).decode

_FAILURES = (msgspec.MsgspecError, UnicodeError, RecursionError)


def read_line(data: bytes | Raw) -> Line | None:
    """Read one line.

    Returns:
        None for what is no JSON object.
    """
    try:
        return _DECODE_LINE(data)
    except _FAILURES:
        line: Line | None = _salvage(Line, data)
        return line


class LineReader:
    """Reads lines, and remembers the last one: it is decoded once to check it and to take it."""

    def __init__(self) -> None:
        """Begin with none."""
        self._data: bytes | Raw = b""
        self._line: Line | None = None

    def parse(self, data: bytes) -> None:
        """Decode a line that may be asked for next.

        Raises:
            msgspec.DecodeError: It is no JSON, or not of the usual types.
            UnicodeDecodeError: It is no UTF-8.
            RecursionError: It is too deep.
        """
        self._line = _DECODE_LINE(data)
        self._data = data

    def read(self, data: bytes) -> Line | None:
        """Read one line; see `read_line`."""
        return self._line if data is self._data else read_line(data)


def read_head(data: bytes | Raw) -> Head | None:
    """Read of one line what it tells of its conversation.

    Returns:
        None for what is no JSON object.
    """
    try:
        return _DECODE_HEAD(data)
    except _FAILURES:
        head: Head | None = _salvage(Head, data)
        return head


def _salvage(kind: type[Any], data: bytes | Raw) -> Any:
    value = decode_value(bytes(data))
    return _taken(kind, value) if isinstance(value, dict) else None


def _taken(kind: type[Any], value: dict[str, Any]) -> Any:
    return kind(
        **{
            name: _fitting(options, value[key])
            for key, name, options in _fields(kind)
            if key in value
        }
    )


def _fields(kind: type[Any]) -> tuple[tuple[str, str, tuple[Any, ...]], ...]:
    """Return the name in JSON, the name here, and the types of each field of a structure."""
    return tuple(
        (each.encode_name, each.name, get_args(each.type) or (each.type,))
        for each in msgspec.structs.fields(kind)
    )


def _fitting(options: tuple[Any, ...], value: Any) -> Any:
    """Return the value as one of these types, or None."""
    for option in options:
        if option is Any:
            return value
        if option is Raw:
            return Raw(reading.encode_json(value).encode())
        if option is float and type(value) in {int, float}:
            return value
        if option is int and type(value) is float and value.is_integer():
            return int(value)
        if get_origin(option) is list and isinstance(value, list):
            return [_block(item) for item in value if isinstance(item, dict | str)]
        if isinstance(option, type) and issubclass(option, Struct) and isinstance(value, dict):
            return _taken(option, value)
        if option is type(value):
            return value
    return None


def _block(value: dict[str, Any] | str) -> Block:
    if isinstance(value, str):
        return Block(type="text", text=value)
    block: Block = _taken(Block, value)
    return block
