"""What goes and why: the pure plan."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steno.retention.plan import (
    ARCHIVE,
    COMPRESS,
    DELETE,
    GIB,
    TIDY,
    TRANSCRIPT,
    Found,
    Rules,
    plan,
)

NOW = 1_800_000_000.0
DAY = 86_400


def found(path="a", days=0.0, size=10, kind=TRANSCRIPT, **more):
    """Make a file of an age."""
    modified_ns = int((NOW - days * DAY) * 1e9)
    return Found(kind=kind, path=path, size=size, modified_ns=modified_ns, **more)


def steps(files, held=(), **rules):
    """Plan, and tell the steps shortly."""
    made = plan(files, Rules(**rules), NOW, dict.fromkeys(held, "hold"))
    return [(step.action, step.file.path) for step in made.steps]


def test_nothing_by_default():
    """Without a rule nothing goes, however old and large it is."""
    files = [found(days=9999, size=1 << 60), found("z", 9999, kind=ARCHIVE)]

    assert not Rules()
    assert steps(files) == []


def test_age():
    """A transcript goes when its last event is older than the limit, and not before."""
    files = [found("old", 30.001), found("exact", 30), found("young", 29.9)]

    assert steps(files, max_age_days=30) == [(DELETE, "old")]


def test_compress():
    """What is quiet for long enough is compressed, once; what is too old is deleted instead."""
    files = [
        found("old", 40),
        found("quiet", 10),
        found("packed", 10, packed=True),
        found("new", 1),
    ]

    assert steps(files, max_age_days=30, compress_after_days=7) == [
        (DELETE, "old"), (COMPRESS, "quiet"),
    ]  # fmt: skip


def test_size():
    """Beyond the limit the oldest go first, and no more than need be."""
    files = [found("b", 2, GIB), found("a", 3, GIB), found("c", 1.5, GIB), found("d", 1.2, GIB)]

    made = plan(files, Rules(max_total_bytes=2 * GIB), NOW, {})

    assert [step.file.path for step in made.steps] == ["a", "b"]
    assert (made.total, made.left) == (4 * GIB, 2 * GIB)
    assert made.steps[0].why == "the oldest beyond 2 GiB"


def test_size_comes_last():
    """What goes for its age makes room first; what is to be compressed may go for the total."""
    files = [found("old", 40, GIB), found("quiet", 10, GIB), found("new", 1, GIB)]

    assert steps(files, max_age_days=30, compress_after_days=7, max_total_bytes=2 * GIB) == [
        (DELETE, "old"),
        (COMPRESS, "quiet"),
    ]
    assert steps(files, max_age_days=30, compress_after_days=7, max_total_bytes=GIB) == [
        (DELETE, "old"),
        (DELETE, "quiet"),
    ]


def test_archives():
    """Archives go by their own rule, and count for no total of transcripts."""
    files = [found("z", 91, GIB, ARCHIVE), found("y", 89, GIB, ARCHIVE), found("t", 100)]

    assert steps(files, archive_days=90, max_total_bytes=GIB) == [(DELETE, "z")]
    assert steps(files, max_age_days=90) == [(DELETE, "t")]


def test_protected():
    """What is held, in use, awaited or foreign stays, and it is said why, once."""
    files = [
        found("held", 40), found("live", 40, in_use="written to"), found("foreign", 40, ours=False),
        found("awaited", 10, awaited=True), found("heldzip", 99, kind=ARCHIVE),
    ]  # fmt: skip

    made = plan(
        files,
        Rules(max_age_days=30, compress_after_days=7, archive_days=90, max_total_bytes=1),
        NOW,
        {"held": "case 1", "heldzip": "case 2"},
    )

    why = {each.file.path: each.why for each in made.kept}
    assert why["held"] == "held: case 1"
    assert why["heldzip"] == "held: case 2"
    assert why["live"] == "written to"
    assert "did not write" in why["foreign"]
    assert len(made.kept) == len(why)
    # What a dead recorder left is not compressed, but the total is a limit for it too.
    assert [(step.action, step.file.path) for step in made.steps] == [(DELETE, "awaited")]
    assert steps([found("awaited", 10, awaited=True)], compress_after_days=7) == []


def test_future():
    """A time of change in the future, where a clock was put back, makes nothing old."""
    assert steps([found("f", -4000)], max_age_days=1, compress_after_days=1) == []


def test_copy():
    """A copy that a killed process has left is tidied up, and goes with what is deleted."""
    file = found("a", 10, copy=5)

    assert steps([file], max_age_days=30) == [(TIDY, "a")]
    assert steps([file], max_age_days=5) == [(DELETE, "a")]
    assert steps([file], archive_days=5) == []
    assert plan([file], Rules(max_age_days=5), NOW, {}).total == 15


def test_parts():
    """The rules are taken apart for transcripts, archives and the total."""
    rules = Rules(max_age_days=1, max_total_bytes=2, compress_after_days=3, archive_days=4)

    assert rules.of_archives == Rules(archive_days=4)
    assert rules.of_size == Rules(max_total_bytes=2)
    assert rules.of_transcripts.archive_days is None
    assert rules.of_archives.keep_transcripts
    assert not rules.keep_transcripts
    assert rules


FILES = st.lists(
    st.builds(
        lambda path, days, size, flags, copy, kind: found(
            f"f{path}", days, size, kind, in_use="live" if "live" in flags else "",
            ours="foreign" not in flags, packed="packed" in flags, awaited="awaited" in flags,
            copy=copy,
        ),
        st.integers(0, 10_000),
        st.floats(-10, 100),
        st.integers(0, 1000),
        st.sets(st.sampled_from(["live", "foreign", "packed", "awaited"]), max_size=2),
        st.one_of(st.none(), st.none(), st.integers(0, 100)),
        st.sampled_from([TRANSCRIPT, TRANSCRIPT, ARCHIVE]),
    ),
    max_size=40,
    unique_by=lambda file: file.path,
)  # fmt: skip
DAYS = st.one_of(st.none(), st.integers(1, 60))
RULES = st.builds(
    Rules, max_age_days=DAYS, compress_after_days=DAYS, archive_days=DAYS,
    max_total_bytes=st.one_of(st.none(), st.integers(0, 5000)),
)  # fmt: skip


@given(FILES, RULES, st.data())
def test_laws(files, rules, data):
    """Whatever there is: the protected stay, the oldest go first, the rest fits if it can."""
    held = (
        dict.fromkeys(data.draw(st.sets(st.sampled_from([each.path for each in files]))), "h")
        if files
        else {}
    )

    made = plan(files, rules, NOW, held)

    touched = [step.file for step in made.steps]
    protected = [f for f in files if f.path in held or f.in_use or not f.ours]
    assert not {file.path for file in touched} & {file.path for file in protected}
    assert len({file.path for file in touched}) == len(touched)
    gone = {step.file.path for step in made.steps if step.action == DELETE}
    ours = [file for file in files if file.kind == TRANSCRIPT and file.ours]
    assert made.total == sum(file.bytes for file in ours)
    assert made.left == sum(file.bytes for file in ours if file.path not in gone)
    stays = [file for file in ours if file.path not in gone and file not in protected]
    if rules.max_total_bytes is not None:
        assert made.left <= rules.max_total_bytes or not stays
    # Nothing younger goes while something older stays that might have gone.
    for file in ours:
        if file.path in gone:
            assert all(each.modified_ns >= file.modified_ns for each in stays)
    if rules == Rules():
        assert not made.steps
    assert not any(step.action == COMPRESS and step.file.awaited for step in made.steps)


@given(FILES, RULES)
def test_same_plan(files, rules):
    """The order in which files are listed changes nothing."""
    assert plan(files, rules, NOW, {}) == plan(files[::-1], rules, NOW, {})


@pytest.mark.parametrize(("days", "said"), [(1, "a day"), (2, "2 days")])
def test_words(days, said):
    """The reason is one that a person reads."""
    made = plan([found(days=99)], Rules(max_age_days=days), NOW, {})

    assert made.steps[0].why == f"no event for {said}"
