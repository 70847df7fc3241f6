"""What hosts, programs and threads may do to an archivist, on purpose or not."""

import threading
import time

import msgspec
import pytest

from steno.archives import ArchiveIds
from steno.archives.layout import find_archives


@pytest.mark.parametrize("strange", ["\ud800", "\U0001f600" * 10_000, "\x00/../.."])
def test_strange_ids(begin, read_messages, read_meta, make_line, ids, strange):
    """Ids of any characters and length are archived as they were given, and stop no others."""
    archivist = begin()
    spools = [
        archivist.open(ArchiveIds(strange, strange, strange, strange, strange), task=strange),
        archivist.open(ids),
    ]
    for spool in spools:
        spool.take(make_line("hello"))
        spool.end("error", strange)
    assert all(spool.wait(20) for spool in spools)
    assert archivist.close()

    paths = [path for path, _ in find_archives(archivist.settings.directory)]
    assert [read_messages(path) for path in paths] == [["hello"], ["hello"]]
    assert {read_meta(path).ids["chat_id"] for path in paths} == {strange, ids.chat_id}


@pytest.mark.parametrize(
    "fields",
    [{"level_name": 5}, {"logger": None}, {"line_number": None}, {"line_number": 10**30},
     {"created": "x"}, {"created": float("nan")}, {"created": -1e300}, {"module": object()}],
)  # fmt: skip
def test_records_made_by_hand(begin, read_messages, make_line, ids, fields):
    """Whatever stands in a record that somebody made, it and the others are archived."""
    archivist = begin()
    spool = archivist.open(ids)
    spool.take(msgspec.structs.replace(make_line("a"), **fields))
    spool.take(make_line("b"))
    spool.end("ok")
    assert spool.wait(20)
    assert archivist.close()

    ((path, _),) = find_archives(archivist.settings.directory)
    assert sorted(read_messages(path)) == ["a", "b"]


@pytest.mark.parametrize("key", ["password", "recipients"])
def test_a_key_of_no_encoding(begin, ids, key):
    """A password or key that has no form in UTF-8 is a cause to skip, and raises nothing."""
    archivist = begin(**{key: "\udcff" if key == "password" else ("\udcff",)})

    assert archivist.open(ids) is None
    assert archivist.stats().skipped == {key: 1}


def test_close_while_somebody_logs(begin, read_messages, read_meta, make_line, ids):
    """A thread that never stops logging does not keep the archive from being sealed."""
    archivist = begin()
    spool = archivist.open(ids)
    stop = threading.Event()

    def log():
        while not stop.is_set():
            for _ in range(20):
                spool.take(make_line("a"))
            time.sleep(0.001)

    thread = threading.Thread(target=log)
    thread.start()
    try:
        time.sleep(0.2)
        begun = time.monotonic()
        assert archivist.close(10)
        assert time.monotonic() - begun < 8
    finally:
        stop.set()
        thread.join()

    ((path, _),) = find_archives(archivist.settings.directory)
    assert read_meta(path).status == "interrupted"
    assert len(read_messages(path)) == archivist.stats().lines
