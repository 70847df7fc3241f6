"""What was found is added up."""

from collections import Counter

from steno.transcripts.importers.tallies import Tally


def test_add():
    """Tallies of several conversations add up, kind by kind."""
    total = Tally(entries=1, kinds=Counter(a=1))
    total.add(Tally(entries=2, kinds=Counter(a=1, b=3), output_tokens=7))

    assert (total.entries, total.output_tokens) == (3, 7)
    assert total.kinds == {"a": 2, "b": 3}
