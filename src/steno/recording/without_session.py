"""Saving for programs that work with a session and without one: ``session=None`` does nothing.

Strategy: an agent that collects logs need not know whether anybody records it. Each function here
hands everything on to the session that it is given, and returns None where there is none; data
that are an iterator are then left as they are. The longer names are those that programs of the
first of such agents use, with their order of arguments.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from steno.recording.saving import Collecting

if TYPE_CHECKING:
    from collections.abc import Mapping

    from steno.recording.saving import Content, Saved

    Owner = Collecting | os.PathLike[str] | None


def save_logs(entries: Any, *, session: Collecting | None = None, **facts: Any) -> Saved | None:
    """Save log entries with a session, as `Session.save_logs`; None without one."""
    return session.save_logs(entries, **facts) if session is not None else None


def save_metrics(data: Any, *, session: Collecting | None = None, **facts: Any) -> Saved | None:
    """Save metrics with a session, as `Session.save_metrics`; None without one."""
    return session.save_metrics(data, **facts) if session is not None else None


def save_traces(data: Any, *, session: Collecting | None = None, **facts: Any) -> Saved | None:
    """Save traces with a session, as `Session.save_traces`; None without one."""
    return session.save_traces(data, **facts) if session is not None else None


def save_file(content: Content, *, session: Collecting | None = None, **facts: Any) -> Saved | None:
    """Save a file with a session, as `Session.save_file`; None without one."""
    return session.save_file(content, **facts) if session is not None else None


class _Folder(Collecting):
    """A folder in the place of a session; what is saved in it stands in no transcript."""

    def __init__(self, path: os.PathLike[str]) -> None:
        self.session_id = ""
        self._record = lambda _event: False
        self._path = Path(path)

    @property
    def data_dir(self) -> Path:
        return self._path


def save_logs_to_session(
    session: Owner,
    logs: Any,
    metadata: Mapping[str, Any] | None = None,
    source: str = "kubernetes",
    identifier: str | None = None,
) -> Saved | None:
    """Save log entries with a session; None without one.

    Args:
        session: The session, if there is one, or its folder (`Session.data_dir`).
        logs: The entries.
        metadata: What is known of them: ``pod``, ``namespace``, ``time_range`` and so on.
        source: Where they come from.
        identifier: What stands in the name of the file.
    """
    return save_logs(
        logs, session=_of(session), metadata=metadata, source=source, identifier=identifier
    )


def save_metrics_to_session(
    session: Owner,
    metrics: Any,
    metadata: Mapping[str, Any] | None = None,
    source: str = "prometheus",
    query: str | None = None,
) -> Saved | None:
    """Save metrics with a session; None without one.

    Args:
        session: The session, if there is one, or its folder (`Session.data_dir`).
        metrics: The series or points.
        metadata: What is known of them.
        source: Where they come from.
        query: What was asked; 40 characters of it stand in the name of the file.
    """
    return save_metrics(
        metrics, session=_of(session), metadata=metadata, source=source, query=query
    )


def save_traces_to_session(
    session: Owner,
    traces: Any,
    metadata: Mapping[str, Any] | None = None,
    source: str = "jaeger",
    identifier: str | None = None,
) -> Saved | None:
    """Save traces with a session; None without one.

    Args:
        session: The session, if there is one, or its folder (`Session.data_dir`).
        traces: The traces.
        metadata: What is known of them.
        source: Where they come from.
        identifier: What stands in the name of the file.
    """
    return save_traces(
        traces, session=_of(session), metadata=metadata, source=source, identifier=identifier
    )


def _of(session: Owner) -> Collecting | None:
    return _Folder(session) if isinstance(session, os.PathLike) else session
