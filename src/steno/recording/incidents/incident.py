"""An incident: a session with a folder, a scratchpad and, where it has a password, a seal.

It is used as any other session: ``with`` makes it speak and does not end it, because an
investigation goes on over days. `Incident.close` does, and so does the end of the program.

Strategy: every incident has a recorder of its own. A plain one writes an ordinary transcript and
the index; a sealed one writes its sealed transcript and nothing else, so that no event finds its
way to disk in plain text: not in the index, not as a dead letter, not in a temporary file.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

import msgspec

from steno import notices
from steno.errors import IdentityError, StenoError
from steno.recording.incidents.files import IncidentFiles
from steno.recording.incidents.state import check_status, known_end, usage_of
from steno.recording.recorder import CLOSE_TIMEOUT_S, Recorder
from steno.recording.session import Session
from steno.storage.artefacts import ArtefactFolder
from steno.storage.sealed_log import LogEnd

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping
    from pathlib import Path
    from typing import BinaryIO

    from steno.events.header import Header
    from steno.recording.context import Scope
    from steno.recording.incidents.folder import Facts, IncidentFolder
    from steno.recording.incidents.register import Artefact
    from steno.recording.saving import Saved
    from steno.recording.statistics import RecorderStats
    from steno.storage.sealed_keys import SealKeys
    from steno.writers.sealed import SealedWriter


class Incident(Session):
    """One incident; made by `Session.create` and `Session.resume`.

    Attributes:
        session_id: Its id, such as ``INC-7F3K``.
        sealed: Everything of it on disk is encrypted.
        created: When it was created; in UTC.
        scratchpad: Its notes.
        files: What it is made of, on disk.
    """

    def __init__(
        self,
        recorder: Recorder,
        header: Header,
        folder: IncidentFolder,
        facts: Facts,
        keys: SealKeys | None,
        writer: SealedWriter | None = None,
    ) -> None:
        """Put an incident together.

        Args:
            recorder: Its own recorder.
            header: What its transcript says of it.
            folder: Its folder.
            facts: What its folder says of it.
            keys: Its keys; None where it is plain.
            writer: Where it is sealed: who writes its transcript.
        """
        self.sealed = facts.sealed  # what it says is told so to those who hear it
        super().__init__(recorder.record, header, _refuse_successor, artefacts=folder.path.parent)
        self.created = facts.created
        self.files = IncidentFiles(folder, facts, keys)
        self.scratchpad = self.files.scratchpad
        self._folder = ArtefactFolder(folder.path, self.files.envelope)
        self._state = self.files.state
        self._writer = writer
        if writer is not None:
            writer.expect(self.files.known_end("transcript"))
            self.scratchpad.expect(self.files.known_end("scratchpad"))
        self._recorder = recorder
        self._kept = self._tokens
        self._used_before = self._read_usage()
        self._told = (self._tokens, LogEnd(), None if writer is None else LogEnd())
        recorder.introduce(self)
        recorder.attach(_Bookkeeper(self))

    @property
    def data_dir(self) -> Path:
        """The folder of the incident."""
        return self.files.folder.path

    @property
    def status(self) -> str:
        """``active``, ``completed`` or ``failed``, as it is on disk.

        Raises:
            SealError: The state is damaged.
        """
        return str(self._state.read().get("status", ""))

    @property
    def name(self) -> str:
        """What it is called, for people."""
        return str(self._state.read().get("name", ""))

    def set_status(self, status: str) -> None:
        """Say how the investigation stands.

        Raises:
            StenoError: There is no such status.
            OSError: It can't be written.
        """
        check_status(status)
        self._state.change(lambda facts: facts.update(status=status))

    @property
    def usage(self) -> dict[str, int]:
        """Tokens that its requests used, in all programs that ever resumed it, as far as known."""
        tokens, kept = self._tokens, self._kept
        return {
            "input_tokens": self._used_before["input_tokens"] + tokens.input - kept.input,
            "output_tokens": self._used_before["output_tokens"] + tokens.output - kept.output,
        }

    def artefacts(self) -> list[Artefact]:
        """List what was collected, under readable names.

        Raises:
            SealError: The scratchpad is damaged as a whole.
        """
        return self.files.artefacts()

    def open_artefact(self, path: str | os.PathLike[str]) -> BinaryIO:
        """Open something that was collected; what was sealed is decrypted as it is read.

        Args:
            path: What ``save_logs`` and so on gave back, or the path within the folder.

        Raises:
            StenoError: It is no artefact of this incident, or damaged.
            OSError: It can't be opened.
        """
        return self.files.open_artefact(path)

    def flush(self, timeout_s: float | None = CLOSE_TIMEOUT_S) -> bool:
        """Write everything that was accepted before; as `Recorder.flush`."""
        return self._recorder.flush(timeout_s)

    def stats(self) -> RecorderStats:
        """Return the figures of its recorder."""
        return self._recorder.stats()

    def close(self, timeout_s: float = CLOSE_TIMEOUT_S, *, status: str | None = None) -> bool:
        """Write everything, and end; the incident can be resumed. May be called twice.

        Args:
            timeout_s: Seconds to wait at most.
            status: How the investigation stands; it stays as it is when it is not given.

        Returns:
            True when everything was stored.
        """
        if status is not None:
            self.set_status(status)
        settled = self._recorder.close(timeout_s)
        self.keep_state()
        self.scratchpad.close()
        return settled

    async def aclose(
        self, timeout_s: float = CLOSE_TIMEOUT_S, *, status: str | None = None
    ) -> bool:
        """As `close`, without blocking the event loop."""
        import asyncio

        return await asyncio.to_thread(self.close, timeout_s, status=status)

    # -- what is kept --------------------------------------------------------------------

    def keep_state(self) -> None:
        """Write down what was used, and how far the sealed logs have come; never raises."""
        ends = {"scratchpad": self.scratchpad.end}
        if self._writer is not None:
            ends["transcript"] = self._writer.end
        now = (self._tokens, ends["scratchpad"], ends.get("transcript"))
        if now == self._told:
            return
        for log, kept in (("scratchpad", self.scratchpad), ("transcript", self._writer)):
            if kept is not None and kept.cut_off:
                # How far it had come stays written down, or nobody would ever know what is gone.
                del ends[log]
                notices.say("incident-cut-off", f"ERROR {kept.path}: {kept.cut_off}")

        def change(facts: dict[str, Any]) -> None:
            tokens = self._tokens
            used = usage_of(facts)
            used["input_tokens"] += tokens.input - self._kept.input
            used["output_tokens"] += tokens.output - self._kept.output
            usage = facts.get("usage")
            facts["usage"] = {**(usage if isinstance(usage, dict) else {}), **used}
            self._kept, self._used_before = tokens, used
            for log, end in ends.items():
                if end.frames > known_end(facts, log).frames:  # others may know more
                    facts[log] = msgspec.to_builtins(end)

        try:
            if (self.data_dir / "session.json").exists():  # else somebody has deleted it
                self._state.change(change)
                self._told = now
        except (OSError, StenoError) as error:
            notices.say(
                "incident-state", f"ERROR cannot keep the state of {self.session_id}: {error}"
            )

    def _read_usage(self) -> dict[str, int]:
        return usage_of(self._state.read())

    def after_fork(self) -> None:
        """Begin clean in a forked child: what the parent has used is the parent's to keep."""
        self._kept = self._tokens
        self.scratchpad.after_fork()

    def _artefact_saved(self, saved: Saved, metadata: Mapping[str, Any]) -> None:
        incomplete = saved.incomplete or metadata.get("complete") is False
        facts: dict[str, Any] = {
            "source": saved.source,
            "status": "incomplete" if incomplete else "ok",
            "kind": saved.kind,
            "relative": saved.relative,
            "name": saved.name,
            "count": saved.count,
            "size_bytes": saved.size_bytes,
            "sha256": saved.sha256,
            "time_range": metadata.get("time_range"),
            "collected_at": metadata.get("collected_at"),
            "query": metadata.get("query"),
        }
        if saved.incomplete:
            facts["error"] = saved.incomplete
        self._note_collected(saved, facts)

    def _not_saved(self, kind: str, source: str, error: Exception) -> Saved:
        saved = super()._not_saved(kind, source, error)
        self._note_collected(saved, {"status": "failed", "kind": kind, "error": saved.error})
        return saved

    def _note_collected(self, saved: Saved, facts: dict[str, Any]) -> None:
        """Note under ``DATA_COLLECTED`` what became of a save; never raises."""
        told = {name: value for name, value in facts.items() if value is not None}
        try:
            self.scratchpad.note_collected(
                saved.source or saved.kind, {**told, "usage": self.usage}
            )
        except Exception as error:  # noqa: BLE001 - saving is a favour: who saves goes on
            notices.say("scratchpad", f"ERROR cannot write {self.scratchpad.path}: {error}")


class _Bookkeeper:
    """Keeps an incident's state when its recorder is flushed or closed, at the end of the program.

    It holds the incident weakly: one that nobody holds any more is not kept alive by it.
    """

    def __init__(self, incident: Incident) -> None:
        self._incident = weakref.ref(incident)

    def flush(self, timeout_s: float) -> bool:
        del timeout_s  # a small file
        incident = self._incident()
        if incident is not None:
            incident.keep_state()
        return True

    def close(self, timeout_s: float) -> bool:
        return self.flush(timeout_s)

    def after_fork(self) -> None:
        incident = self._incident()
        if incident is not None:
            incident.after_fork()


def _refuse_successor(
    before: Header, scopes: dict[int, Scope], session_id: str | None, reason: str
) -> Session:
    del scopes, session_id
    raise IdentityError(
        f"{before.session_id} is an incident, which is one session and has no successor ({reason})",
        hint="begin another one with Session.create; the scratchpad holds what is to stay known",
    )
