"""What requests and replies say in the forms of OpenAI's and Anthropic's APIs, as facts.

Strategy: replies are read by `steno.wire.providers`, as those are that the proxy records. Of a
request, what is new is told: the messages behind the model's last one. What stands before them was
answered in an earlier request; a reader that has not seen that request gets it as text for people.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from steno.transcripts.importers.fields import content_text, decode_value, flag, listing
from steno.transcripts.importers.model import Call, Fact, Noted, Replied, Returned, Said
from steno.wire.providers.anthropic_messages import AnthropicMessages
from steno.wire.providers.openai_chat import OpenAIChat
from steno.wire.providers.openai_responses import OpenAIResponses
from steno.wire.providers.reading import as_json_text, mapping, optional_text, text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from steno.wire.facts import Reply, WireProtocol

_ANTHROPIC, _CHAT, _RESPONSES = AnthropicMessages(), OpenAIChat(), OpenAIResponses()
_ROLES = {
    "human": "user",
    "user": "user",
    "system": "system",
    "developer": "developer",
    "assistant": "assistant",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "bot": "assistant",
    "model": "assistant",
    "ai": "assistant",
    "tool": "tool",
    "function": "tool",
    "observation": "tool",
    "function_response": "tool",
    "function_call": "assistant",
}
_OF_CHOICE = frozenset({"message", "delta", "finish_reason"})
"""Fields of a choice; those of polls and exams have others."""

_OF_ANTHROPIC = frozenset({"tool_use", "server_tool_use", "thinking", "redacted_thinking"})


_OF_MESSAGE = frozenset({"content", "value", "tool_calls", "function_call"})
"""Fields of which a message has one beside its role."""

_OF_SHARE = frozenset({"from", "value", "weight", "loss", "markdown", "text"})
"""Fields of a message in the form of ShareGPT."""


class Spoken(NamedTuple):
    """What one message of a request says.

    Attributes:
        role: ``user``, ``system``, ``developer``, ``assistant`` or ``tool``; "" for any other.
        text: Its text.
        reply: What it says, where the model speaks.
        results: What tools returned in it.
    """

    role: str
    text: str
    reply: Replied | None = None
    results: tuple[Returned, ...] = ()

    def facts(self) -> tuple[Fact, ...]:
        """Tell it as something that is new."""
        if self.reply is not None:
            return (self.reply,)
        said = (Said(self.role, self.text),) if self.text and self.role in _SAYING else ()
        return (*self.results, *said)

    def noted(self) -> tuple[Fact, ...]:
        """Tell it as something that was said and answered before."""
        words = self.text or " ".join(
            result.output for result in self.results if isinstance(result.output, str)
        )
        return (Noted(text=words, role=self.role or None),) if words else ()


_SAYING = frozenset({"user", "system", "developer"})


def role_of(message: dict[str, Any]) -> str:
    """Tell who speaks in a message; "" if nobody that is known."""
    return _ROLES.get(text(message.get("role")) or text(message.get("from")), "")


def is_message(value: Any) -> bool:
    """Tell whether a value is a message, and not anything else that has a role or a sender."""
    if not isinstance(value, dict) or not role_of(value):
        return False
    if "role" not in value:
        return "value" in value and value.keys() <= _OF_SHARE
    return bool(value.keys() & _OF_MESSAGE)


def spoken(message: dict[str, Any]) -> Spoken:
    """Read one message, or one item of a Responses request."""
    kind = text(message.get("type"))
    if kind.endswith("_call_output"):
        found = _RESPONSES.read_request({"input": [message]}).tool_results
        results = tuple(
            Returned(call_id=each.call_id, output=each.output, success=each.success)
            for each in found
        )
        return Spoken("tool", "", results=results)
    if kind.endswith("_call") or kind == "reasoning":
        reply = replied(_RESPONSES.read_reply({"output": [message]}))
        return Spoken("assistant", reply.text or reply.thinking, reply)
    role = role_of(message)
    content = message.get("content", message.get("value"))
    if isinstance(content, dict):
        content = [content]  # so do the providers' readers take it
    words = content_text(content)
    if role == "assistant":
        return Spoken(role, words, _assistant(message, content, words))
    if role == "tool":
        returned = Returned(
            call_id=text(message.get("tool_call_id")),
            name=text(message.get("name")),
            output=words or content,
        )
        return Spoken(role, words, results=(returned,))
    asked = _ANTHROPIC.read_request({"messages": [{"role": "user", "content": content}]})
    results = tuple(
        Returned(
            call_id=each.call_id,
            output=content_text(each.output) or each.output,
            success=each.success,
        )
        for each in asked.tool_results
    )
    return Spoken(role, words, results=results)


def messages_of(body: dict[str, Any]) -> list[Spoken]:
    """Read the messages of a request body, those of the system first."""
    found = [
        Spoken("system", words)
        for key in ("system", "instructions")
        if (words := content_text(body.get(key)))
    ]
    given = body.get("messages", body.get("input", body.get("prompt")))
    if isinstance(given, str) and given:
        found.append(Spoken("user", given))
    for message in listing(given):
        if isinstance(message, dict):
            found.append(spoken(message))
        elif isinstance(message, str) and message:
            found.append(Spoken("user", message))
    return found


def request_facts(
    messages: Iterable[Spoken], *, request: str | None = None
) -> tuple[tuple[Fact, ...], list[Spoken]]:
    """Tell what is new in a request.

    Args:
        messages: Its messages.
        request: The id of its reply, where the source names requests.

    Returns:
        What is new in it; and the messages that were answered before.
    """
    every = list(messages)
    begin = next(
        (len(every) - n for n, each in enumerate(reversed(every)) if each.role == "assistant"), 0
    )
    history = [each for each in every[:begin] if each.role not in {"system", "developer"}]
    facts: list[Fact] = []
    for number, each in enumerate(every):
        if number < begin and each in history:
            continue
        facts.extend(
            Said(fact.role, fact.text, request) if isinstance(fact, Said) else fact
            for fact in each.facts()
        )
    return tuple(facts), history


def protocol_of(body: dict[str, Any]) -> WireProtocol | None:
    """Tell in whose form a reply is; None for none that is known."""
    choices = body.get("choices")
    if isinstance(choices, list) and (
        any(isinstance(each, dict) and each.keys() & _OF_CHOICE for each in choices)
        or (not choices and body.keys() & {"object", "usage", "messages"})
    ):
        return _CHAT
    if isinstance(body.get("output"), list):
        return _RESPONSES
    if isinstance(body.get("content"), list) and (
        role_of(body) == "assistant" or (body.get("type") == "message" and _has_blocks(body))
    ):
        return _ANTHROPIC
    return _CHAT if body.get("error") else None


def _has_blocks(body: dict[str, Any]) -> bool:
    """Tell whether a message's content has blocks of Anthropic's, or none at all."""
    blocks = [mapping(block) for block in listing(body.get("content"))]
    kinds = {text(block.get("type")) for block in blocks}
    return bool(kinds & ({"text"} | _OF_ANTHROPIC)) or not kinds


def provider_of(protocol: WireProtocol | None) -> str:
    """Name the provider whose form it is; others speak OpenAI's too, so that names nobody."""
    return "anthropic" if protocol is _ANTHROPIC else ""


def replied(reply: Reply, **more: Any) -> Replied:
    """Turn a reply that was read into a fact.

    Args:
        reply: The reply.
        more: Fields of the fact that the reply does not tell.
    """
    fields: dict[str, Any] = {
        "id": reply.response_id,
        "model": reply.model,
        "text": reply.text,
        "thinking": reply.reasoning,
        "calls": tuple(
            Call(name=call.name, id=call.call_id, arguments=call.arguments)
            for call in reply.tool_calls
        ),
        "tokens": reply.tokens,
        "finish_reason": reply.finish_reason,
        "error": reply.error,
        "refused": reply.refusal is not None,
        "cost_usd": reply.cost_usd,
    }
    return Replied(**{**fields, **more})


def _assistant(message: dict[str, Any], content: Any, words: str) -> Replied:
    """Read a message in which the model speaks."""
    if message.get("from") == "function_call":
        told = mapping(decode_value(words))
        arguments = told.get("arguments", told.get("parameters"))
        call = Call(name=text(told.get("name")), arguments=as_json_text(arguments))
        return Replied(calls=(call,))
    blocks = [block for block in listing(content) if isinstance(block, dict)]
    if any(text(block.get("type")) in _OF_ANTHROPIC for block in blocks):
        reply = _ANTHROPIC.read_reply({"content": content, "usage": _usage(message)})
    else:
        plain = {**message, "content": words}
        reply = _CHAT.read_reply({"choices": [{"message": plain}], "usage": _usage(message)})
    return replied(
        reply,
        id=None,
        model=text(message.get("model")),
        finish_reason=optional_text(message.get("stop_reason"))
        or optional_text(message.get("finish_reason")),
        refused=reply.refusal is not None or flag(message.get("refused")) is True,
        error=None,
    )


def _usage(message: dict[str, Any]) -> Any:
    """Find a message's counts; some programs keep the whole reply beside it."""
    whole = mapping(mapping(message.get("extra")).get("response"))
    return message.get("usage") or whole.get("usage")
