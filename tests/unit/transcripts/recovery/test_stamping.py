"""Keys written into transcripts."""

import io
import json
import os
import subprocess
import sys

import pytest

import steno
from steno.errors import TranscriptError
from steno.storage.compressed import PackedText, load_zstd
from steno.transcripts.recovery import stamping
from steno.transcripts.recovery.recovering import recover

KEY = "agent:main:main"


def recovered(sessions, *, store=True):
    """Recover the folder; the index knows all three ids."""
    if store:
        sessions.index({f"{KEY}{n or ''}": {"sessionId": i} for n, i in enumerate(sessions.ids)})
    done = recover([sessions.path])
    return list(zip(done.found, done.verdicts, done.readings, strict=True))


def stamp(sessions, target):
    """Stamp a copy of the only transcript."""
    ((found, verdict, reading),) = recovered(sessions)
    return stamping.stamp_copy(found, verdict, reading, str(target))


class TestCopies:
    """Stamped copies."""

    def test_every_other_byte(self, sessions, tmp_path):
        """The copy has every byte of its source but for the fields in its header."""
        rest = b'\x00\x00\xff{"torn\n{}{}\n' + "ä".encode() * 9 + b'\n{"last'
        path = sessions.live(sessions.ids[0], rest)
        before = path.read_bytes()

        done = stamp(sessions, tmp_path / "out" / "copy.jsonl")

        assert done.outcome == stamping.STAMPED
        copy = (tmp_path / "out" / "copy.jsonl").read_bytes()
        added = b',"sessionKey":"agent:main:main","agentId":"main"'
        assert copy.count(added) == 1
        assert copy.replace(added, b"") == before == path.read_bytes()

    def test_mode_and_time(self, sessions, tmp_path):
        """The copy has its source's permissions and time."""
        path = sessions.live(sessions.ids[0])
        path.chmod(0o640)

        stamp(sessions, tmp_path / "copy.jsonl")

        status, source = (tmp_path / "copy.jsonl").stat(), path.stat()
        assert (status.st_mode, status.st_mtime_ns) == (source.st_mode, source.st_mtime_ns)

    def test_a_header_behind_a_title(self, sessions, tmp_path):
        """A header is stamped where it stands; the line before it keeps its length."""
        title = '{"type":"title","v":1}'.ljust(255) + "\n"
        sessions.write(f"{sessions.ids[0]}.jsonl", title, sessions.header(sessions.ids[0]))

        stamp(sessions, tmp_path / "copy.jsonl")

        first, second = (tmp_path / "copy.jsonl").read_text().splitlines()
        assert first + "\n" == title
        assert json.loads(second)["sessionKey"] == KEY

    @pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
    def test_no_header(self, sessions, tmp_path, mark):
        """A transcript without a header gets one, with the time of its first line."""
        body = sessions.user("hi").encode()
        sessions.write(f"{sessions.ids[0]}.jsonl", mark, body)

        stamp(sessions, tmp_path / "copy.jsonl")

        copy = (tmp_path / "copy.jsonl").read_bytes()
        header, rest = copy.removeprefix(mark).split(b"\n", 1)
        assert rest == body
        assert copy.startswith(mark)
        assert json.loads(header) == {
            "type": "session", "version": 3, "id": sessions.ids[0], "sessionKey": KEY,
            "agentId": "main", "timestamp": "2026-01-01T00:00:01.000Z",
        }  # fmt: skip

    def test_compressed(self, sessions, tmp_path):
        """A compressed transcript is stamped in its compressed form."""
        text = (sessions.header(sessions.ids[0]) + sessions.user("hi" * 9999)).encode()
        sessions.write(f"{sessions.ids[0]}.jsonl.zst", load_zstd().compress(text))

        done = stamp(sessions, tmp_path / "copy.jsonl.zst")

        assert done.outcome == stamping.STAMPED
        with io.BufferedReader(PackedText(tmp_path / "copy.jsonl.zst")) as file:
            copy = file.read()
        assert copy.replace(b',"sessionKey":"agent:main:main","agentId":"main"', b"") == text

    def test_nothing_is_overwritten(self, sessions, tmp_path):
        """What stands in the place of a copy stays, and no temporary file is left."""
        sessions.live(sessions.ids[0])
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "copy.jsonl").write_text("mine")

        assert stamp(sessions, tmp_path / "out" / "copy.jsonl").outcome == stamping.SKIPPED
        assert [each.name for each in (tmp_path / "out").iterdir()] == ["copy.jsonl"]
        assert (tmp_path / "out" / "copy.jsonl").read_text() == "mine"

    def test_written_to_meanwhile(self, sessions, tmp_path):
        """A source that has grown since it was read gives no copy."""
        path = sessions.live(sessions.ids[0])
        ((found, verdict, reading),) = recovered(sessions)
        with path.open("a") as file:
            file.write("{}\n")

        done = stamping.stamp_copy(found, verdict, reading, str(tmp_path / "copy.jsonl"))

        assert done.outcome == stamping.SKIPPED
        assert "written to" in done.reason
        assert not (tmp_path / "copy.jsonl").exists()

    def test_no_place(self, sessions, tmp_path):
        """A place where nothing can be written is a failure with its reason."""
        sessions.live(sessions.ids[0])
        (tmp_path / "file").write_text("")

        assert stamp(sessions, tmp_path / "file" / "copy.jsonl").outcome == stamping.FAILED


class TestInPlace:
    """Transcripts that are replaced by their stamped form."""

    def test_the_original_is_kept(self, sessions):
        """The original has another name, the transcript its key, and the next run leaves both."""
        path = sessions.live(sessions.ids[0], sessions.user("hi"))
        before, status = path.read_bytes(), path.stat()
        ((found, verdict, reading),) = recovered(sessions)

        assert stamping.stamp_in_place(found, verdict, reading).outcome == stamping.STAMPED

        assert (path.parent / f"{path.name}.orig").read_bytes() == before
        assert path.stat().st_mtime_ns == status.st_mtime_ns
        ((found, verdict, reading),) = recovered(sessions)
        assert verdict.identified_by == "header"
        assert stamping.why_not(verdict, reading, 0) == "its header has a key already"
        assert {each.name for each in path.parent.iterdir()} == {
            path.name, f"{path.name}.orig", "sessions.json",
        }  # fmt: skip

    def test_compressed(self, sessions):
        """A compressed transcript stays compressed, and so does its original."""
        packed = load_zstd().compress(sessions.header(sessions.ids[0]).encode())
        path = sessions.write(f"{sessions.ids[0]}.jsonl.zst", packed)
        ((found, verdict, reading),) = recovered(sessions)

        assert stamping.stamp_in_place(found, verdict, reading).outcome == stamping.STAMPED

        assert (path.parent / f"{path.name}.orig").read_bytes() == packed
        ((_, verdict, _),) = recovered(sessions)
        assert (verdict.identified_by, verdict.path) == ("header", str(path))

    def test_another_original(self, sessions):
        """Where another original is kept, nothing is done."""
        path = sessions.live(sessions.ids[0])
        sessions.write(f"{path.name}.orig", "mine")
        ((found, verdict, reading),) = recovered(sessions)

        assert stamping.stamp_in_place(found, verdict, reading).outcome == stamping.SKIPPED
        assert "sessionKey" not in path.read_text()
        assert (path.parent / f"{path.name}.orig").read_text() == "mine"

    def test_after_a_stamping_that_was_cut_short(self, sessions):
        """A second name that an interrupted run has left is no obstacle."""
        path = sessions.live(sessions.ids[0])
        ((found, verdict, reading),) = recovered(sessions)
        os.link(path, f"{path}.orig")

        assert stamping.stamp_in_place(found, verdict, reading).outcome == stamping.STAMPED
        assert "sessionKey" not in (path.parent / f"{path.name}.orig").read_text()

    def test_two_at_once(self, sessions):
        """Of two that stamp the same transcript, one does."""
        sessions.live(sessions.ids[0])
        ((found, verdict, reading),) = recovered(sessions)

        done = [stamping.stamp_in_place(found, verdict, reading) for _ in range(2)]

        assert [each.outcome for each in done] == [stamping.STAMPED, stamping.SKIPPED]
        assert (sessions.path / found.relative).read_text().count("sessionKey") == 1

    def test_a_writer_that_has_it_open(self, sessions):
        """What is written after the copy was made is noticed, and the original put back."""
        path = sessions.live(sessions.ids[0])
        before = path.read_bytes()
        ((found, verdict, reading),) = recovered(sessions)
        os.link(path, f"{path}.orig")  # as in the moment between the second name and the first
        with path.open("ab") as writer:
            with stamping._stamped(found, verdict, reading, str(path)) as temporary:
                os.rename(temporary, path)
            writer.write(b'{"late":1}\n')
        with pytest.raises(stamping._Changed):
            stamping._put_back_changed(str(path), f"{path}.orig", found)

        assert path.read_bytes() == before + b'{"late":1}\n'


class TestChoice:
    """What is stamped at all."""

    def test_what_is_not(self, sessions):
        """Unknown, unsure, unreadable and busy transcripts are left alone, each with its reason."""
        job = "dddddddd-1111-4111-8111-111111111111"
        sessions.live(sessions.ids[0])
        sessions.write(f"{sessions.ids[1]}.jsonl.lock", json.dumps({"pid": os.getpid()}))
        sessions.live(sessions.ids[1], sessions.user(f"[cron:{job} n] go"))
        sessions.live(sessions.ids[2], sessions.user("x" * 100_000))
        whole = load_zstd().compress((sessions.path / f"{sessions.ids[2]}.jsonl").read_bytes())
        (sessions.path / f"{sessions.ids[2]}.jsonl").unlink()
        sessions.write(f"{sessions.ids[2]}.jsonl.zst", whole[:-9])
        (_, unknown, one), (_, computed, two), (_, _, _) = recovered(sessions, store=False)
        (_, known, three), (_, busy, four), (_, broken, five) = recovered(sessions)

        assert stamping.why_not(unknown, one, 0) == "nobody knows who it is"
        assert "below 1: 0.9" in stamping.why_not(computed, two, 1)
        assert "holds its lock" in stamping.why_not(computed, two, 0.9)
        assert stamping.why_not(known, three, 1) is None
        assert "holds its lock" in stamping.why_not(busy, four, 1)
        assert "compression is damaged" in stamping.why_not(broken, five, 1)

    def test_places_of_copies(self, sessions):
        """A copy has its source's path below the destination; with several folders, their names."""
        sessions.live(sessions.ids[0])
        (found,) = recover([sessions.state]).found
        root = str(sessions.state)

        below = f"agents/main/sessions/{sessions.ids[0]}.jsonl"
        assert stamping.target_of(found, [root], "/out") == f"/out/{below}"
        assert stamping.target_of(found, [root, "/y"], "/out") == f"/out/state/{below}"

    def test_copies_among_the_transcripts(self, sessions, tmp_path):
        """A destination in a folder that is only read is refused, through a link too."""
        os.symlink(sessions.path, tmp_path / "link")
        for destination in (sessions.path, sessions.path / "x", tmp_path / "link" / "x"):
            with pytest.raises(TranscriptError, match="only read"):
                stamping.check_destination([str(sessions.path)], str(destination))
        stamping.check_destination([str(sessions.path)], str(tmp_path / "out"))


def test_what_a_killed_stamping_left_is_removed(tmp_path):
    """Temporary files of a process that is gone go; those of one that lives, and others, stay."""
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    left = [f".a.jsonl.{child.pid}-0123abcd.tmp", f".b.jsonl.zst.{child.pid}-0123abcd.tmp.text"]
    kept = [f".a.jsonl.{os.getpid()}-0123abcd.tmp", "a.jsonl", ".a.tmp", f".{child.pid}-x.tmp"]
    for name in (*left, *kept):
        (tmp_path / name).touch()
    (tmp_path / f".folder.{child.pid}-0123abcd.tmp").mkdir()

    stamping.clear_leftovers(str(tmp_path))
    stamping.clear_leftovers(str(tmp_path / "nowhere"))

    assert not {each.name for each in tmp_path.iterdir()} & set(left)
    assert {each.name for each in tmp_path.iterdir()} >= set(kept)
    assert (tmp_path / f".folder.{child.pid}-0123abcd.tmp").is_dir()


def test_a_transcript_that_a_recorder_holds(tmp_path):
    """What a living recorder has open is left alone, however long nothing was written to it."""
    with steno.open(tmp_path) as recorder:
        session = recorder.session("quiet")
        recorder.flush()
        (path,) = tmp_path.glob("sessions/*/quiet.jsonl")
        os.utime(path, (1e9, 1e9))
        (path.parent / "sessions.json").write_text(json.dumps({KEY: {"sessionId": "quiet"}}))
        done = recover([path.parent])
        reason = stamping.why_not(done.verdicts[0], done.readings[0], 1.0)
        assert (done.verdicts[0].session_key, reason) == (KEY, "a living recorder holds it")
        session.snapshot()
    os.utime(path, (1e9, 1e9))
    done = recover([path.parent])

    assert stamping.why_not(done.verdicts[0], done.readings[0], 1.0) is None
