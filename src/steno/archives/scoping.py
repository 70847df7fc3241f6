"""A log scope whose lines are sealed: for programs that answer messages outside Open WebUI."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from steno.archives.identifiers import ArchiveIds
from steno.identity import new_request_id
from steno.logs.scope import LogScope

if TYPE_CHECKING:
    from steno.archives.archivist import Archivist
    from steno.logs.delivery import Callback


def archived_scope(
    archivist: Archivist,
    *,
    user_id: str,
    session_id: str,
    chat_id: str,
    message_id: str,
    request_id: str | None = None,
    task: str | None = None,
    level: str | int | None = None,
    callback: Callback | None = None,
    stream: str | TextIO | None = None,
) -> LogScope:
    """Collect what is logged while a message is answered, and seal it under the message's ids.

    Usage::

        archivist = steno.open_archivist()  # as steno.yaml says
        with steno.archived_scope(
            archivist, user_id="u1", session_id="s1", chat_id="c1", message_id="m1"
        ):
            logging.getLogger(__name__).debug("sealed, whatever is shown")

    A request that can't be archived, because archives are off, an id is missing or there is no
    password, goes on without; what is missing is said once at a rate.

    Args:
        archivist: Who seals.
        user_id: Who asks.
        session_id: The host's session.
        chat_id: The chat.
        message_id: The message that is answered.
        request_id: This call; a new id by default. A message may take several.
        task: What it does beside the message, such as ``title_generation``.
        level: As for `LogScope`: what is shown. The archive holds DEBUG in any case.
        callback: As for `LogScope`.
        stream: As for `LogScope`.

    Raises:
        ConfigError: The level, or ``GLOBAL_LOG_LEVEL``, names no level.
    """
    request_id = request_id or new_request_id()
    ids = ArchiveIds(user_id, session_id, chat_id, message_id, request_id)
    spool = archivist.open(ids, task=task)
    scope = LogScope(
        session_id=session_id or None,
        request_id=request_id,
        user_id=user_id or None,
        level=level,
        callback=callback,
        sinks=() if spool is None else (spool,),
        stream=stream,
        max_lines=archivist.settings.max_lines,
    )
    scope.notes_errors = True
    return scope
