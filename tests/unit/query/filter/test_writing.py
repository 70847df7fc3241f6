"""A tree to its text."""

import pytest

from steno.query.filter.parsing import parse_filter
from steno.query.filter.writing import format_filter


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("  model:claude*   tokens>10k ", "model:claude* tokens>10000"),
        ("duration>2s", "duration>2000ms"), ("ttft:0", "ttft=0"),
        ('"connection reset"', '"connection reset"'), ('"reset"', "reset"),
        ('"failed" state:failed', '"failed" failed'), ("state:ok,failed", "state:ok,failed"),
        ("(a or b) c", "(a or b) c"), ("a or (b c)", "a or b c"), ("not (a or b)", "-(a or b)"),
        ('model:"a \\"b"*', 'model:"a \\"b"*'), ("model!=x", "-model:x"), ("", ""),
        ("since:yesterday", "since:yesterday"),
    ],
)  # fmt: skip
def test_written(text, written):
    """A filter is written in its shortest form, which reads as the same."""
    tree = parse_filter(text)

    assert format_filter(tree) == written
    assert parse_filter(written) == tree
