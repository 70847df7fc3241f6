"""From a plan to a collection: what had come is kept, however it ended."""

import asyncio
import json
import signal
import threading

import pytest

import steno
from steno.collectors.collection import CANCELLED, LIMIT, CollectionInterrupted
from steno.collectors.finishing import collect, collect_async
from steno.collectors.http import Ask, Manner
from steno.collectors.services import PROMETHEUS, Service
from steno.collectors.windows import Window
from steno.errors import CollectError

WINDOW = Window(None, None)


class Plan:
    """Asks five times for a number; a `steno.collectors.finishing.Plan`."""

    source, window, limited = "prometheus", WINDOW, False

    def __init__(self):
        self.query = {"query": "numbers"}
        self._got = []

    def questions(self):
        for number in range(5):
            answer = yield Ask(f"/{number}")
            if answer.status != 200:
                raise CollectError(f"status {answer.status}")
            self._got.append(json.loads(answer.body))

    def entries(self):
        return list(self._got)

    def facts(self):
        return {"got": len(self._got)}

    def save(self, session, entries, metadata):
        return session.save_metrics(entries, metadata=metadata, **self.query)


@pytest.fixture(params=["sync", "async"])
def run(request, scripted):
    """Carry a plan out with either driver."""

    def run(plan=None, session=None, **manner):
        service = Service(PROMETHEUS, scripted.url)
        manner = Manner(**{"retries": 0, **manner})
        if request.param == "sync":
            return collect(plan or Plan(), service, manner, session)
        return asyncio.run(collect_async(plan or Plan(), service, manner, session))

    return run


@pytest.fixture
def session(home):
    """Begin a session."""
    with steno.open(home) as recorder, recorder.session("s") as session:
        yield session


def numbers(asked):
    return 200, asked.path[1:].encode()


def saved(collection):
    """Read the one artefact of a collection."""
    (one,) = collection.saved
    with open(one) as file:
        return json.load(file)


def test_whole(run, scripted, session):
    """All that came is saved with the session, which says where it is from."""
    scripted.answer = numbers

    collection = run(session=session)

    assert (collection.count, collection.complete, collection.reason) == (5, True, None)
    assert collection.entries == []
    document = saved(collection)
    assert document["data"] == [0, 1, 2, 3, 4]
    assert document["metadata"]["url"] == scripted.url
    assert document["metadata"]["complete"] is True
    assert document["metadata"]["got"] == 5


def test_without_session(run, scripted, home):
    """Without a session, what came is in the collection, and nothing is written."""
    scripted.answer = numbers

    collection = run()

    assert collection.entries == [0, 1, 2, 3, 4]
    assert collection.saved == ()
    assert not home.exists()


def test_failed_at_once(run, scripted, session):
    """A failure before there was anything is raised, and leaves nothing."""
    scripted.answer = lambda asked: (400, b"")

    with pytest.raises(CollectError, match="status 400"):
        run(session=session)

    assert not session.data_dir.exists()


def test_failed_in_the_middle(run, scripted, session):
    """What had come before a failure is kept, and says that it is not all."""
    scripted.answer = lambda asked: numbers(asked) if asked.path < "/3" else (400, b"")

    collection = run(session=session)

    assert (collection.count, collection.complete) == (3, False)
    assert collection.reason == "error: status 400"
    document = saved(collection)
    assert document["data"] == [0, 1, 2]
    assert document["metadata"]["complete"] is False
    assert document["metadata"]["incomplete"] == "error: status 400"


def test_cancelled(run, scripted, session):
    """So it is when somebody sets `cancel`."""
    cancel = threading.Event()

    def answer(asked):
        if asked.path == "/2":
            cancel.set()
        return numbers(asked)

    scripted.answer = answer

    collection = run(session=session, cancel=cancel)

    assert (collection.complete, collection.reason) == (False, CANCELLED)
    assert saved(collection)["data"] in ([0, 1], [0, 1, 2])


def test_cancelled_at_once(run, session):
    """Who cancels before anything came gets an empty collection, and no artefact."""
    cancel = threading.Event()
    cancel.set()

    collection = run(session=session, cancel=cancel)

    assert (collection.count, collection.reason, collection.saved) == (0, CANCELLED, ())


def test_limit(run, scripted):
    """That there is more than was asked for is said."""
    scripted.answer = numbers
    plan = Plan()
    plan.limited = True

    collection = run(plan)

    assert (collection.complete, collection.reason) == (False, LIMIT)


def test_not_saved(run, scripted, session):
    """What can't be saved is said in the result, and raises nothing."""
    scripted.answer = numbers
    session.data_dir.parent.mkdir(parents=True)
    session.data_dir.write_bytes(b"a file where the folder should be")

    collection = run(session=session)

    (one,) = collection.saved
    assert not one
    assert one.error
    assert collection.count == 5


def test_manner(run):
    """Numbers that make no sense are refused before anything is asked."""
    with pytest.raises(CollectError, match="timeout_s"):
        run(timeout_s=-1)


def test_interrupted(scripted, session):
    """Ctrl-C keeps what had come, and goes on as Ctrl-C that carries it."""

    def answer(asked):
        if asked.path == "/3":
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        return numbers(asked)

    scripted.answer = answer

    with pytest.raises(CollectionInterrupted) as caught:
        collect(Plan(), Service(PROMETHEUS, scripted.url), Manner(), session)

    collection = caught.value.collection
    assert collection.reason == CANCELLED
    assert saved(collection)["data"][:3] == [0, 1, 2]


def test_cancelled_task(scripted, session):
    """A task that is cancelled ends as cancelled, and what had come lies with the session."""

    async def main():
        loop = asyncio.get_running_loop()

        def answer(asked):
            if asked.path == "/3":
                loop.call_soon_threadsafe(task.cancel)
                cancelled.wait(10)
            return numbers(asked)

        cancelled = threading.Event()
        scripted.answer = answer
        service = Service(PROMETHEUS, scripted.url)
        async with asyncio.TaskGroup() as group:
            task = group.create_task(collect_async(Plan(), service, Manner(), session))
        cancelled.set()
        return task.cancelled()

    assert asyncio.run(main())
    (path,) = session.data_dir.glob("metrics/*.json")
    document = json.loads(path.read_text())
    assert document["data"] == [0, 1, 2]
    assert document["metadata"]["incomplete"] == CANCELLED


def test_event_loop(scripted):
    """While an answer is awaited, the event loop goes on."""
    heard = threading.Event()

    async def main():
        asked, loop = asyncio.Event(), asyncio.get_running_loop()

        def answer(question):
            loop.call_soon_threadsafe(asked.set)
            return numbers(question) if heard.wait(10) else (500, b"")

        scripted.answer = answer
        service = Service(PROMETHEUS, scripted.url)
        async with asyncio.TaskGroup() as group:
            task = group.create_task(collect_async(Plan(), service, Manner(), None))
            await asked.wait()
            heard.set()
        return task.result()

    assert asyncio.run(main()).complete
