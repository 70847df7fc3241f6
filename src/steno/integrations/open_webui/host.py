"""What Open WebUI tells a function about the call: whose it is, and what kind. Pure.

Source: what version 0.12.4 was seen to pass. In a turn of the web page all ids are there; in a
plain call of the API ``chat_id`` is empty and the others are None; in a task (title, tags and so
on) ``message_id`` is None, and the message is named by the task's body; a chat that is not saved
has an id that begins with ``local:``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from steno.archives.identifiers import ArchiveIds
from steno.identity import new_request_id


class Call(Struct, frozen=True):
    """One invocation of a function.

    Attributes:
        ids: User, session, chat and message as the host names them, and a request id of our own.
        task: What housekeeping it is, such as ``title_generation``; None for a turn.
    """

    ids: ArchiveIds
    task: str | None = None


def read_call(
    user: Mapping[str, Any] | None,
    metadata: Mapping[str, Any] | None,
    *,
    task: str | None = None,
    task_body: Mapping[str, Any] | None = None,
) -> Call:
    """Read whose an invocation is.

    Args:
        user: ``__user__``.
        metadata: ``__metadata__``.
        task: ``__task__``; that of the metadata if it is not given.
        task_body: ``__task_body__``; that of the metadata if it is not given.
    """
    facts = _mapping(metadata)
    task = _text(task) or _text(facts.get("task"))
    message = _text(facts.get("message_id"))
    if not message and task:
        message = _message_of_task(_mapping(task_body) or _mapping(facts.get("task_body")), facts)
    ids = ArchiveIds(
        user_id=_text(_mapping(user).get("id")) or _text(facts.get("user_id")),
        session_id=_text(facts.get("session_id")),
        chat_id=_text(facts.get("chat_id")),
        message_id=message,
        request_id=new_request_id(),
    )
    return Call(ids, task or None)


def _message_of_task(body: Mapping[str, Any], facts: Mapping[str, Any]) -> str:
    """Find the message to which a task belongs: the answer that it is about."""
    direct = _text(body.get("message_id"))
    if direct:
        return direct
    messages = body.get("messages")
    if isinstance(messages, list) and messages:
        last = _text(_mapping(messages[-1]).get("id"))
        if last:
            return last
    children = _mapping(facts.get("user_message")).get("childrenIds")
    return _text(children[0]) if isinstance(children, list) and children else ""


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
