"""Clean copies of damaged transcripts."""

from steno.storage.compressed import load_zstd
from steno.transcripts.recovery.mending import mend
from steno.transcripts.recovery.recovering import recover


def mended(sessions, tmp_path, **options):
    """Repair what is damaged in the folder."""
    done = recover([sessions.path])
    return mend(done, [str(sessions.path)], str(tmp_path / "clean"), **options)


def test_what_is_damaged(sessions, tmp_path):
    """A damaged transcript gets a clean copy, one that is whole does not."""
    sessions.live(sessions.ids[0], sessions.user("hi"), '{"torn')
    sessions.live(sessions.ids[1], sessions.user("hi"))

    first, second = mended(sessions, tmp_path)

    assert (first.outcome, second) == ("repaired", None)
    assert (first.report.values, first.report.lost) == (2, 6)
    copy = (tmp_path / "clean" / f"{sessions.ids[0]}.jsonl").read_text()
    assert copy == sessions.header(sessions.ids[0]) + sessions.user("hi")


def test_lines_that_stand_twice(sessions, tmp_path):
    """A line that stands twice is whole, and is no damage to be cut."""
    twice = sessions.user("the same thing is said once more, a little later")
    sessions.live(sessions.ids[0], twice, twice)

    assert mended(sessions, tmp_path) == [None]


def test_a_dry_run(sessions, tmp_path):
    """A dry run says what would be, and writes nothing."""
    sessions.live(sessions.ids[0], '{"torn')

    assert mended(sessions, tmp_path, dry_run=True)[0].outcome == "planned"
    assert not (tmp_path / "clean").exists()


def test_compressed(sessions, tmp_path):
    """The copy of a compressed transcript is plain."""
    text = (sessions.header(sessions.ids[0]) + '{"torn').encode()
    sessions.write(f"{sessions.ids[0]}.jsonl.zst", load_zstd().compress(text))

    assert mended(sessions, tmp_path)[0].outcome == "repaired"
    copy = tmp_path / "clean" / f"{sessions.ids[0]}.jsonl"
    assert copy.read_text() == sessions.header(sessions.ids[0])


def test_what_stands_in_the_way(sessions, tmp_path):
    """A file in the place of a copy stays; both forms of one name are told apart."""
    torn = (sessions.header(sessions.ids[0]) + '{"torn').encode()
    sessions.write(f"{sessions.ids[0]}.jsonl", torn)
    sessions.write(f"{sessions.ids[0]}.jsonl.zst", load_zstd().compress(torn))
    (tmp_path / "clean").mkdir()
    (tmp_path / "clean" / f"{sessions.ids[0]}.jsonl").write_text("mine")

    assert [each.outcome for each in mended(sessions, tmp_path)] == ["skipped", "skipped"]
    assert (tmp_path / "clean" / f"{sessions.ids[0]}.jsonl").read_text() == "mine"


def test_no_place(sessions, tmp_path):
    """A place where nothing can be written is a failure with its reason."""
    sessions.live(sessions.ids[0], '{"torn')
    (tmp_path / "clean").write_text("")

    (failed,) = mended(sessions, tmp_path)

    assert failed.outcome == "failed"
    assert failed.reason
