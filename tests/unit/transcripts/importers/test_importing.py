"""Files become sessions, once, and whatever goes wrong is in the report."""

import json
import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

import steno
from steno.query.reindex import reindex
from steno.transcripts.finding import find_transcripts
from steno.transcripts.importers.importing import Importer, learn_claims, session_name
from steno.transcripts.importers.landing import Landing
from steno.transcripts.importers.ledger import Ledger
from steno.transcripts.importers.registry import load_format
from steno.transcripts.reader import read_header

DATA = Path(__file__).parents[3] / "data" / "imports"
CLAUDE = DATA / "claude-code"


class Home:
    """A home into which things are imported."""

    def __init__(self, path):
        self.path = path
        self.index = path / "sessions.db"
        self.sessions = path / "sessions"

    def run(self, *paths, **options):
        """Import, and return the reports by name of file."""
        landing = Landing(self.sessions, self.index)
        ledger = Ledger(self.path / "imports.db")
        try:
            if ledger.is_new:
                learn_claims(find_transcripts(self.sessions), ledger, lambda: None)
            importer = Importer(landing, ledger, **options)
            found = [importer.run(each) for each in importer.find(paths)]
        finally:
            ledger.close()
            landing.close()
        return {os.path.basename(report.path): report for report in found}

    def ask(self, statement):
        """Ask the index."""
        with closing(sqlite3.connect(self.index)) as connection:
            return connection.execute(statement).fetchall()

    def transcripts(self):
        """Read all transcripts."""
        return {path.name: path.read_bytes() for path in find_transcripts(self.sessions)}

    @property
    def output_tokens(self):
        """Sum up what all sessions count."""
        return self.ask("SELECT SUM(output_tokens) FROM session_stats")[0][0]


@pytest.fixture
def home(tmp_path):
    """A new home."""
    return Home(tmp_path / "home")


def test_counts(home):
    """The greatest count of each reply is believed: 43,894, where the first ones are 505."""
    (report,) = home.run(CLAUDE / "counts").values()

    assert (report.status, report.tally.output_tokens) == ("imported", 43_894)
    assert home.output_tokens == 43_894


def test_twice(home):
    """Importing twice changes nothing, with the ledger, without it, and asked to read again."""
    first = home.run(DATA / "claude-code")
    before, tokens = home.transcripts(), home.output_tokens
    assert any(report.tally.new for report in first.values())

    assert {each.status for each in home.run(DATA / "claude-code").values()} <= {
        "unchanged", "skipped",
    }  # fmt: skip
    again = home.run(DATA / "claude-code", again=True)
    assert {each.tally.new for each in again.values()} == {0}
    (home.path / "imports.db").unlink()
    lost = home.run(DATA / "claude-code")
    assert {each.tally.new for each in lost.values()} == {0}

    assert (home.transcripts(), home.output_tokens) == (before, tokens)


def test_copies_of_a_fork(home):
    """Replies that stand in a session and in its forks count once, in the session."""
    reports = home.run(CLAUDE / "forks")
    counted = sum(report.tally.output_tokens for report in reports.values())

    assert counted == home.output_tokens
    assert home.ask(
        "SELECT COUNT(*) FROM (SELECT 1 FROM session_stats GROUP BY request_id HAVING COUNT(*) > 1)"
    ) == [(0,)]
    assert sum(report.tally.replayed for report in reports.values()) > 0


def test_fork_of_any_name(home, tmp_path):
    """A fork begins with its parent's lines: the file that was written first counts them."""
    names = ("ffffffff-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002")
    for at, name in enumerate(names):
        told = {"type": "assistant", "uuid": "u", "parentUuid": None, "requestId": "r"}
        told |= {"sessionId": name, "timestamp": "2026-03-01T12:00:00Z"}
        told["message"] = {"id": "m", "role": "assistant", "usage": {"output_tokens": 7}}
        path = tmp_path / f"{name}.jsonl"
        path.write_text(json.dumps(told))
        os.utime(path, (1_800_000_000 + at, 1_800_000_000 + at))
    reports = home.run(*sorted(tmp_path.glob("*.jsonl")))

    assert [reports[f"{name}.jsonl"].tally.output_tokens for name in names] == [7, 0]


def test_claims_come_back(home, tmp_path):
    """A fork that is imported after the ledger was lost still counts nothing twice."""
    source = tmp_path / "projects"
    source.mkdir()
    parent, fork, *_ = sorted((CLAUDE / "forks").iterdir())
    shutil.copy(parent, source)
    home.run(source)
    tokens = home.output_tokens
    (home.path / "imports.db").unlink()
    (source / parent.name).unlink()
    shutil.copy(fork, source)
    (report,) = home.run(source).values()

    assert report.tally.replayed > 0
    assert home.output_tokens == tokens + report.tally.output_tokens


def test_claims_that_came_back_in_part(home):
    """Where bringing claims back was broken off, the next import begins that anew."""
    home.run(CLAUDE / "forks")
    (home.path / "imports.db").unlink()

    def break_off():
        raise KeyboardInterrupt

    ledger = Ledger(home.path / "imports.db")
    with pytest.raises(KeyboardInterrupt):
        learn_claims(find_transcripts(home.sessions), ledger, break_off)
    ledger.close()
    again = Ledger(home.path / "imports.db")
    is_new = again.is_new
    learn_claims(find_transcripts(home.sessions), again, lambda: None)
    again.close()
    known = Ledger(home.path / "imports.db")
    known.close()

    assert (is_new, known.is_new) == (True, False)


def test_grown_file(home, tmp_path):
    """A file that has grown by any number of lines adds the rest, and ends as if read at once."""
    name = "c1a0de00-0000-4000-8000-000000000001.jsonl"
    lines = (CLAUDE / "blocks" / name).read_bytes().splitlines(keepends=True)
    whole = Home(tmp_path / "whole")
    whole.run(CLAUDE / "blocks")
    growing = tmp_path / name
    for upto in range(1, len(lines) + 1):
        growing.write_bytes(b"".join(lines[:upto]))
        home.run(growing)

    assert home.output_tokens == whole.output_tokens
    columns = "request_id, model_name, input_tokens, output_tokens, success"
    statement = f"SELECT {columns} FROM session_stats ORDER BY request_id"
    assert home.ask(statement) == whole.ask(statement)
    tools = "SELECT tool_name, call_key, success FROM tool_call_executions ORDER BY call_key"
    assert home.ask(tools) == whole.ask(tools)


def test_deleted_source(home, tmp_path):
    """What the source has deleted since stays, also lines that were cut from a file."""
    name = "c1a0de00-0000-4000-8000-000000000001.jsonl"
    source = tmp_path / name
    shutil.copy(CLAUDE / "blocks" / name, source)
    home.run(source)
    before = home.transcripts()
    source.write_bytes(b"".join(source.read_bytes().splitlines(keepends=True)[4:]))
    home.run(source)
    source.unlink()
    home.run(tmp_path / "nowhere")

    assert home.transcripts() == before


def test_index_made_anew(home):
    """The index that imports leave is the one that `steno reindex` makes."""
    home.run(DATA / "claude-code")
    columns = "session_id, request_id, model_name, input_tokens, output_tokens, success"
    statement = f"SELECT {columns} FROM session_stats ORDER BY 1, 2"
    before = home.ask(statement)
    reindex(home.sessions, home.index)

    assert home.ask(statement) == before


def test_header(home):
    """The header says where a session comes from; a sub-agent names the session that began it."""
    home.run(CLAUDE / "subagents")
    headers = {
        header.session_id: header
        for path in find_transcripts(home.sessions)
        if (header := read_header(path)) is not None
    }
    parent = session_name("claude-code", "c1a0de00-0000-4000-8000-000000000003")

    assert headers[parent].source["format"] == "claude-code"
    assert headers[parent].source["path"].endswith("0003.jsonl")
    assert headers[parent].reason == "import"
    assert {header.parent for name, header in headers.items() if name != parent} == {parent}


def test_dry_run(home):
    """A dry run reports all and writes nothing but an empty ledger."""
    (report,) = home.run(CLAUDE / "counts", dry_run=True).values()

    assert (report.status, report.tally.output_tokens) == ("imported", 43_894)
    assert not home.sessions.exists()
    assert home.run(CLAUDE / "counts").popitem()[1].status == "imported"


def test_dry_run_of_copies(home):
    """A dry run counts a reply that stands in several files as often as an import: once."""
    dry = home.run(CLAUDE / "forks", dry_run=True)
    real = home.run(CLAUDE / "forks")

    assert [report.tally.output_tokens for report in dry.values()] == [110, 70, 70]
    assert {name: report.facts() for name, report in dry.items()} == {
        name: report.facts() for name, report in real.items()
    }


def test_unknown_and_damaged(home, tmp_path):
    """Kinds that nobody knows are kept and counted; what can't be read is said with its place."""
    path = tmp_path / "c1a0de00-0000-4000-8000-000000000099.jsonl"
    good = (CLAUDE / "blocks").glob("*.jsonl").__next__().read_bytes().splitlines()[0]
    path.write_bytes(good + b'\n{"type":"from-the-future","x":1}\n{"type":"torn","y":"')
    (report,) = home.run(path, format_name="claude-code").values()

    assert report.tally.unknown == {"from-the-future": 1}
    assert report.lost == len(b'{"type":"torn","y":"')
    assert report.facts()["damage"][0]["kind"] == "torn"
    (transcript,) = home.transcripts().values()
    assert b'"entry":{"type":"from-the-future","x":1}' in transcript


def test_what_is_no_transcript_is_looked_at_once(home, tmp_path, monkeypatch):
    """As long as it does not change, a file of no known format is not read again and again."""
    path = tmp_path / "notes.txt"
    path.write_text("bread, milk")
    codex, seen = load_format("codex"), []
    monkeypatch.setattr(codex, "recognise", lambda probe: seen.append(probe.head) or 0.0,
                        raising=False)  # fmt: skip
    landing, ledger = Landing(home.sessions, home.index), Ledger(home.path / "imports.db")
    importer = Importer(landing, ledger)
    reports = [importer.find([path])[0].report for _ in range(3)]
    path.write_text("bread, milk, tea")
    reports.append(importer.find([path])[0].report)
    ledger.close()
    landing.close()

    assert seen == [b"bread, milk", b"bread, milk, tea"]
    assert {report.why for report in reports} == {"no format that is known"}


def test_what_cannot_be_read(home, tmp_path):
    """Files of no known format are skipped, others that can't be read fail, and the rest goes on."""
    (tmp_path / "photo.jpg").write_bytes(b"\xff\xd8\xff\xe0" + bytes(100))
    (tmp_path / "empty.jsonl").write_bytes(b"")
    os.mkfifo(tmp_path / "pipe.jsonl")
    shutil.copytree(CLAUDE / "counts", tmp_path / "counts")
    reports = home.run(tmp_path, tmp_path / "missing.jsonl")

    assert reports["photo.jpg"].status == reports["empty.jsonl"].status == "skipped"
    assert (reports["missing.jsonl"].status, reports["missing.jsonl"].why) == (
        "failed", "No such file or directory",
    )  # fmt: skip
    assert "pipe.jsonl" not in reports
    assert home.run(tmp_path / "pipe.jsonl")["pipe.jsonl"].status == "skipped"
    assert home.output_tokens == 43_894


def test_what_was_read_before_a_failure_is_kept(home, tmp_path):
    """Of a source that breaks off in a conversation, what was read of that is in its session."""
    path = tmp_path / "opencode.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript((DATA / "opencode" / "opencode-1.sql").read_text())
        connection.executemany(
            "INSERT INTO part VALUES (?, 'msg_02', 'ses_main', 1, 1, ?)",
            [(f"prt_z{number}", "x" * 200) for number in range(3000)],
        )
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(size // 3)
        file.write(b"\xaa" * 60_000)
    (report,) = home.run(path).values()
    (again,) = home.run(path).values()

    assert (report.status, report.why) == ("partial", "database disk image is malformed")
    (text,) = home.transcripts().values()
    assert text.count(b'"type":"entry_imported"') == report.tally.new > 0
    assert (again.status, again.tally.new) == ("partial", 0)


def test_format_that_fails(home, tmp_path, monkeypatch):
    """A defect of a format is in the report; what was read before it is kept, and tried again."""
    from steno.transcripts.importers.formats import claude_code

    real = claude_code.FORMAT.read

    def read(source):
        (conversation,) = real(source)
        entries = list(conversation.entries)

        def some():
            yield from entries[:3]
            raise RecursionError("a defect")

        conversation.entries = some()
        yield conversation

    monkeypatch.setattr(claude_code.FORMAT, "read", read, raising=False)
    (report,) = home.run(CLAUDE / "counts").values()
    assert (report.status, report.why) == ("partial", "RecursionError: a defect")
    assert report.tally.entries == 3
    monkeypatch.undo()

    (report,) = home.run(CLAUDE / "counts").values()
    assert report.status == "imported"
    assert home.output_tokens == 43_894


def test_full_disk(home, tmp_path):
    """A disk that is full makes the import fail with its cause; the next one goes on."""
    limited = Home(tmp_path / "full")
    limited.path.mkdir()
    (limited.sessions).write_text("a file where the folder should be")
    (report,) = limited.run(CLAUDE / "counts").values()

    assert (report.status, report.tally.output_tokens) != ("imported", 0)
    assert report.why
    limited.sessions.unlink()
    assert limited.run(CLAUDE / "counts").popitem()[1].status == "imported"
    assert limited.output_tokens == 43_894


def test_ledger_that_refuses(home):
    """A ledger that can't be written to is in the report, and the file is imported again later."""
    landing = Landing(home.sessions, home.index)
    ledger = Ledger(home.path / "imports.db")
    importer = Importer(landing, ledger)
    ledger._connection.execute("PRAGMA query_only = ON")
    (report,) = [importer.run(each) for each in importer.find([CLAUDE / "counts"])]
    ledger.close()
    landing.close()

    assert report.status == "partial"
    assert "readonly" in report.why
    assert home.run(CLAUDE / "counts").popitem()[1].status == "nothing new"
    assert home.output_tokens == 43_894


def test_transcript_that_takes_no_claims(home, capsys):
    """A transcript that can't be read when the ledger is made anew is told, as its copies count."""
    home.run(CLAUDE / "counts")
    (path,) = find_transcripts(home.sessions)
    path.write_bytes(b"no header\n" * 10)
    (home.path / "imports.db").unlink()
    home.run(home.path / "nowhere")

    assert "is not known" in capsys.readouterr().err


def test_own_transcripts(home, tmp_path):
    """A transcript that steno has written is left alone, and called what it is."""
    home.run(CLAUDE / "counts")
    (path,) = find_transcripts(home.sessions)
    (report,) = Home(tmp_path / "other").run(path).values()

    assert report.status == "skipped"
    assert "steno's own" in report.why


def test_unknown_format(home):
    """A format that does not exist is an error that names those that do."""
    with pytest.raises(steno.TranscriptError, match="no format 'word'") as caught:
        home.run(CLAUDE, format_name="word")
    assert "claude-code" in caught.value.hint


def test_database_of_a_newer_version(home, tmp_path):
    """A database whose rows a newer version of its program has changed adds nothing again."""
    path = tmp_path / "logs.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript((DATA / "llm" / "logs-old.sql").read_text())
    home.run(path)
    before = (home.output_tokens, home.ask("SELECT COUNT(*) FROM session_stats"))
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("ALTER TABLE responses ADD COLUMN later TEXT DEFAULT 'x'")
        connection.execute("ALTER TABLE tool_calls ADD COLUMN later TEXT")
        connection.commit()
    (report,) = home.run(path).values()

    assert report.status == "imported"
    assert (home.output_tokens, home.ask("SELECT COUNT(*) FROM session_stats")) == before


def test_database_that_is_locked(home, tmp_path):
    """A database that another program keeps to itself is no unknown file: it fails, for now."""
    path = tmp_path / "logs.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.executescript((DATA / "llm" / "logs-old.sql").read_text())
        connection.execute("BEGIN EXCLUSIVE")
        (report,) = home.run(path).values()
    (later,) = home.run(path).values()

    assert (report.status, report.why) == ("failed", "another program keeps the database locked")
    assert later.status == "imported"
