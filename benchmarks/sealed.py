"""A sealed incident against a plain one: a million log entries saved, and events recorded."""

import gc
import tempfile
from typing import Any

import steno
from benchmarks.artefacts import _entry
from benchmarks.measuring import Result, alternate, make_requests, seconds

_ENTRIES = 1_000_000
_REQUESTS = 4000
_ROUNDS = 3
_PASSWORD = "correct horse battery staple"


def _save(incident: steno.Incident, entries: list[dict[str, Any]]) -> float:
    def work() -> None:
        saved = incident.save_logs(entries, pod="payments-svc", namespace="production")
        assert saved, saved.error
        assert saved.path is not None
        saved.path.unlink()  # the disk is not what is measured

    return seconds(work)


def _record(target: steno.Incident | steno.Recorder, events: list[steno.Event]) -> float:
    def work() -> None:
        for at in range(0, len(events), 2000):
            for event in events[at : at + 2000]:
                target.record(event)
            assert target.flush()

    taken = seconds(work)
    assert target.stats().dropped == 0
    return taken


def _record_plain(events: list[steno.Event]) -> float:
    """Write a plain transcript and no index, as a sealed incident has none."""
    with tempfile.TemporaryDirectory() as home:
        builder = steno.RecorderBuilder().add_writer(steno.JsonlWriter(home))
        with builder.build() as recorder:
            return _record(recorder, events)


def _measure(password: str | None, work: Any) -> float:
    """Do something with a new incident; making its key is not what is measured."""
    with tempfile.TemporaryDirectory() as home:
        incident = steno.Session.create(password, home=home)
        try:
            return float(work(incident))
        finally:
            incident.close()


def run() -> list[Result]:
    """Measure plain and sealed in turn."""
    entries = [_entry(number) for number in range(_ENTRIES)]
    gc.collect()
    gc.freeze()
    plain, sealed = alternate(
        _ROUNDS,
        lambda: _measure(None, lambda incident: _save(incident, entries)),
        lambda: _measure(_PASSWORD, lambda incident: _save(incident, entries)),
    )
    gc.unfreeze()
    entries.clear()
    events = make_requests(_REQUESTS)
    told, hidden = alternate(
        _ROUNDS,
        lambda: _record_plain(events),
        lambda: _measure(_PASSWORD, lambda incident: _record(incident, events)),
    )
    return [
        Result("sealed save_logs", ">= 0.5 of plain", f"{plain / sealed:.2f}", plain / sealed >= 0.5,
               f"a million entries: {sealed * 1000:.0f} ms sealed, {plain * 1000:.0f} ms plain"),
        Result("sealed events", ">= 0.5 of plain", f"{told / hidden:.2f}", told / hidden >= 0.5,
               f"{len(events):,} events of 2.6 kB, flushed: {hidden * 1000:.0f} ms sealed, {told * 1000:.0f} ms in a plain "
               "transcript without an index"),
    ]  # fmt: skip
