"""The words around what was found."""

import steno
from steno.query.filter.parsing import parse_filter
from steno.query.finding import open_finder
from steno.query.snippets import wanted_texts


def snippets(home, text):
    """Give the snippets of a filter."""
    tree = parse_filter(text)
    with open_finder(home / "sessions.db", home / "sessions", home / "search.db", tree) as finder:
        return [row.snippet for row in finder.find_requests(tree).rows]


def record(home, text):
    """Record one request."""
    with steno.open(home) as recorder, recorder.session("s") as session:
        with session.request(model="m", text=text) as request:
            request.response(text="fine")
        assert recorder.flush()


def test_marks(home):
    """A snippet is the words around, and tells where among them the match is."""
    record(home, "x " * 200 + "the Connection reset by peer came late" + " y" * 200)
    (snippet,) = snippets(home, '"connection reset"')

    (begin, end), *others = snippet.marks
    assert snippet.part == "request"
    assert snippet.text[begin:end] == "Connection reset"
    assert len(snippet.text) < 200
    assert others == []


def test_hostile(home):
    """Control characters of a text can't pass for marks, and scripts without blanks come back."""
    record(home, "a\x02b\x03 needle \u65e5\u672c\u8a9e")
    (snippet,) = snippets(home, "needle")
    (other,) = snippets(home, "\u672c\u8a9e")

    assert [snippet.text[slice(*mark)] for mark in snippet.marks] == ["needle"]
    assert "\x02" not in snippet.text
    assert "\u65e5\u672c\u8a9e" in other.text


def test_a_transcript_that_went_in_the_meantime(home):
    """Where the text is gone there is no snippet, and no error."""
    record(home, "needle")
    tree = parse_filter("needle")
    with open_finder(home / "sessions.db", home / "sessions", home / "search.db", tree) as finder:
        (path,) = home.glob("sessions/*/s.jsonl")
        path.unlink()
        (row,) = finder.find_requests(tree).rows

    assert row.snippet is None


def test_only_what_is_demanded():
    """What must not be there is not looked for."""
    assert [each.text for each in wanted_texts(parse_filter("a -b (c or not d)"))] == ["a", "c"]
