"""How a session that was found on the wire is made known to a recorder."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from steno.recording.recorder import Recorder
    from steno.wire.grouping import Identity


def begin_session(
    recorder: Recorder, identity: Identity, began: datetime, *, program: str | None = None
) -> None:
    """Make a session known before its first event; a transcript that is there keeps its header.

    Args:
        recorder: Records it.
        identity: Who it is; `session_id` is set.
        began: When its first request arrived.
        program: The program that is recorded; this one when it is not given.
    """
    recorder.session(
        identity.session_id,
        key=identity.key,
        user_id=identity.user_id,
        chat_id=identity.chat_id,
        message_id=identity.message_id,
        parent=identity.parent,
        tags=identity.tags,
        program=program,
        began=began,
    )
