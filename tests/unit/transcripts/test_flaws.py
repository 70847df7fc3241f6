"""What is not as it should be in a file, gathered within bounds."""

from steno.transcripts.flaws import MANY, MAX_FLAWS, Flaw, Flaws


def gather(*added):
    """Add flaws to a list, and return it."""
    found = []
    flaws = Flaws(found)
    for each in added:
        flaws.add(*each)
    return found


def test_kept():
    """A flaw is kept as it is told."""
    assert gather((3, 4, "torn", 4, "why")) == [Flaw(3, 4, "torn", 4, "why")]


def test_stretches():
    """Flaws of one kind on lines that follow each other are one, whatever ends the lines."""
    assert gather((0, 5, "syntax", 5), (6, 2, "syntax", 2), (10, 1, "syntax", 1)) == [
        Flaw(0, 11, "syntax", 8)
    ]


def test_apart():
    """Flaws of two kinds, of two places, or torn lines are several."""
    assert len(gather((0, 5, "syntax", 5), (6, 2, "nul", 2), (20, 1, "nul", 1))) == 3
    assert len(gather((0, 5, "torn", 5), (6, 2, "torn", 2))) == 2
    assert len(gather((0, 5, "syntax", 5), (6, 2, "syntax", 0))) == 2


def test_bounded():
    """Beyond the bound the last flaw stands for the rest, and counts what they lost."""
    found = gather(*((at * 10, 3, "torn", 3, "why") for at in range(MAX_FLAWS + 50)))

    assert len(found) == MAX_FLAWS
    assert found[-1] == Flaw((MAX_FLAWS - 1) * 10, 503, "torn", 3 * 51, MANY)


def test_shared():
    """A list may hold the flaws of other files: they are left alone, and don't count."""
    found = [Flaw(0, 5, "syntax", 5)] * MAX_FLAWS
    flaws = Flaws(found)
    flaws.add(6, 2, "syntax", 2)

    assert found == [Flaw(0, 5, "syntax", 5)] * MAX_FLAWS + [Flaw(6, 2, "syntax", 2)]
