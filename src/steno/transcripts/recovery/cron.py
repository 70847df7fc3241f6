"""Sessions of scheduled jobs: named by the log of their runs, or computed from their first line.

The program begins such a session with ``[cron:<job> <name>]`` and gives it the key of its run. The
same words begin a session when the job is set to run in a conversation of its own, when a web hook
begins it, or when somebody pastes them; each of these has another key. So a key is computed only
where all that can be seen speaks for a run of its own.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

import msgspec

from steno.session_keys import cron_run_key, parse_key
from steno.transcripts.recovery.evidence import COMPUTED, CRON_TEXT, HINT, Claims, Evidence
from steno.transcripts.recovery.fields import UNREADABLE
from steno.transcripts.recovery.names import is_uuid
from steno.transcripts.recovery.reading import open_found

if TYPE_CHECKING:
    from steno.transcripts.recovery.reading import Reading

_OPENING = re.compile(r"\[cron:(?P<job>[^\s\]:]{1,128}) (?P<name>[^\]\n]{0,256})\]")
_HOOKS = frozenset({"hook", "gmail"})
"""Names that web hooks give to what they begin, where nobody chose another one."""

_ISOLATED = "isolated"


def claim_jobs(claims: Claims, path: str, folder: str) -> None:
    """Learn from the scheduler's file which jobs there are, and where they run.

    Raises:
        OSError: It can't be read.
        TranscriptError: It is compressed, and zstd is not installed.
    """
    with open_found(path) as file:
        data = file.read()
    try:
        told: Any = msgspec.json.decode(data)
    except UNREADABLE:
        return
    jobs = told.get("jobs") if isinstance(told, dict) else told
    for job in jobs if isinstance(jobs, list) else ():
        if isinstance(job, dict) and isinstance(job.get("id"), str):
            target = job.get("sessionTarget")
            claims.jobs[folder, job["id"].lower()] = target if isinstance(target, str) else ""


def find_scheduler(folder: str) -> str | None:
    """Name the scheduler's folder that belongs to a folder ``<state>/agents/<agent>/sessions``."""
    path = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(folder))), "cron")
    return path if os.path.isdir(path) and not os.path.islink(path) else None


def compute_key(
    reading: Reading,
    session_id: str | None,
    agent: str | None,
    path: str,
    claims: Claims,
    folder: str,
) -> Evidence | None:
    """Compute the key of a scheduled job's run from the first thing that was said in it.

    Args:
        reading: The transcript.
        session_id: The session's id.
        agent: The agent whose folder it lies in.
        path: The transcript's path.
        claims: What is known of jobs.
        folder: The absolute path of its folder.

    Returns:
        None where the text is no job's. A hint where it might be something else.
    """
    opening = _OPENING.match(reading.text or "")
    if opening is None or session_id is None:
        return None
    job = opening["job"]
    known = claims.jobs.get((folder, job.lower()))
    sure = (
        agent is not None
        # One run is told what to do once; a conversation that a job speaks into, each time.
        and reading.cron_texts == 1
        and not (reading.header is not None and reading.header.forked)
        and opening["name"].strip().lower() not in _HOOKS
        and (known in {"", _ISOLATED} if known is not None else is_uuid(job))
    )
    key = cron_run_key(agent, job, session_id) if agent is not None else f"cron:{job}"
    if sure and parse_key(key).run is None:
        sure = False  # an id that does not fit into a key
    grade = COMPUTED if sure else HINT
    return Evidence(CRON_TEXT, grade, key, path, str(reading.text_offset), session_id)
