"""The first line of a transcript: which session this is, and who recorded it.

Versions 1 to 3 come from other programs that share the format (OpenClaw, pi); they carry ``id``,
``timestamp`` and ``cwd``. Version 4 adds ``session_id``, ``sessionKey`` and ``agentId`` and is
what steno writes. A reader goes by the fields, not by the version.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import UNSET, Struct, UnsetType, field

from steno.session_keys import agent_of

HEADER_VERSION = 4


class Header(Struct, frozen=True, kw_only=True, omit_defaults=True, tag="session"):
    """What the first line of a transcript says.

    Attributes:
        version: Version of the transcript format.
        id: The session's id; the name that other programs give to ``session_id``.
        session_id: The session's id, as it was given.
        session_key: The logical conversation, such as ``agent:main:main``; JSON ``sessionKey``.
        agent_id: The agent that the key names; JSON ``agentId``.
        timestamp: When the session began; aware.
        cwd: Working directory of the recorded program.
        user_id: The user for whom the session ran.
        chat_id: The chat that it belongs to.
        message_id: The message that it answers.
        parent: Id of the session that began this one.
        previous: Id of the session that this one goes on from, under the same key or as a fork.
        reason: Why it began, where it is not the first of its key: ``reset``, ``compaction``,
            ``fork`` or ``import``.
        tags: Free tags.
        host: Name of the machine.
        pid: Number of the process.
        program: Name of the recorded program.
        recorder: Id of the recorder that began the transcript.
        steno: Version of steno that began it.
        source: Of an imported session: the ``format``, ``path`` and ``id`` that it has elsewhere,
            and what else is told there of the whole session.
        extra: What a newer version put into the line, kept for the next write.
    """

    version: int = field(default_factory=lambda: HEADER_VERSION)
    id: str = field(default_factory=str)
    session_id: str = field(default_factory=str)
    session_key: str | None = field(default_factory=lambda: None, name="sessionKey")
    agent_id: str | None = field(default_factory=lambda: None, name="agentId")
    timestamp: datetime
    cwd: str | None = field(default_factory=lambda: None)
    user_id: str | None = None
    chat_id: str | None = None
    message_id: str | None = None
    parent: str | None = None
    previous: str | None = None
    reason: str | None = None
    tags: tuple[str, ...] = ()
    host: str | None = None
    pid: int | None = None
    program: str | None = None
    recorder: str | None = None
    steno: str | None = None
    source: Mapping[str, Any] | None = None
    extra: Mapping[str, Any] | UnsetType = UNSET


def make_header(session_id: str, timestamp: datetime, **identity: Any) -> Header:
    """Build a version 4 header; the agent is read from the key unless it is given.

    Args:
        session_id: The session's id, as it was given; what is no text, but a number, becomes one.
        timestamp: When the session began; aware. What is no time counts as now.
        identity: Any other field of `Header`.
    """
    # Programs hand over what their database gave them; it is to be one id for all writers.
    session_id = session_id if isinstance(session_id, str) else str(session_id)
    timestamp = timestamp if isinstance(timestamp, datetime) else datetime.now(UTC)
    identity.setdefault("agent_id", agent_of(identity.get("session_key")))
    return Header(id=session_id, session_id=session_id, timestamp=timestamp, **identity)


def upgrade_header(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Give the fields of version 4 to a header of any version, older or newer.

    Nothing is invented: a key that the header lacks stays None.
    """
    header = dict(raw)
    identifier = header.get("session_id") or header.get("id") or ""
    if not isinstance(identifier, str):
        identifier = msgspec.json.encode(identifier).decode()
    header["session_id"] = identifier
    header["id"] = header["id"] if isinstance(header.get("id"), str) else identifier
    if not isinstance(header.get("version"), int):
        header["version"] = 1
    if header.get("agentId") is None and isinstance(header.get("sessionKey"), str):
        header["agentId"] = agent_of(header["sessionKey"])
    return header
