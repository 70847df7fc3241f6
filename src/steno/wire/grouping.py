"""Which session a request belongs to, by what real clients send. Pure.

In the order in which they are believed: an explicit ``x-steno-session``; Claude Code, Codex,
OpenClaw and Open WebUI by their headers; OpenRouter, OpenAI and Anthropic by fields of the body;
a reply that the request continues. What none of these tells is left to the caller: the session of
the run, or of the connection.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_MAX_ID = 512
_CLAUDE_USER = re.compile(r"_session_([A-Za-z0-9-]{8,64})\Z")


class Identity(Struct, frozen=True, kw_only=True):
    """Who speaks in a request, as far as it is known.

    Attributes:
        session_id: The session; None when nothing names it.
        key: The session key.
        user_id: The user for whom it is made.
        chat_id: The chat.
        message_id: The message that it answers.
        parent: Id of the session that began this one.
        tags: Free tags.
    """

    session_id: str | None = None
    key: str | None = None
    user_id: str | None = None
    chat_id: str | None = None
    message_id: str | None = None
    parent: str | None = None
    tags: tuple[str, ...] = ()

    def over(self, other: Identity) -> Identity:
        """Return this identity, with what it lacks taken from another one."""
        # Who began a session is known to those alone who mean the same one.
        same = self.session_id is None or self.session_id == other.session_id
        return Identity(
            session_id=self.session_id or other.session_id,
            key=self.key or other.key,
            user_id=self.user_id or other.user_id,
            chat_id=self.chat_id or other.chat_id,
            message_id=self.message_id or other.message_id,
            parent=self.parent or (other.parent if same else None),
            tags=tuple(dict.fromkeys((*self.tags, *other.tags))),
        )


def identify(
    headers: Mapping[str, str], body: Any, find_reply: Callable[[str], str | None]
) -> Identity:
    """Read the identity from a request.

    Args:
        headers: Its headers, with names in lower case.
        body: Its decoded body, or None.
        find_reply: Returns the session in which a reply of this id was given, if it is known.
    """
    identity = _from_steno(headers)
    for read in (_from_claude_code, _from_codex, _from_openclaw, _from_open_webui):
        identity = identity.over(read(headers))
    if isinstance(body, dict):
        identity = identity.over(_from_body(body, find_reply))
    return identity


def _clean(value: Any) -> str | None:
    if not isinstance(value, str):
        return None
    return value.strip()[:_MAX_ID] or None


def _from_steno(headers: Mapping[str, str]) -> Identity:
    """Read ``x-steno-session: ID; key=...; user=...`` and ``x-steno-key``, ``x-steno-user``, ..."""
    first, *fields = headers.get("x-steno-session", "").split(";")
    named = dict(_split(field) for field in fields)

    def get(name: str) -> str | None:
        return _clean(headers.get(f"x-steno-{name}")) or _clean(named.get(name))

    tags = get("tags") or get("tag") or ""
    return Identity(
        session_id=_clean(first),
        key=get("key"),
        user_id=get("user"),
        chat_id=get("chat"),
        message_id=get("message"),
        parent=get("parent"),
        tags=tuple(tag.strip() for tag in tags.split(",") if tag.strip()),
    )


def _split(field: str) -> tuple[str, str]:
    name, _, value = field.partition("=")
    return name.strip().lower(), value.strip().strip('"')


def _from_claude_code(headers: Mapping[str, str]) -> Identity:
    session = _clean(headers.get("x-claude-code-session-id"))
    agent = _clean(headers.get("x-claude-code-agent-id"))
    if session and agent and agent != session:
        # A sub-agent says its own id beside that of the session that began it.
        parent = _clean(headers.get("x-claude-code-parent-agent-id"))
        above = f"{session}-{parent}" if parent and parent != session else session
        return Identity(session_id=f"{session}-{agent}", parent=above)
    return Identity(session_id=session)


def _from_codex(headers: Mapping[str, str]) -> Identity:
    session = _clean(headers.get("session-id")) or _clean(headers.get("session_id"))
    thread = _clean(headers.get("thread-id"))
    parent = _clean(headers.get("x-codex-parent-thread-id"))
    if thread is not None and session is not None and thread != session:
        parent = parent or session
    return Identity(
        session_id=thread or session or _clean(headers.get("x-session-id")), parent=parent
    )


def _from_openclaw(headers: Mapping[str, str]) -> Identity:
    return Identity(key=_clean(headers.get("x-openclaw-session-key")))


def _from_open_webui(headers: Mapping[str, str]) -> Identity:
    chat = _clean(headers.get("x-openwebui-chat-id"))
    return Identity(
        session_id=chat,
        chat_id=chat,
        user_id=_clean(headers.get("x-openwebui-user-id")),
        message_id=_clean(headers.get("x-openwebui-message-id")),
    )


def _from_body(body: dict[str, Any], find_reply: Callable[[str], str | None]) -> Identity:
    given = body.get("metadata")
    metadata = given if isinstance(given, dict) else {}
    conversation = body.get("conversation")
    if isinstance(conversation, dict):
        conversation = conversation.get("id")
    before = _clean(body.get("previous_response_id"))
    user = _clean(metadata.get("user_id"))
    session, account = _read_claude_user(user) if user else (None, None)
    return Identity(
        session_id=_clean(body.get("session_id"))
        or _clean(metadata.get("session_id"))
        or session
        or _clean(conversation)
        or (find_reply(before) if before else None),
        user_id=(account if session else user) or _clean(body.get("user")),
        chat_id=_clean(metadata.get("chat_id")),
        message_id=_clean(metadata.get("message_id")),
    )


def _read_claude_user(text: str) -> tuple[str | None, str | None]:
    """Read Anthropic's ``metadata.user_id`` as Claude Code writes it: (session, user).

    It is JSON text with ``session_id`` and ``account_uuid``, or, before, ``user_X_account_Y_
    session_Z``.
    """
    if text.startswith("{"):
        try:
            value = msgspec.json.decode(text)
        except (msgspec.DecodeError, UnicodeError):
            return None, None
        return _clean(value.get("session_id")), _clean(value.get("account_uuid"))
    match = _CLAUDE_USER.search(text)
    return (match[1], text[: match.start()]) if match else (None, None)
