"""Where a log is taken up, and which of its lines have come before."""

from hypothesis import given
from hypothesis import strategies as st

from steno.collectors.kubernetes_lines import Line
from steno.collectors.kubernetes_place import Place

SECOND = 10**9


def replay(lines, since):
    """Give the lines as a node does, from a second on."""
    return [line for line in lines if since is None or line.at // SECOND >= since]


def seconds(place):
    """Return the second that the place asks for; the tests begin at 1970."""
    since = place.since_time
    return None if since is None else int(since[14:16]) * 60 + int(since[17:19])


@given(
    st.lists(st.tuples(st.integers(0, 20), st.integers(-3, 3)), max_size=60),
    st.lists(st.integers(0, 60), max_size=5),
)
def test_exact(steps, breaks):
    """Wherever a log breaks, each line comes once: equal ones, and those out of order, too."""
    now, lines = 5 * SECOND, []
    for number, (step, jitter) in enumerate(steps):
        now += step * 100_000_000
        # Within its second, a line may carry an earlier time than the one before.
        at = max(now + jitter * 10_000_000, now - now % SECOND)
        lines.append(Line(at, str(number % 3)))
    place, seen = Place(), []

    for end in [*breaks, None]:
        place.replay()
        since = seconds(place)
        rest = replay(lines, since)
        for line in rest if end is None else rest[:end]:
            if place.is_new(line):
                seen.append(line)

    late = [line for line in lines if line not in seen]
    assert not late
    assert len(seen) == len(lines)


def test_rotated():
    """Where the first line is another one than before, what is later is taken."""
    place = Place()
    lines = [Line(5 * SECOND + number, str(number)) for number in range(10)]
    for line in lines[:6]:
        place.is_new(line)
    place.replay()

    assert [line.message for line in lines[3:] if place.is_new(line)] == ["6", "7", "8", "9"]


def test_beginning():
    """Before the first line there is nothing to take up."""
    place = Place()
    place.replay()

    assert place.since_time is None
    assert place.is_new(Line(7, "a"))
    assert place.since_time == "1970-01-01T00:00:00Z"


def test_without_time():
    """What the node says itself is said once, not with each replay."""
    place = Place()
    place.replay()

    assert place.is_new(Line(None, "unable to retrieve container logs"))
    place.is_new(Line(5, "a"))
    place.replay()
    assert not place.is_new(Line(None, "unable to retrieve container logs"))
