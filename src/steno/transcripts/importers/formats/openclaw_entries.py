"""The entries of OpenClaw, pi and their relatives, one by one, and what each tells. Pure.

An entry is an object with a ``type``: ``message`` holds what was said, replied or returned, the
others are about the conversation. What is spoken to the model only, such as the messages of
extensions and the summary of a branch that was left, counts as said by the user, because that is
how it is sent. All branches are told, in the order of the file. Versions differ in what is there,
not in what it means, so nothing here asks for the version.
"""

from __future__ import annotations

from typing import Any

from steno.transcripts.importers.fields import TEXT_PARTS, content_text, decode_value, milliseconds
from steno.transcripts.importers.formats.openclaw_beside import (
    OWN_ID,
    beside,
    claim_of,
    usage_facts,
)
from steno.transcripts.importers.formats.openclaw_usage import read_cost, read_tokens
from steno.transcripts.importers.model import (
    Aborted,
    Call,
    Entry,
    Fact,
    Noted,
    Replied,
    Returned,
    Said,
    Summarised,
)
from steno.transcripts.importers.times import read_time
from steno.wire.providers import reading

SYNTHETIC = frozenset({"delivery-mirror", "gateway-injected"})
"""Models that are none: OpenClaw writes a text that it sent to people as if a model had said it."""

_SILENT = frozenset(
    {
        "thinking_level_change", "leaf",
        # those of oh-my-pi
        "mode_change", "ttsr_injection", "mcp_tool_selection", "service_tier_change",
        "credential_pin", "reset_boundary",
        # those of `pi --mode json`; `message_end` tells what these only prepare or repeat
        "agent_start", "agent_end", "turn_start", "turn_end", "message_start", "message_update",
        "tool_execution_start", "tool_execution_update", "tool_execution_end",
        "agent_settled", "queue_update", "compaction_start", "auto_retry_start", "auto_retry_end",
        "summarization_retry_scheduled", "summarization_retry_attempt_start",
        "summarization_retry_finished",
    }
)  # fmt: skip
_CALLS = frozenset({"toolCall", "toolUse", "tool_use", "functionCall", "function_call"})
_FAILED = frozenset(
    {"error", "failed", "timeout", "killed", "aborted", "forbidden", "denied", "rejected"}
)
_REFUSED = frozenset({"refusal", "sensitive", "content_filter"})
_PROMPT_ERROR = "openclaw:prompt-error"
_SNAPSHOT = "model-snapshot"
_MAX_KIND = 100


class EntryReader:
    """Reads the entries of one conversation, in their order.

    It remembers which model was chosen last, for replies that do not name one, and whether
    something was said that has no reply yet.
    """

    def __init__(self) -> None:
        """Begin a conversation."""
        self._model = ""
        self._provider = ""
        self._asked = False
        self._guessed: str | None = None

    def read(self, data: bytes, offset: int = 0) -> Entry:
        """Read the next entry.

        Args:
            data: The entry as JSON text.
            offset: Where it stands; see `Entry`.
        """
        entry = decode_value(data)
        if not isinstance(entry, dict):
            return Entry(raw=data, kind="?", known=False, offset=offset)
        self._guessed = None
        kind = reading.text(entry.get("type"))[:_MAX_KIND] or "?"
        message = reading.mapping(entry.get("message"))
        if kind == "?" and isinstance(message.get("role"), str):
            kind = "message"  # some writers leave the type away
        known, facts = self._tell(kind, entry, message)
        if kind in {"message", "message_end"}:
            kind = f"{kind}/{reading.text(message.get('role'))[:_MAX_KIND] or '?'}"
        return Entry(
            raw=data,
            kind=kind,
            facts=tuple(facts),
            known=known,
            at=read_time(entry.get("timestamp")) or read_time(message.get("timestamp")),
            id=reading.optional_text(entry.get("id")),
            offset=offset,
            guessed=self._guessed,
        )

    def _tell(
        self, kind: str, entry: dict[str, Any], message: dict[str, Any]
    ) -> tuple[bool, list[Fact]]:
        """Read what an entry tells; and tell whether its kind is known."""
        if kind in {"message", "message_end"}:
            return self._read_message(entry, message)
        if kind == "custom":
            return True, self._read_custom(entry)
        if kind in _SILENT:
            return True, []
        read = _KINDS.get(kind)
        if read is None:
            return False, []
        return True, read(self, entry)

    # -- messages --------------------------------------------------------------------------

    def _read_message(
        self, entry: dict[str, Any], message: dict[str, Any]
    ) -> tuple[bool, list[Fact]]:
        role = reading.text(message.get("role"))
        if role == "system":
            return True, [self._say(role, _prompt(message))]
        if role in {"user", "developer"}:
            return True, [self._say(role, message.get("content"))]
        if role == "assistant":
            return True, self._read_reply(entry, message)
        if role in {"toolResult", "tool"}:
            took = beside(entry, message.get("usage"), part="/tool")
            return True, [_read_result(message), *([took] if took is not None else [])]
        read = _ROLES.get(role)
        if read is None:
            return False, []
        return True, read(self, message)

    def _say(self, role: str, content: Any) -> Said:
        self._asked = True
        return Said(role, content_text(content))

    def _say_as_user(self, message: dict[str, Any]) -> list[Fact]:
        return [self._say("user", message.get("content"))]

    def _say_summary(self, entry: dict[str, Any]) -> list[Fact]:
        return [*self._took(entry), self._say("user", entry.get("summary"))]

    def _took(self, entry: dict[str, Any], text: str = "") -> list[Fact]:
        """Read what a summary took, where that is told: a reply that stands nowhere else."""
        took = beside(
            entry, entry.get("usage"), model=self._model, provider=self._provider, text=text
        )
        if took is None:
            return []
        self._guessed = "the model that wrote the summary: the one that was chosen last"
        return [took]

    def _say_files(self, message: dict[str, Any]) -> list[Fact]:
        files = reading.mappings(message.get("files"))
        told = "\n".join(
            f"{reading.text(file.get('path'))}\n{reading.text(file.get('content'))}"
            for file in files
        )
        return [self._say("user", told)]

    def _read_command(self, message: dict[str, Any]) -> list[Fact]:
        """Read what the user ran beside the agent; the model sees it unless it was kept back."""
        code = reading.text(message.get("command")) or reading.text(message.get("code"))
        output = reading.text(message.get("output")) or content_text(message.get("content"))
        told = f"$ {code}\n{output}".rstrip("\n")
        if message.get("excludeFromContext") is True:
            return [Noted(text=told, role="user")]
        return [self._say("user", told)]

    def _read_reply(self, entry: dict[str, Any], message: dict[str, Any]) -> list[Fact]:
        content = message.get("content")
        model, provider = (reading.text(message.get(key)) for key in ("model", "provider"))
        said = content_text(content)
        if model in SYNTHETIC:
            return [Noted(text=said, role="assistant")]
        if not model and self._model:
            model, provider = self._model, provider or self._provider
            self._guessed = "the model: the one that was chosen last"
        self._asked = False
        reason = reading.text(message.get("stopReason"))
        cut = reason in {"error", "aborted"}
        words = reading.text(message.get("errorMessage"))[: reading.MAX_ERROR_CHARS]
        given = reading.text(message.get("responseId"))
        usage = message.get("usage")
        tokens = read_tokens(usage, is_final=not cut)
        facts: list[Fact] = [
            Replied(
                # The provider's id, where it is long enough to be its own: some local servers draw
                # theirs from a thousand.
                id=given if len(given) >= OWN_ID else reading.optional_text(entry.get("id")),
                model=model,
                provider=provider,
                text=said,
                thinking=_thoughts(content),
                calls=tuple(_calls(content)),
                tokens=tokens,
                claim=claim_of(entry, message, tokens),
                finish_reason=reason if reason not in {"", "aborted"} else None,  # it has no end
                error=(words or "error") if reason == "error" else None,
                refused=reason in _REFUSED,
                cost_usd=read_cost(usage),
                duration_ms=milliseconds(message.get("duration")),
                whole=True,
            )
        ]
        if reason == "aborted":
            facts.append(Aborted(error=f"cancelled: {words or 'aborted'}"))
        return facts

    # -- what is no message ----------------------------------------------------------------

    def _choose(self, entry: dict[str, Any]) -> list[Fact]:
        """Take note of a model that is chosen."""
        chosen = reading.text(entry.get("modelId"))
        provider = reading.text(entry.get("provider"))
        if not chosen and entry.get("role") in (None, "default"):
            # oh-my-pi writes both in one: provider/model
            provider, slash, chosen = reading.text(entry.get("model")).partition("/")
            if not slash:
                provider, chosen = "", provider
        if chosen:
            self._model, self._provider = chosen, provider
        return []

    def _read_custom(self, entry: dict[str, Any]) -> list[Fact]:
        """Read what extensions keep; two of OpenClaw's own tell something."""
        data = reading.mapping(entry.get("data"))
        if entry.get("customType") == _PROMPT_ERROR:
            return self._read_failure(data)
        if entry.get("customType") == _SNAPSHOT:
            self._choose(data)
        return []

    def _read_failure(self, data: dict[str, Any]) -> list[Fact]:
        words = reading.error_text(data.get("error")) or "the prompt failed"
        if not self._asked:
            return [Noted(text=words)]
        self._asked = False
        return [Aborted(error=words)]

    def _read_compaction(self, entry: dict[str, Any]) -> list[Fact]:
        summary = reading.text(entry.get("summary"))
        facts = self._took(entry, summary)
        extension = entry.get("fromHook") is True or entry.get("fromExtension") is True
        facts.append(
            Summarised(
                summary=summary,
                trigger="extension" if extension else None,
                tokens_before=reading.count(entry.get("tokensBefore")),
                tokens_after=reading.count(entry.get("tokensAfter")),
            )
        )
        return facts

    def _read_init(self, entry: dict[str, Any]) -> list[Fact]:
        """Read how oh-my-pi begins a sub-agent: its task comes again, as a message."""
        system = reading.text(entry.get("systemPrompt"))
        return [self._say("system", system)] if system else []


def _read_result(message: dict[str, Any]) -> Returned:
    details = reading.mapping(message.get("details"))
    failed = message.get("isError")
    success = not failed if isinstance(failed, bool) else None
    if reading.text(details.get("status")) in _FAILED:
        success = False  # OpenClaw's tools may fail and say isError false
    duration = milliseconds(details.get("durationMs"))
    return Returned(
        call_id=reading.text(message.get("toolCallId"))
        or reading.text(message.get("tool_call_id")),
        name=reading.text(message.get("toolName")),
        output=_output(message.get("content")),
        success=success,
        duration_ms=duration,
    )


def _output(content: Any) -> Any:
    """Return what a tool returned: text, or its parts without the bytes of images."""
    parts = content if isinstance(content, list) else []
    if all(isinstance(part, dict) and part.get("type") in TEXT_PARTS for part in parts):
        return content_text(content)
    return [
        {key: value for key, value in part.items() if key != "data"}
        if isinstance(part, dict) and part.get("type") == "image"
        else part
        for part in parts
    ]


def _thoughts(content: Any) -> str:
    return "\n".join(
        reading.text(part.get("thinking"))
        for part in reading.mappings(content)
        if part.get("type") == "thinking"
    )


def _calls(content: Any) -> list[Call]:
    found = []
    for part in reading.mappings(content):
        if reading.text(part.get("type")) not in _CALLS:
            continue
        arguments = part.get("arguments", part.get("input"))
        if not arguments:
            # A call that was cut short has but the text so far.
            arguments = part.get("partialJson") or part.get("partialArgs") or arguments
        found.append(
            Call(
                reading.text(part.get("name")),
                reading.text(part.get("id")),
                reading.as_json_text(arguments),
            )
        )
    return found


def _note(key: str) -> Any:
    """Make a reader of entries of which one text is for people."""

    def read(_reader: EntryReader, entry: dict[str, Any]) -> list[Fact]:
        text = reading.text(entry.get(key))
        return [Noted(text=text)] if text else []

    return read


def _prompt(message: dict[str, Any]) -> str:
    """Read a system prompt, of which newer versions keep each section by its name."""
    sections = reading.mapping(message.get("sections")).values()
    given = [content_text(message.get("content")), *map(reading.text, sections)]
    return "\n\n".join(text for text in given if text)


def _note_edit(_reader: EntryReader, entry: dict[str, Any]) -> list[Fact]:
    """Read by what an entry is replaced for the model; the entry itself stays as it was."""
    text = content_text(reading.mapping(entry.get("replacement")).get("content"))
    return [Noted(text=text)] if text else []


def _read_compacted(_reader: EntryReader, entry: dict[str, Any]) -> list[Fact]:
    """Read how a compaction ended, as `pi --mode json` prints it."""
    result = reading.mapping(entry.get("result"))
    if not result:
        return []
    return [
        Summarised(
            summary=reading.text(result.get("summary")),
            trigger=reading.optional_text(entry.get("reason")),
            tokens_before=reading.count(result.get("tokensBefore")),
        )
    ]


def _note_reset(_reader: EntryReader, entry: dict[str, Any]) -> list[Fact]:
    return [Noted(text=f"reset: {reading.text(entry.get('reason')) or 'no reason given'}")]


def _summarise(_reader: EntryReader, message: dict[str, Any]) -> list[Fact]:
    return [
        Summarised(
            summary=reading.text(message.get("summary")),
            tokens_before=reading.count(message.get("tokensBefore")),
        )
    ]


_KINDS: dict[str, Any] = {
    "branch_summary": EntryReader._say_summary,  # noqa: SLF001 - a table of its own methods
    "compaction": EntryReader._read_compaction,  # noqa: SLF001
    "compaction_end": _read_compacted,
    "context_edit": _note_edit,
    "custom_message": EntryReader._say_as_user,  # noqa: SLF001
    "label": _note("label"),
    "model_usage": lambda _reader, entry: usage_facts(entry),
    "model_change": EntryReader._choose,  # noqa: SLF001
    "reset": _note_reset,
    "session": EntryReader._choose,  # noqa: SLF001 - version 1 names the model there
    "session_info": _note("name"),
    "session_init": EntryReader._read_init,  # noqa: SLF001
    "title": _note("title"),
    "title_change": _note("title"),
    "usage": lambda _reader, entry: usage_facts(entry),
}
"""How the entries that are no messages are read, by their type."""

_ROLES: dict[str, Any] = {
    "bashExecution": EntryReader._read_command,  # noqa: SLF001
    "branchSummary": EntryReader._say_summary,  # noqa: SLF001
    "compactionSummary": _summarise,
    "custom": EntryReader._say_as_user,  # noqa: SLF001
    "fileMention": EntryReader._say_files,  # noqa: SLF001
    "hookMessage": EntryReader._say_as_user,  # noqa: SLF001 - "custom" before version 3
    "pythonExecution": EntryReader._read_command,  # noqa: SLF001
}
"""How the messages that neither a person nor a model wrote are read, by their role."""
