"""A function as the fake Open WebUI holds it."""

import asyncio
import os
import sys

import pytest

from steno.testing.open_webui_functions import Function

PIPE = """
import os
import sys
from pydantic import BaseModel, Field

class Pipe:
    class Valves(BaseModel):
        level: str = Field(default="INFO", description="how much")

    class UserValves(BaseModel):
        level: str = "INHERIT"

    def __init__(self):
        self.valves = self.Valves()
        self.known = __name__ in sys.modules, os.path.exists(__file__)
        self.name = __name__
        self.file = __file__

    def pipe(self, body, __user__, __task__):
        return body, __user__["valves"].level, __task__

    async def later(self, body):
        return body
"""
FILTER = "class Filter:\n    def inlet(self, body):\n        return body\n"


def test_kinds():
    """A source with a Pipe is a pipe, one with a Filter a filter, anything else an error."""
    assert Function("one", PIPE).kind == "pipe"
    assert Function("two", FILTER).kind == "filter"
    with pytest.raises(ValueError, match="No Function class"):
        Function("three", "x = 1")


def test_module():
    """While it loads, its module is known and its file is there; afterwards neither is."""
    function = Function("one", PIPE)
    instance = function.instance()

    assert instance.known == (True, True)
    assert instance.name.startswith("function_one_")
    assert instance.name not in sys.modules
    assert not os.path.exists(instance.file)


def test_reload():
    """Each load gives a new instance from a module of a new name."""
    function = Function("one", PIPE)
    before = function.instance()
    function.load(PIPE)

    assert function.instance() is not before
    assert function.instance().name != before.name


def test_broken():
    """A source that fails to load leaves no module behind, and the instance that was there."""
    function = Function("one", PIPE)
    before, known = function.instance(), set(sys.modules)
    with pytest.raises(ZeroDivisionError):
        function.load("1 / 0")

    assert function.instance() is before
    assert set(sys.modules) == known


def test_valves():
    """Whoever asks for the instance replaces its valves by what is stored."""
    function = Function("one", PIPE)
    first = function.instance().valves
    function.stored = {"level": "DEBUG"}

    assert first.level == "INFO"
    assert function.instance().valves.level == "DEBUG"
    assert function.instance().valves is not function.instance().valves
    assert not hasattr(Function("two", FILTER).instance(), "valves")


def test_call():
    """A method gets what it asks for by name, and the user's valves as an object."""
    function = Function("one", PIPE)
    function.stored_for_user = {"level": "ERROR"}
    offered = {"__user__": {"id": "u1"}, "__task__": None, "__files__": []}

    async def call():
        instance = function.instance()
        assert await function.call(instance.pipe, offered, body="b") == ("b", "ERROR", None)
        assert await function.call(instance.later, offered, body="b") == "b"

    asyncio.run(call())


def test_without_pydantic(monkeypatch):
    """Where pydantic is not installed, valves are made of a small stand-in, which does not stay."""
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.delitem(sys.modules, "pydantic", raising=False)
    function = Function("one", PIPE)
    function.stored = {"level": "DEBUG"}

    assert "pydantic" not in sys.modules
    assert function.instance().valves.level == "DEBUG"
    assert function.instance().UserValves().level == "INHERIT"
