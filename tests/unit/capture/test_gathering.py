"""What passes in a short exchange is gathered, and costs the log one frame."""

import asyncio
import time

import pytest

from steno.capture import gathering as module
from steno.capture.gathering import Gathering
from steno.capture.log import (
    ENDED,
    GATHERED,
    LOST,
    OF_DATA,
    OPENED,
    REPLY,
    REQUEST,
    SENT,
    STATUS,
    LogReader,
    read_frames,
)
from steno.capture.notebook import Notebook
from steno.testing import FixedClock
from steno.wire.opening import Opening, Outcome

DONE = Outcome(kind="done")
ALL = [OPENED, REQUEST, SENT, STATUS, REPLY, ENDED]


class Page:
    """Keeps what is written up."""

    def __init__(self):
        """Begin without."""
        self.open_count = 0
        self.is_full = False
        self.gathering = Gathering(self)
        self.pieces = []
        self.lost = 0

    def append(self, frames):
        """Keep frames."""
        self.pieces.append(frames)

    def note(self, number, note):
        """Keep a frame."""
        assert number
        self.gathering.write_up()
        self.pieces.append(note)

    def note_data(self, kind, number, at_s, data):
        """Count what there is no room for."""
        assert kind in OF_DATA
        assert number
        assert at_s
        self.gathering.write_up()
        self.lost += len(data)

    @property
    def kinds(self):
        """The kinds of what was written up, of each exchange in its order."""
        found = {}
        for each in read_frames(b"".join(self.pieces)):
            found.setdefault(each.number, []).append(each.kind)
        return found

    @property
    def is_gathered(self):
        """Tell of each piece whether it begins with what was gathered."""
        return [piece[0] == GATHERED for piece in self.pieces]


def opening():
    """Describe a request."""
    return Opening(
        request_id="r", method="POST", target="/v1/chat/completions", headers={},
        begun=FixedClock().now, begun_s=time.monotonic(), session_id="s",
    )  # fmt: skip


def note_all(pen, data=b"b"):
    """Note all but the end of an exchange."""
    pen.request(b"a")
    pen.sent()
    pen.reply(200, {})
    pen.data(data)


async def come_to(condition):
    """Wait until something is so."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - a timer of the product's is waited for
            await asyncio.sleep(0.002)


def test_short_exchange():
    """An exchange that ends soon is one frame, which comes soon though nothing else does."""

    async def one():
        page = Page()
        pen = page.gathering.open(1, opening)
        note_all(pen)
        pen.end(DONE)
        pen.end(DONE)
        assert page.pieces == []
        await come_to(lambda: page.pieces)
        return page

    page = asyncio.run(one())

    assert page.kinds == {1: ALL}
    assert page.is_gathered == [True]
    assert page.open_count == -1


def test_many_together(monkeypatch):
    """Exchanges that have ended are written up together, in the order of their ends."""
    monkeypatch.setattr(module, "_MANY", 3)

    async def some():
        page = Page()
        pens = [page.gathering.open(number, opening) for number in (1, 2, 3)]
        for pen in reversed(pens):
            assert page.pieces == []
            note_all(pen)
            pen.end(DONE)
        return page

    page = asyncio.run(some())

    assert len(page.pieces) == 1
    assert list(page.kinds) == [3, 2, 1]


def test_long_exchange():
    """What lasts is written up as far as it came, and then noted piece by piece."""

    async def one():
        page = Page()
        pen = page.gathering.open(1, opening)
        note_all(pen)
        await come_to(lambda: page.pieces)
        assert page.kinds == {1: ALL[:-1]}
        pen.data(b"late")
        pen.sent()
        pen.reply(200, {})
        pen.end(DONE)
        return page

    page = asyncio.run(one())

    assert page.kinds == {1: [*ALL[:-1], SENT, STATUS, ENDED]}
    assert page.is_gathered == [True, False, False, False]
    assert page.lost == 4


@pytest.mark.parametrize("way", ["request", "data"])
def test_large_exchange(way):
    """What is large is noted piece by piece from where it gets so, behind what came before."""

    async def one():
        page = Page()
        pen = page.gathering.open(1, opening)
        getattr(pen, way)(b"x" * module._MOST)
        getattr(pen, way)(b"y")
        return page

    page = asyncio.run(one())

    assert page.kinds == {1: [OPENED, REQUEST if way == "request" else REPLY]}
    assert page.lost == 1


def test_what_ended_comes_first():
    """A note of one exchange stands behind all of those that ended before it."""

    async def two():
        page = Page()
        pen = page.gathering.open(1, opening)
        await come_to(lambda: page.pieces)
        page.gathering.open(2, opening).end(DONE)
        pen.sent()
        return page

    page = asyncio.run(two())

    assert [each.number for each in read_frames(b"".join(page.pieces))] == [1, 2, 2, 1]


def test_crowd(monkeypatch):
    """Not more than so many exchanges are gathered at once."""
    monkeypatch.setattr(module, "_CROWD", 3)

    async def some():
        page = Page()
        for number in range(1, 5):
            page.gathering.open(number, opening)
        page.gathering.write_up()
        return page

    assert list(asyncio.run(some()).kinds) == [1, 2, 3]


def test_no_room():
    """Where notes take as much memory as they may, bytes of bodies are asked about one by one."""

    async def one():
        page = Page()
        pen = page.gathering.open(1, opening)
        note_all(pen)
        page.is_full = True
        pen.end(DONE)
        page.gathering.write_up()
        return page

    page = asyncio.run(one())

    assert page.kinds == {1: [OPENED, SENT, STATUS, ENDED]}
    assert page.lost == 2


def test_no_loop():
    """Without a loop that would look after them, notes go one by one."""
    page = Page()
    page.gathering.open(1, opening).sent()

    assert page.kinds == {1: [OPENED, SENT]}


def test_undescribable(capsys):
    """An exchange that can't be described costs no other one anything."""

    def refuse():
        raise ValueError("no words")

    async def two():
        page = Page()
        page.gathering.open(1, refuse).end(DONE)
        page.gathering.open(2, opening).end(DONE)
        page.gathering.write_up()
        return page

    page = asyncio.run(two())

    assert page.kinds == {2: [OPENED, ENDED]}
    assert "can't be recorded: no words" in capsys.readouterr().err


def test_log_that_closes(tmp_path):
    """At the end of the log all that was gathered is in it; what comes later is counted."""

    async def two():
        notebook = Notebook(tmp_path)
        notebook.open(opening).end(DONE)
        pen = notebook.open(opening)
        note_all(pen)
        assert notebook.close(5)
        pen.data(b"late")
        pen.end(DONE)
        return notebook

    notebook = asyncio.run(two())
    reader = LogReader(tmp_path)
    kinds = [each.kind for each in reader.read() if each.number]
    reader.close()

    assert kinds == [OPENED, ENDED, *ALL[:-1]]
    assert (notebook.open_count, notebook.lost_bytes) == (0, 4)


def test_log_that_closes_just_then(tmp_path):
    """What is written up between the word that the log closes and its end is in it."""

    async def one():
        notebook = Notebook(tmp_path)
        notebook.open(opening).end(DONE)
        notebook._closing = True  # what `close` does first, on a thread beside the loop
        notebook._gathering.write_up()  # what the loop's timer does
        assert notebook.close(5)

    asyncio.run(one())
    reader = LogReader(tmp_path)
    kinds = [each.kind for each in reader.read() if each.number]
    reader.close()

    assert kinds == [OPENED, ENDED]


def test_refusing_disk(tmp_path, monkeypatch):
    """Of what was gathered and the disk refused, all but the bytes of bodies is kept."""
    refuses = [1]
    notebook = Notebook(tmp_path)
    append = notebook._log.append

    def refuse(frames):
        if refuses:
            raise OSError(28, "No space left on device")
        append(frames)

    monkeypatch.setattr(notebook._log, "append", refuse)

    async def one():
        pen = notebook.open(opening)
        note_all(pen)
        pen.end(DONE)
        await come_to(lambda: notebook.lost_bytes)

    asyncio.run(one())
    refuses.clear()
    assert notebook.close(5)
    reader = LogReader(tmp_path)
    found = [(each.kind, each.data) for each in reader.read() if each.number]
    reader.close()

    assert [kind for kind, _ in found] == [OPENED, SENT, STATUS, LOST, ENDED]
    assert int(found[3][1]) == notebook.lost_bytes == 2
