"""THE PROVIDERS' PROTOCOLS: which one a request speaks, by its path. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from steno.wire.providers.anthropic_messages import AnthropicMessages
from steno.wire.providers.openai_chat import OpenAIChat
from steno.wire.providers.openai_embeddings import OpenAIEmbeddings
from steno.wire.providers.openai_responses import OpenAIResponses

if TYPE_CHECKING:
    from steno.wire.facts import WireProtocol

_BY_ENDING: tuple[tuple[str, WireProtocol], ...] = (
    ("/chat/completions", OpenAIChat()),
    ("/responses", OpenAIResponses()),
    ("/messages", AnthropicMessages()),
    ("/embeddings", OpenAIEmbeddings()),
)


def find_protocol(method: str, path: str) -> WireProtocol | None:
    """Find the protocol of a request.

    Args:
        method: The HTTP method.
        path: The path without the query string; what stands before its known ending does not
            matter, since gateways and Azure put their own there.

    Returns:
        The protocol; None when a model is not asked for a reply, as when tokens are counted, a
        reply is looked up, or a message is added to a thread of the Assistants.
    """
    if method.upper() != "POST" or "/threads/" in path:
        return None
    path = path.rstrip("/")
    for ending, protocol in _BY_ENDING:
        if path.endswith(ending):
            return protocol
    return None
