"""What a request to a provider asks: one view of the protocols' different bodies."""

from __future__ import annotations

import enum
import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any


class Endpoint(enum.Enum):
    """The part of a provider that a request is for."""

    CHAT = "/chat/completions"
    RESPONSES = "/responses"
    EMBEDDINGS = "/embeddings"
    MODELS = "/models"
    MESSAGES = "/messages"
    COUNT_TOKENS = "/messages/count_tokens"
    UNKNOWN = ""


@dataclass(frozen=True)
class Question:
    """A request, as far as an answer depends on it.

    Attributes:
        path: The path, without the query.
        body: The body as parsed JSON; None when it is absent or no JSON.
        method: The method.
        anthropic: Whether a header says that the client speaks Anthropic's protocol.
    """

    path: str
    body: Any = None
    method: str = "POST"
    anthropic: bool = False

    @classmethod
    def parse(
        cls, target: str, data: bytes, *, method: str = "POST", anthropic: bool = False
    ) -> Question:
        """Read a request target and a body that is decompressed."""
        try:
            body = json.loads(data) if data else None
        except (ValueError, RecursionError):
            body = None
        return cls(target.partition("?")[0], body, method, anthropic)

    @cached_property
    def endpoint(self) -> Endpoint:
        """The endpoint that the end of the path names, whatever stands before it."""
        for endpoint in Endpoint:
            if endpoint.value and self.path.endswith(endpoint.value):
                return endpoint
        return Endpoint.MODELS if "/models/" in self.path else Endpoint.UNKNOWN

    @property
    def speaks_anthropic(self) -> bool:
        """Whether errors and headers are to look like Anthropic's."""
        return self.anthropic or "/messages" in self.path

    @property
    def fields(self) -> dict[str, Any]:
        """The fields of the body; none, when it is no object."""
        return self.body if isinstance(self.body, dict) else {}

    @property
    def model(self) -> str | None:
        """The model that is asked."""
        return self.fields.get("model")

    @property
    def wants_stream(self) -> bool:
        """Whether the answer is to be streamed."""
        return self.fields.get("stream") is True

    @property
    def wants_usage(self) -> bool:
        """Whether a stream of chat chunks is to end with its usage."""
        options = self.fields.get("stream_options")
        return isinstance(options, dict) and options.get("include_usage") is True

    @cached_property
    def turns(self) -> list[tuple[str, str]]:
        """The role and text of each turn; results of tools have the role ``tool``."""
        items = self.fields.get("messages", self.fields.get("input"))
        if isinstance(items, str):
            return [("user", items)]
        found: list[tuple[str, str]] = []
        for item in items if isinstance(items, list) else []:
            if isinstance(item, dict):
                found += _turns_of(item)
        return found

    @cached_property
    def text(self) -> str:
        """The last text that the user said."""
        return next((text for role, text in reversed(self.turns) if role == "user" and text), "")

    @cached_property
    def result(self) -> str | None:
        """What the tools returned, when that is the last thing said."""
        results: list[str] = []
        for role, text in reversed(self.turns):
            if role != "tool":
                break
            results.append(text)
        return " ".join(reversed(results)) if results else None

    @cached_property
    def tools(self) -> list[str]:
        """The names of the tools that are offered."""
        tools = self.fields.get("tools")
        names = []
        for tool in tools if isinstance(tools, list) else []:
            if isinstance(tool, dict):
                inner = tool.get("function", tool.get("custom", tool))
                names.append(str(inner.get("name", "")) if isinstance(inner, dict) else "")
        return [name for name in names if name]

    @cached_property
    def words(self) -> int:
        """The words of the whole request: what the built-in answers count as its tokens."""
        texts = [text for _, text in self.turns]
        texts += [plain(self.fields.get("system")), plain(self.fields.get("instructions"))]
        return sum(len(text.split()) for text in texts)


def plain(content: object) -> str:
    """Return the text of a content: a string, a part, or a list of parts."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "".join(plain(part) for part in content)
    if isinstance(content, dict) and isinstance(content.get("text"), str):
        return str(content["text"])
    return ""


def _turns_of(item: dict[str, Any]) -> list[tuple[str, str]]:
    """Split one message or item of input in turns."""
    if str(item.get("type", "")).endswith("_call_output"):
        return [("tool", plain(item.get("output")))]
    role, content = str(item.get("role", "")), item.get("content")
    if role == "function":  # the name of the role before there were tools
        role = "tool"
    # Anthropic's results of tools are blocks of a message of the user.
    blocks = content if isinstance(content, list) else []
    results = [
        ("tool", plain(block.get("content")))
        for block in blocks
        if isinstance(block, dict) and block.get("type") == "tool_result"
    ]
    text = plain(content)
    return [*results, (role, text)] if text or not results else results
