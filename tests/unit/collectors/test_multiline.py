"""Which lines are one entry."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steno.collectors.kubernetes_lines import Line
from steno.collectors.multiline import MOST_CHARACTERS, MOST_LINES, Joiner

PYTHON = """\
Traceback (most recent call last):
  File "a.py", line 1, in <module>
    f()
KeyError: 'x'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "a.py", line 3, in <module>
    g()
ValueError: y"""

JAVA = """\
java.lang.IllegalStateException: no
\tat com.example.A.f(A.java:10)
\tat com.example.Main.main(Main.java:3)
Caused by: java.io.IOException: disk
\tat com.example.B.g(B.java:7)
\t... 2 more"""

GO = """\
panic: runtime error: index out of range [3] with length 3

goroutine 1 [running]:
main.(*server).handle(0xc000012345, {0x1, 0x2})
\t/app/main.go:12 +0x1d
main.main()
\t/app/main.go:5 +0x20
exit status 2"""

NODE = """\
TypeError: x is not a function
    at f (/app/a.js:1:2)
    at Object.<anonymous> (/app/a.js:3:4)"""

GROUP = """\
Traceback (most recent call last):
  + Exception Group Traceback (most recent call last):
  |   File "a.py", line 1, in <module>
  | ExceptionGroup: two (2 sub-exceptions)
ExceptionGroup: two (2 sub-exceptions)"""


def join(text, **options):
    joiner = Joiner(**options)
    lines = [Line(number, message) for number, message in enumerate(text.split("\n"))]
    return [*joiner.feed(lines), *joiner.flush()]


@pytest.mark.parametrize("text", [PYTHON, JAVA, GO, NODE, GROUP])
def test_traces(text):
    """A trace is one entry, and the lines around it are their own."""
    entries = join(f"before\n{text}\nafter")

    assert [entry.message for entry in entries] == ["before", text, "after"]
    assert entries[1].lines == text.count("\n") + 1
    assert entries[1].at == 1


def test_two_traces():
    """Two traces one after the other are two entries."""
    assert [entry.message for entry in join(f"{JAVA}\n{JAVA}")] == [JAVA, JAVA]


def test_empty_lines():
    """An empty line that nothing continues behind is an entry of its own."""
    text = "Traceback (most recent call last):\n  x\nE: y\n\nafter"

    assert [entry.message for entry in join(text)] == [text[:-7], "", "after"]


def test_apart():
    """Where lines are not joined, each is an entry."""
    assert len(join(JAVA, join=False)) == JAVA.count("\n") + 1


def test_bounds():
    """An entry is bounded in lines and in characters."""
    many = join("\n".join(["begin", *["  x"] * 5000]))
    large = join("\n".join(["begin", *["  " + "x" * 10_000] * 100]))

    assert max(entry.lines for entry in many) <= MOST_LINES
    assert sum(entry.lines for entry in many) == 5001
    assert max(len(entry.message) for entry in large) <= MOST_CHARACTERS
    assert sum(entry.lines for entry in large) == 101


def test_held():
    """What might go on is held back until it is asked for, and then begins anew."""
    joiner = Joiner()

    assert list(joiner.feed([Line(1, "a")])) == []
    assert joiner.holds
    assert [entry.message for entry in joiner.flush()] == ["a"]
    assert not joiner.holds


def test_cut():
    """What was left out of its lines was left out of an entry."""
    joiner = Joiner()

    (entry,) = [*joiner.feed([Line(1, "a", 5), Line(2, " b", 7)]), *joiner.flush()]

    assert entry.cut == 12


@given(
    st.lists(st.sampled_from([*PYTHON.split("\n"), *JAVA.split("\n"), *GO.split("\n"), "plain"])),
    st.lists(st.integers(0, 20)),
)
def test_nothing_is_lost(messages, cuts):
    """However lines come, in whatever order, all of them are in the entries, in that order."""
    joiner, entries = Joiner(), []
    lines = [Line(number, message) for number, message in enumerate(messages)]
    for size in [*cuts, len(lines)]:
        entries += joiner.feed(lines[:size])
        lines = lines[size:]
    entries += joiner.flush()

    assert "\n".join(entry.message for entry in entries) == "\n".join(messages)
    assert sum(entry.lines for entry in entries) == len(messages)
