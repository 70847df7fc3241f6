"""The public API as a user types it; checked by mypy in strict mode, never run."""

from collections.abc import Sequence
from datetime import UTC, datetime

import steno


class Printer:
    """A writer of a user's own."""

    name = "printer"

    def write(self, batch: steno.Batch) -> None:
        """Print a batch."""
        events: Sequence[steno.Event] = batch
        for event, seq in zip(events, batch.seqs, strict=True):
            print(event.session_id, seq)

    def close(self) -> None:
        """Do nothing."""


def without_secrets(event: steno.Event) -> steno.Event | None:
    """Drop what is said to the model."""
    return None if isinstance(event, steno.RequestRecorded) else event


def low_level(recorder: steno.Recorder) -> bool:
    """Record an event by hand."""
    return recorder.record(
        steno.Started(
            session_id="s",
            request_id="r",
            timestamp=datetime.now(UTC),
            model_requested="gpt-5",
            provider="openai",
            listener="sdk",
            metadata=steno.SessionMetadata(client_ip="127.0.0.1"),
        )
    )


def high_level() -> None:
    """Record sessions and requests."""
    with steno.open("~/.steno", processors=[without_secrets]) as recorder:
        with recorder.session(key="agent:main:main", user_id="u1") as session:
            with session.request(model="gpt-5", provider="openai") as request:
                request.chunk("...")
                request.tool_call("search", arguments="{}", success=True)
                request.response(text="...", tokens=steno.Tokens(input=12, output=40))
            session.snapshot()
            saved: steno.Saved = session.save_logs([{"a": 1}], pod="p", namespace="n")
            if saved:
                open(saved, "rb").close()
            session.save_metrics(iter([1.5]), query="up", time_range=(datetime.now(UTC), None))
            session.save_traces([], service="s", metadata={"tags": ["a"]})
            session.save_file(b"x", name="x.bin")
            nothing: steno.Saved | None = steno.save_logs([], session=None)
            assert nothing is None
            after: steno.Session = session.compact(summary="so far", trigger="manual")
            newest: steno.Session | None = session.successor
            assert newest is after
            after.reset()
        stats: steno.RecorderStats = recorder.stats()
        assert stats.accepted >= stats.written
        flushed: bool = recorder.flush(timeout_s=1.0)
        assert flushed


async def in_asyncio() -> None:
    """Record in a coroutine."""
    async with steno.from_config("steno.yaml") as recorder:
        async with recorder.session() as session, session.request(model="m") as request:
            request.response(text="hello")


def incidents() -> None:
    """Create an incident, go on with it, list and delete."""
    incident: steno.Incident = steno.Session.create("password", "OPS", name="n", tags=["a"])
    with incident, incident.request(model="m"):
        saved: steno.Saved = incident.save_logs([1])
        incident.open_artefact(saved).close()
    pad: steno.Scratchpad = incident.scratchpad
    pad.write_section(steno.ScratchpadSection.FINAL_DIAGNOSIS, {"a": 1})
    sections: tuple[str, ...] = pad.sections
    assert sections
    artefacts: list[steno.Artefact] = incident.artefacts()
    assert artefacts
    closed: bool = incident.close(status="completed")
    assert closed
    try:
        steno.Session.resume(incident.session_id, "password").close()
    except steno.WrongPasswordError as error:
        sealed: steno.SealError = error
        sealed.offset  # noqa: B018 - that it is there is the subject
    infos: list[steno.IncidentInfo] = steno.Session.list(prefix="OPS")
    assert infos
    steno.Session.delete(incident.session_id)


def built() -> steno.Recorder:
    """Build a recorder from writers of one's own choice."""
    return (
        steno.RecorderBuilder()
        .add_writer(steno.JsonlWriter("/tmp/sessions"))
        .add_writer(steno.SqliteWriter("/tmp/sessions.db"))
        .add_writer(Printer())
        .batch_size(100)
        .batch_timeout_ms(100)
        .channel_buffer_size(10_000)
        .overflow("block", timeout_ms=500)
        .build()
    )
