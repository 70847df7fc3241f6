"""In whose frame a ``with`` stands."""

import asyncio
import sys
import threading
from contextlib import ExitStack, contextmanager

from steno.logs.frames import find_generator, is_running, running_loop, whereabouts


class Asking:
    """A context manager that asks where it was entered."""

    def __enter__(self):
        self.found = find_generator(sys._getframe(1))
        return self

    def __exit__(self, *_):
        return None


class Wrapping(Asking):
    """A context manager that passes on."""

    def __enter__(self):
        return super().__enter__()


def entered():
    """Enter in a function."""
    with Asking() as asking:
        return asking.found


def test_functions_and_generators():
    """A function's `with` stands in no generator, though a generator may have called it."""

    def generator():
        with Asking() as asking:
            yield asking.found
        yield entered()

    found = list(generator())
    assert found[0].f_code.co_name == "generator"
    assert found[1] is None
    assert entered() is None


def test_passing_on():
    """Wrappers, stacks and ``@contextmanager`` only pass it on to the code around them."""

    @contextmanager
    def managed():
        with Asking() as asking:
            yield asking

    def generator():
        with Wrapping() as asking:
            yield asking.found
        with ExitStack() as stack:
            yield stack.enter_context(Asking()).found
        with managed() as asking:
            yield asking.found
        with ExitStack() as stack:
            yield stack.enter_context(managed()).found

    assert [found.f_code.co_name for found in generator()] == ["generator"] * 4
    with managed() as asking:
        assert asking.found is None
    with ExitStack() as stack:
        assert stack.enter_context(managed()).found is None


def test_running():
    """A generator's frame is running between two yields only."""

    def generator():
        me = id(sys._getframe())
        yield me
        yield is_running(me)

    each = generator()
    me = next(each)
    assert not is_running(me)
    assert next(each)


def test_whereabouts():
    """Threads and tasks differ, and there is a loop or none."""

    async def one():
        return whereabouts(), running_loop() is asyncio.get_running_loop()

    async def main():
        return await asyncio.gather(
            asyncio.ensure_future(one()), asyncio.ensure_future(one()), one()
        )

    assert running_loop() is None
    (first, yes), (second, _), (third, _) = asyncio.run(main())
    found = []
    thread = threading.Thread(target=lambda: found.append(whereabouts()))
    thread.start()
    thread.join()

    assert yes
    assert len({first, second, third, whereabouts(), *found}) == 5
