"""Calls of tools and their results find each other."""

from steno.transcripts.importers.calls import Calls
from steno.transcripts.importers.model import Call, Returned


def test_by_id():
    """A result names its call."""
    calls = Calls()
    calls.add((Call("look", "c1"),), "r1", None)

    assert calls.find(Returned(call_id="c1")) == ("c1", "r1", "look", None)
    assert calls.find(Returned(call_id="c2")) is None


def test_ids_of_ours():
    """Calls without ids are told apart by their place in the reply; others keep theirs."""
    given = Calls().name((Call("look"), Call("dig", "c1"), Call("look")), "r1", 2)

    assert [call.id for call in given] == ["r1-call-3", "c1", "r1-call-5"]


def test_without_ids():
    """A result without an id is that of the first call of its tool that has none yet."""
    calls = Calls()
    calls.add(calls.name((Call("look"), Call("look")), "r1", 0), "r1", None)

    found = [calls.find(Returned(name=name)) for name in ("look", "", "look")]
    assert [each and each.id for each in found] == ["r1-call-1", "r1-call-2", None]


def test_copies():
    """A call of a copied reply tells whose it is."""
    calls = Calls()
    calls.add((Call("look", "c1"),), "r1", "parent")

    assert calls.find(Returned(call_id="c1")).owner == "parent"
