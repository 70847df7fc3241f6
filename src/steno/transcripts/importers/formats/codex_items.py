"""What a Codex response item says: texts, thoughts, calls of tools and what they returned. Pure.

An item is what went over the wire to the provider or came from it, in the words of OpenAI's
Responses API; Codex keeps it as it is.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from steno.transcripts.importers.fields import TEXT_PARTS, content_text, decode_value, milliseconds
from steno.transcripts.importers.model import Call, Returned
from steno.wire.providers import reading

if TYPE_CHECKING:
    from collections.abc import Iterator

CALLS = {
    "function_call": "arguments",
    "custom_tool_call": "input",
    "local_shell_call": "action",
    "web_search_call": "action",
    "tool_search_call": "arguments",
    "image_generation_call": "revised_prompt",
}
"""Items that call a tool, with the field that says what it is to do."""

OUTPUTS = frozenset({"function_call_output", "custom_tool_call_output", "tool_search_output"})
"""Items that tell what a tool returned."""

SILENT = frozenset(
    {"compaction", "context_compaction", "compaction_trigger", "ghost_snapshot", "additional_tools"}
)
"""Items that tell nothing that a fact could carry: state for the provider, opaque to others."""

# What the program puts into the user's mouth; each is the beginning of a message.
_INJECTED = re.compile(
    r"\s*(?:#\s*AGENTS\.md instructions|<(?:environment_context|user_instructions|INSTRUCTIONS"
    r"|turn_aborted|user_shell_command|skill|skills_instructions|subagent_notification"
    r"|permissions instructions|collaboration_mode|apps_instructions|plugins_instructions"
    r"|personality_spec|model_switch|hook_prompt|multi_agent_mode|recommended_plugins)\b)",
    re.IGNORECASE,
)

_MAX_OUTCOMES = 1_000
_HEADER_LINES = 8
_EXIT = re.compile(r"(?:Exit code:|Process exited with code) (-?\d{1,10})$")
_TIME = re.compile(r"Wall time: (\d{1,9}(?:\.\d{1,9})?) seconds?$")
_HEADER_LENGTH = 400


def is_injected(text: str) -> bool:
    """Tell whether a message in the user's role was written by the program."""
    return _INJECTED.match(text) is not None


def is_interruption(text: str) -> bool:
    """Tell whether a message says that the user has interrupted the turn."""
    return text.lstrip().startswith("<turn_aborted>")


def message_text(content: Any) -> str:
    """Return the text of a message, without images and other parts."""
    texts = [content_text(content)]
    texts += [reading.text(part.get("refusal")) for part in reading.mappings(content)]
    return "\n".join(filter(None, texts))


def is_refusal(content: Any) -> bool:
    """Tell whether the model refused."""
    return any(part.get("type") == "refusal" for part in reading.mappings(content))


def thoughts(item: dict[str, Any]) -> Iterator[str]:
    """Yield what a reasoning item tells of the model's thoughts; mostly they are sealed."""
    for name in ("summary", "content", "summary_text", "raw_content"):
        told = item.get(name)
        for part in [told] if isinstance(told, str) else told if isinstance(told, list) else ():
            text = reading.text(part) or reading.text(reading.mapping(part).get("text"))
            if text:
                yield text


def call(kind: str, item: dict[str, Any]) -> Call:
    """Read a call of a tool.

    Args:
        kind: The item's type, one of `CALLS`.
        item: The item.
    """
    name = reading.text(item.get("name")) or kind.removesuffix("_call")
    named = reading.text(item.get("call_id")) or reading.text(item.get("id"))
    return Call(name, named, reading.as_json_text(item.get(CALLS[kind])))


def review_text(event: dict[str, Any]) -> str:
    """Return what a review has found, and what it says of the whole."""
    review = reading.mapping(event.get("review_output"))
    found = [
        reading.text(finding.get(name))
        for finding in reading.mappings(review.get("findings"))
        for name in ("title", "body")
    ]
    return "\n".join(filter(None, [*found, reading.text(review.get("overall_explanation"))]))


class Outcomes:
    """How calls went of which only an event tells it, which stands before what they returned."""

    def __init__(self) -> None:
        """Begin a rollout."""
        self._known: dict[str, bool] = {}

    def take(self, kind: str, event: dict[str, Any]) -> None:
        """Take an event."""
        if kind != "mcp_tool_call_end":
            return
        result = reading.mapping(event.get("result"))
        if result.keys() & {"Ok", "Err"}:
            done = reading.mapping(result.get("Ok"))
            went_well = "Err" not in result and done.get("isError") is not True
            self._known[reading.text(event.get("call_id"))] = went_well
        if len(self._known) > _MAX_OUTCOMES:
            del self._known[next(iter(self._known))]

    def get(self, call_id: str) -> bool | None:
        """Tell how a call went; None where no event has told it."""
        return self._known.get(call_id)


def returned(item: dict[str, Any], outcomes: Outcomes | None = None) -> Returned:
    """Read what a tool returned.

    The output of Codex's own tools says how they went, in one of three ways: JSON text with
    ``metadata``; an object with ``success``; or a few lines before the output itself.

    Args:
        item: The item.
        outcomes: How calls went whose output does not tell it.
    """
    call_id = reading.text(item.get("call_id"))
    output = item.get("output", item.get("tools"))
    success: bool | None = None
    seconds: Any = None
    if isinstance(output, str) and output.startswith('{"'):
        told = decode_value(output)
        about = told.get("metadata") if isinstance(told, dict) else None
        if isinstance(about, dict) and "output" in told:
            output, seconds = told["output"], about.get("duration_seconds")
            code = about.get("exit_code")
            success = code == 0 if type(code) is int else None
    elif isinstance(output, str):
        success, seconds = _read_lines(output)
    elif isinstance(output, dict):
        success = output.get("success") if isinstance(output.get("success"), bool) else None
        output = output.get("content", output)
    if isinstance(output, list) and all(
        isinstance(part, dict) and part.get("type") in TEXT_PARTS for part in output
    ):
        output = message_text(output)
    if success is None and outcomes is not None:
        success = outcomes.get(call_id)
    return Returned(
        call_id=call_id,
        output=output,
        success=success,
        duration_ms=milliseconds(seconds, unit=1000),
    )


def failure(error: Any) -> str | None:
    """Say why a turn failed; None where it did not.

    A reply that was an error is kept by Codex as the text that came, mostly JSON.
    """
    said = reading.error_text(error)
    whole = reading.text(reading.mapping(error).get("message"))
    if whole.startswith("{"):
        reply = reading.mapping(decode_value(whole))
        return reading.error_text(reply.get("error")) or said
    return said


def _read_lines(output: str) -> tuple[bool | None, float | None]:
    success, seconds = None, None
    for line in output[:_HEADER_LENGTH].split("\n", _HEADER_LINES)[:_HEADER_LINES]:
        if line in {"Output:", ""}:
            break
        if found := _EXIT.match(line):
            success = int(found[1]) == 0
        elif found := _TIME.match(line):
            seconds = float(found[1])
    return success, seconds
