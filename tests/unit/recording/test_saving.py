"""Saving what a session collected: the files, what the result says, and what is recorded."""

import asyncio
import contextlib
import hashlib
import json
import os
import re
import sqlite3
import stat
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

import steno
from steno.errors import StenoError
from steno.recording import saving
from steno.transcripts.finding import find_transcripts
from steno.transcripts.reader import read_transcript

STAMP = r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d"


@pytest.fixture
def recorder(home):
    """Record into a home."""
    with steno.open(home) as recorder:
        yield recorder


@pytest.fixture
def session(recorder):
    """Begin a session."""
    return recorder.session("s")


def recorded(recorder, home, kind=steno.ArtefactSaved):
    """Read the events of a kind."""
    recorder.flush()
    return [
        entry.event
        for path in find_transcripts(home / "sessions")
        for entry in read_transcript(path)
        if isinstance(entry.event, kind)
    ]


def test_logs(session, home):
    """Logs lie under the session's folder, named by pod, namespace and time, in the known form."""
    saved = session.save_logs(
        [{"line": 1}, {"line": 2}],
        pod="payments-svc",
        namespace="production",
        container="app",
        time_range=("2025-10-21T14:00:00", "2025-10-21T16:00:00"),
    )

    assert saved.path.parent == home / "artefacts" / "s" / "logs"
    assert re.fullmatch(rf"kubernetes_payments-svc_production_{STAMP}\.json", saved.path.name)
    told = json.loads(saved.path.read_text())
    collected = told["metadata"].pop("collected_at")
    assert abs((datetime.now(UTC) - datetime.fromisoformat(collected)).total_seconds()) < 60
    assert told == {
        "source": "kubernetes",
        "metadata": {
            "pod": "payments-svc",
            "namespace": "production",
            "container": "app",
            "time_range": ["2025-10-21T14:00:00", "2025-10-21T16:00:00"],
            "count": 2,
        },
        "data": [{"line": 1}, {"line": 2}],
    }


def test_result(session):
    """The result is true, is a path, and says what is on disk."""
    saved = session.save_logs([{"line": 1}], pod="p")

    assert saved
    assert Path(saved) == saved.path
    assert str(saved) == str(saved.path)
    assert saved.relative == f"logs/{saved.path.name}"
    assert session.data_dir / saved.relative == saved.path
    assert (saved.kind, saved.source, saved.count) == ("logs", "kubernetes", 1)
    assert saved.size_bytes == saved.path.stat().st_size
    assert saved.sha256 == hashlib.sha256(saved.path.read_bytes()).hexdigest()
    assert (saved.error, saved.incomplete) == (None, None)


@pytest.mark.parametrize(
    ("method", "facts", "name"),
    [
        ("save_logs", {"pod": "p", "namespace": "n"}, rf"logs/kubernetes_p_n_{STAMP}\.json"),
        ("save_logs", {"pod": "p"}, rf"logs/kubernetes_p_default_{STAMP}\.json"),
        ("save_logs", {"namespace": "n"}, rf"logs/kubernetes_unknown_n_{STAMP}\.json"),
        ("save_logs", {}, rf"logs/kubernetes_{STAMP}\.json"),
        ("save_logs", {"source": "cloudwatch", "identifier": "/ecs/a"}, rf"logs/cloudwatch_ecs_a_{STAMP}\.json"),
        ("save_logs", {"pod": "p", "identifier": "i"}, rf"logs/kubernetes_i_{STAMP}\.json"),
        ("save_logs", {"pod": "../../etc", "namespace": "a\x00b"}, rf"logs/kubernetes_etc_a_b_{STAMP}\.json"),
        ("save_logs", {"pod": "服务", "namespace": "é"}, rf"logs/kubernetes_服务_é_{STAMP}\.json"),
        ("save_metrics", {"query": "up"}, rf"metrics/prometheus_up_{STAMP}\.json"),
        ("save_metrics", {"query": "sum(" + "x" * 496}, rf"metrics/prometheus_sum_x{{36}}_{STAMP}\.json"),
        ("save_metrics", {}, rf"metrics/prometheus_{STAMP}\.json"),
        ("save_traces", {"identifier": "abc123"}, rf"traces/jaeger_abc123_{STAMP}\.json"),
        ("save_traces", {"service": "pay"}, rf"traces/jaeger_pay_{STAMP}\.json"),
        ("save_traces", {}, rf"traces/jaeger_{STAMP}\.json"),
    ],
)  # fmt: skip
def test_names(session, method, facts, name):
    """Each kind has its folder and its way to name a file."""
    saved = getattr(session, method)([{"a": 1}], **facts)

    assert re.fullmatch(name, saved.relative)
    assert saved.path.exists()


def test_facts_in_the_document(session):
    """What a query or a service is called stands whole in the metadata, beside what is given."""
    query = "rate(http_requests_total[5m])"
    metrics = session.save_metrics([], query=query, metadata={"step": "15s", "query": "other"})
    traces = session.save_traces(
        [], service="a/b", time_range=[datetime(2026, 1, 1, tzinfo=UTC), None]
    )

    told = json.loads(metrics.path.read_text())["metadata"]
    assert (told["query"], told["step"]) == (query, "15s")
    told = json.loads(traces.path.read_text())["metadata"]
    assert told["service"] == "a/b"
    assert told["time_range"] == ["2026-01-01T00:00:00.000000Z", None]


@pytest.mark.parametrize(
    ("metadata", "time_range"), [("text", "2026-01-01"), ([1], 5), ({"o": object()}, (object(),))]
)
def test_careless_facts(session, metadata, time_range):
    """Metadata and times of other kinds than expected are kept as they can be."""
    assert session.save_logs([1], metadata=metadata, time_range=time_range)


def test_metadata_is_not_touched(session, recorder, home):
    """The mapping that was given stays as it is, and what is recorded doesn't change with it."""
    metadata = {"labels": ["a"]}
    session.save_logs([1], pod="p", metadata=metadata)
    assert metadata == {"labels": ["a"]}
    metadata["labels"].append("b")

    (event,) = recorded(recorder, home)
    assert event.metadata["labels"] == ["a"]


def test_same_second(session):
    """Two in the same second get two names, and so do two pods that look alike when made safe."""
    saved = [session.save_logs([pod], pod=pod) for pod in ("a/b", "a:b", "a/b")]

    assert len({each.path for each in saved}) == 3
    assert [json.loads(each.path.read_text())["metadata"]["pod"] for each in saved] == [
        "a/b", "a:b", "a/b"
    ]  # fmt: skip


def test_recorded(session, recorder, home):
    """Each save is an event with kind, source, path, bytes, count, digest and metadata."""
    saved = session.save_logs([{"a": 1}], pod="p", namespace="n")

    (event,) = recorded(recorder, home)
    assert (event.session_id, event.request_id) == ("s", "")
    assert (event.kind, event.source, event.path) == ("logs", "kubernetes", saved.relative)
    assert (event.size_bytes, event.count, event.sha256) == (saved.size_bytes, 1, saved.sha256)
    told = json.loads(saved.path.read_text())["metadata"]
    assert event.metadata == told


def test_in_the_request(session, recorder, home):
    """A save belongs to the request that speaks, and to none between requests or elsewhere."""
    other = recorder.session("other")
    with session, session.request(model="m") as request:
        session.save_logs([1])
        other.save_logs([1])
        request.response(text="done")
    session.save_logs([1])

    found = {(each.session_id, each.request_id) for each in recorded(recorder, home)}
    assert found == {("s", request.request_id), ("other", ""), ("s", "")}


def test_in_the_index(session, recorder, home):
    """Each save is a row of the index."""
    with session, session.request(model="m") as request:
        saved = session.save_metrics([1, 2], query="up")
        request.response(text="done")
    recorder.flush()

    with contextlib.closing(sqlite3.connect(home / "sessions.db")) as index:
        rows = index.execute(
            "SELECT session_id, request_id, kind, source, path, size_bytes, count, sha256, metadata "
            "FROM artefacts"
        ).fetchall()
    assert rows[0][:-1] == (
        "s", request.request_id, "metrics", "prometheus", saved.relative, saved.size_bytes, 2,
        saved.sha256,
    )  # fmt: skip
    assert json.loads(rows[0][-1])["query"] == "up"


def test_large(session):
    """A large document is compressed, and read back as it was given."""
    saved = session.save_logs([{"text": "x" * 1000}] * 6000)

    assert saved.path.name.endswith(".json.zst")
    assert saved.size_bytes < 1_000_000
    with steno.open_artefact(saved.path) as file:
        assert json.load(file)["data"] == [{"text": "x" * 1000}] * 6000


def test_file(session, recorder, home, tmp_path):
    """A file is kept under its own name, byte for byte, and recorded without a count."""
    (tmp_path / "heap dump.bin").write_bytes(b"\x00\xff")
    saved = session.save_file(tmp_path / "heap dump.bin", source="jvm", metadata={"pid": 1})

    assert saved.relative == "files/heap_dump.bin"
    assert saved.path.read_bytes() == b"\x00\xff"
    (event,) = recorded(recorder, home)
    assert (event.kind, event.source, event.count) == ("files", "jvm", None)
    assert event.metadata["pid"] == 1


@pytest.mark.parametrize(
    ("content", "name", "expected"),
    [
        (b"x", None, rf"file_{STAMP}\.bin"),
        (b"x", "../a.txt", r"a\.txt"),
        ("x", "a.txt", r"a\.txt"),
        (iter([b"x"]), "b", "b"),
    ],
)
def test_names_of_files(session, content, name, expected):
    """A file that has no name gets one with the time; a name from outside chooses no path."""
    saved = session.save_file(content, name=name)

    assert re.fullmatch(expected, saved.path.name)
    assert saved.path.read_bytes() == b"x"


def test_open_file(session, tmp_path):
    """An open file is saved under the name that it has."""
    (tmp_path / "a.txt").write_text("hello")
    with open(tmp_path / "a.txt", "rb") as file:
        assert session.save_file(file).relative == "files/a.txt"


def test_text_without_a_name(session):
    """A text is never taken for a path: without a name it is refused, and the hint says why."""
    saved = session.save_file("/etc/hostname")

    assert not saved
    assert "pathlib.Path" in saved.error


def test_incomplete(session, recorder, home):
    """When an iterator fails, what came is saved, and result, file and event say so."""

    def entries():
        yield {"n": 1}
        raise ConnectionError("gone")

    saved = session.save_logs(entries())

    assert saved
    assert saved.incomplete == "error: ConnectionError: gone"
    assert (saved.error, saved.count) == (None, 1)
    (event,) = recorded(recorder, home)
    assert (event.metadata["complete"], event.count) == (False, 1)


def test_incomplete_beforehand(session, recorder, home):
    """Who knows before saving that something is not all says it in the same words."""
    saved = session.save_metrics([1], metadata={"complete": False, "incomplete": "limit"})
    odd = session.save_metrics([1], metadata={"incomplete": 7})

    assert (saved.incomplete, odd.incomplete) == ("limit", None)
    assert recorded(recorder, home)[0].metadata["incomplete"] == "limit"


def test_cancelled(session, recorder, home):
    """A cancellation keeps and records what had come, and then goes on."""

    def entries():
        yield {"n": 1}
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        session.save_logs(entries(), pod="p")

    (event,) = recorded(recorder, home)
    assert event.metadata["incomplete"] == "cancelled"
    assert json.loads((session.data_dir / event.path).read_text())["data"] == [{"n": 1}]


def test_entries_that_can_not_be_read(session, recorder, home):
    """What can't be iterated over is a failed save, recorded as such."""
    saved = session.save_logs(5, pod="p")

    assert not saved
    assert "not iterable" in saved.error
    (gap,) = recorded(recorder, home, steno.Gap)
    assert (gap.what, gap.count, gap.reason) == ("artefact", 1, "save_failed")
    assert gap.detail.startswith("logs from kubernetes: TypeError")


def test_no_place(session, home, recorder, capsys):
    """Where the folder can't be made, the caller goes on; result, transcript and stderr say it."""
    home.mkdir(exist_ok=True)
    (home / "artefacts").write_text("in the way")
    saved = [session.save_logs([1], pod="p") for _ in range(3)]

    assert not any(saved)
    assert all(each.error for each in saved)
    assert len(recorded(recorder, home, steno.Gap)) == 3
    assert capsys.readouterr().err.count("could not save logs from kubernetes") == 1


def test_a_failed_result_is_no_path(session):
    """To use a failed result as a path is an error that says why there is none."""
    saved = session.save_logs(5)

    assert str(saved) == ""
    with pytest.raises(StenoError, match="not iterable"):
        Path(saved)


def test_no_folder(tmp_path):
    """A recorder of bare writers has no place for artefacts, says so, and can be given one."""
    builder = steno.RecorderBuilder().add_writer(steno.JsonlWriter(tmp_path / "sessions"))
    with builder.build() as recorder:
        session = recorder.session("s")
        assert session.data_dir is None
        assert "RecorderBuilder.artefacts" in session.save_logs([1]).error
    builder = steno.RecorderBuilder().add_writer(steno.JsonlWriter(tmp_path / "more"))
    with builder.artefacts(tmp_path / "kept").build() as recorder:
        saved = recorder.session("s").save_logs([1])
    assert saved.path.parent == tmp_path / "kept" / "s" / "logs"


def test_off(home):
    """Where recording is off, nothing is saved, nothing is read of an iterator, and no error said."""
    config = home.parent / "steno.yaml"
    config.write_text("session_recording: {enabled: false}\n")
    entries = iter([1])
    with steno.from_config(config, home=home) as recorder:
        saved = recorder.session("s").save_logs(entries)

    assert not saved
    assert saved.error is None
    assert list(entries) == [1]
    assert not (home / "artefacts").exists()


def test_from_config(home):
    """A recorder from a configuration saves in its home."""
    with steno.from_config(home=home) as recorder:
        assert recorder.session("s").save_logs([1]).path.is_relative_to(home / "artefacts" / "s")


def test_hostile_session(recorder, home):
    """The id of a session chooses no path either."""
    saved = recorder.session("../../evil").save_logs([1])

    assert saved.path.parent.parent.parent == home / "artefacts"
    assert saved.path.exists()


def test_rotated(session, recorder, home):
    """After a reset, what is saved belongs to the session that goes on."""
    successor = session.reset()
    saved = session.save_logs([1])

    assert saved.path.is_relative_to(successor.data_dir)
    assert [each.session_id for each in recorded(recorder, home)] == [successor.session_id]


def test_permissions(session):
    """Files are for the owner alone, and so are the folders."""
    saved = session.save_logs([1])

    assert stat.S_IMODE(saved.path.stat().st_mode) == 0o600
    for folder in (saved.path.parent, session.data_dir, session.data_dir.parent):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_threads(session, recorder, home):
    """Threads that save at once get a file and an event each."""
    threads = [
        threading.Thread(target=lambda n=n: session.save_logs([{"n": n}] * 100, pod="p"))
        for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    events = recorded(recorder, home)
    assert len({event.path for event in events}) == 8
    numbers = {json.loads((session.data_dir / e.path).read_text())["data"][0]["n"] for e in events}
    assert numbers == set(range(8))


def test_fork(session, recorder, home):
    """A forked child saves into the same session under a name of its own."""
    mine = session.save_logs(["parent"], pod="p")
    child = os.fork()
    if not child:
        saved = session.save_logs(["child"], pod="p")
        recorder.flush()
        os._exit(0 if saved else 1)
    assert os.waitpid(child, 0)[1] == 0

    events = recorded(recorder, home)
    assert len({event.path for event in events}) == 2
    texts = [json.loads((session.data_dir / event.path).read_text())["data"] for event in events]
    assert sorted(texts) == [["child"], ["parent"]]
    assert mine.path.exists()


def test_kinds_of_sessions(session, monkeypatch):
    """A kind of session that keeps a list is told of each save."""
    told = []
    monkeypatch.setattr(
        saving.Collecting, "_artefact_saved", lambda self, saved, facts: told.append((saved, facts))
    )
    saved = session.save_logs([1], pod="p")
    session.save_logs(5)

    assert [each for each, _ in told] == [saved]
    assert told[0][1]["pod"] == "p"


class HostileMapping(dict):
    """Facts that can't be read."""

    def keys(self):
        """Fail."""
        raise RuntimeError("no keys")

    __iter__ = keys


def test_careless_arguments(session):
    """Metadata that can't be read, and facts of another type, cost nothing of the data."""
    for saved in (
        session.save_logs([1], metadata=HostileMapping(a=1)),
        session.save_logs([1], metadata=[1]),
        session.save_logs([1], pod=7, source=8),
        session.save_logs([1], source="web\udc80"),
        session.save_file(b"x", name=9),
    ):
        assert saved
        saved.source.encode()


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, asyncio.CancelledError])
def test_cancelled_and_not_saved(session, recorder, home, interruption):
    """A cancellation goes on also where what had come by then can't be saved."""

    def entries():
        yield 1
        (home / "artefacts").mkdir(parents=True, exist_ok=True)
        (home / "artefacts" / "s").touch()  # in the place of the folder
        raise interruption

    with pytest.raises(interruption):
        session.save_logs(entries())

    assert [gap.what for gap in recorded(recorder, home, steno.Gap)] == ["artefact"]
