"""The scratchpad."""

import os
import subprocess
import sys
import threading

import pytest

import steno
from steno.errors import StenoError
from steno.recording.incidents.folder import IncidentFolder
from steno.recording.incidents.scratchpad import Scratchpad, ScratchpadSection
from steno.storage.sealed_keys import KdfRecord, SealKeys

KEYS = SealKeys.make("p", KdfRecord(salt=os.urandom(16), memory_kib=64, iterations=1, lanes=1))


@pytest.fixture(params=[None, KEYS], ids=["plain", "sealed"])
def folder(request, tmp_path):
    """Name the folder of a plain and of a sealed incident, with its keys."""
    return IncidentFolder(tmp_path / "INC-1"), request.param


@pytest.fixture
def scratchpad(folder):
    """Make a scratchpad."""
    return Scratchpad(*folder)


def test_sections(scratchpad, folder):
    """What is written to a section stands there, for others too; any name will do."""
    assert scratchpad.read_section("x") is None
    assert scratchpad.read_section("x", "nothing") == "nothing"
    assert not scratchpad.has_section(ScratchpadSection.PROBLEM_DESCRIPTION)
    value = {"text": "500s \u2603", "since": [1, 2.5, None, True]}

    scratchpad.write_section(ScratchpadSection.PROBLEM_DESCRIPTION, value)
    scratchpad.write_section("what I like", "x")

    other = Scratchpad(*folder)
    assert other.read_section("PROBLEM_DESCRIPTION") == value
    assert other.sections == ("PROBLEM_DESCRIPTION", "what I like")
    assert other.has_section("what I like")
    assert other.updated_at.endswith("Z")
    assert os.stat(scratchpad.path).st_mode & 0o777 == 0o600


def test_customary_names():
    """The sections that an investigation has by custom are there by name."""
    assert [str(each) for each in steno.ScratchpadSection] == [
        "PROBLEM_DESCRIPTION", "DATA_COLLECTED", "PATTERN_ANALYSIS", "CODE_INSPECTION",
        "FINAL_DIAGNOSIS",
    ]  # fmt: skip


def test_copies(scratchpad):
    """What a caller does with what it read changes nothing."""
    scratchpad.write_section("x", {"list": [1]})
    scratchpad.read_section("x")["list"].append(2)

    assert scratchpad.read_section("x") == {"list": [1]}


@pytest.mark.parametrize(
    ("old", "new", "both"),
    [
        ("a", "b", "a\nb"),
        ({"a": 1, "b": 1}, {"b": 2}, {"a": 1, "b": 2}),
        ([1], [2, 3], [1, 2, 3]),
        ([1], {"x": 1}, [1, {"x": 1}]),
        ("a", 5, ["a", 5]),
    ],
)
def test_append(scratchpad, old, new, both):
    """What is appended is added as its kind suggests."""
    scratchpad.append_to_section("x", old)
    scratchpad.append_to_section("x", new)

    assert scratchpad.read_section("x") == both


def test_history(scratchpad, folder):
    """Each write is a version with its time, and the old ones can be read."""
    scratchpad.write_section("x", "one")
    scratchpad.write_section("other", 1)
    scratchpad.append_to_section("x", "two")
    scratchpad.write_section("x", "three")

    versions = list(Scratchpad(*folder).history("x"))
    assert [(each.number, each.value) for each in versions] == [
        (1, "one"), (2, "one\ntwo"), (3, "three"),
    ]  # fmt: skip
    assert [each.at for each in versions] == sorted(each.at for each in versions)
    assert scratchpad.version_count("x") == 3
    assert scratchpad.size_bytes == os.stat(scratchpad.path).st_size > 0
    assert list(scratchpad.history("nothing")) == []


def test_collected(scratchpad):
    """What was collected stands under its source: the newest path, all paths, the rest."""
    note = scratchpad.note_collected
    note("kubernetes", {"status": "ok", "relative": "logs/a.json", "count": 2})
    note("prometheus", {"status": "failed", "error": "disk full"})
    note("kubernetes", {"status": "failed", "error": "no"})
    note("kubernetes", {"status": "ok", "relative": "logs/b.json", "count": 3})

    folder = os.path.dirname(scratchpad.path)
    data = scratchpad.read_section(ScratchpadSection.DATA_COLLECTED)
    assert data["kubernetes"] == {
        "status": "ok",
        "count": 3,
        "path": f"{folder}/logs/b.json",
        "paths": [f"{folder}/logs/a.json", f"{folder}/logs/b.json"],
    }
    assert data["prometheus"] == {"status": "failed", "error": "disk full", "paths": []}
    kinds = [each.value.get("kubernetes", {}).get("status") for each in
             scratchpad.history("DATA_COLLECTED")]  # fmt: skip
    assert kinds == ["ok", "ok", "failed", "ok"]


def test_collected_over_anything(scratchpad):
    """Whatever somebody wrote to the section, what is collected finds its place there."""
    for value in ("text", [1], {"kubernetes": "text"}, {"kubernetes": {"paths": 5}}):
        scratchpad.write_section("DATA_COLLECTED", value)
        scratchpad.note_collected("kubernetes", {"relative": "logs/a.json"})

        assert len(scratchpad.read_section("DATA_COLLECTED")["kubernetes"]["paths"]) == 1


@pytest.mark.parametrize(
    "value", [object(), {1, 2j}, {"x": object}, b"\xff".decode("latin1") and 2j]
)
def test_no_json(scratchpad, value):
    """What JSON can't hold is refused, and nothing is changed."""
    with pytest.raises(StenoError, match="can't hold"):
        scratchpad.write_section("x", value)
    with pytest.raises(StenoError, match="name"):
        scratchpad.write_section("", 1)
    assert scratchpad.sections == ()


def test_threads(scratchpad, folder):
    """Writers in many threads, each with a scratchpad of its own, lose nothing."""

    def work(name):
        own = Scratchpad(*folder)
        for number in range(10):
            own.append_to_section("x", [f"{name}-{number}"])

    threads = [threading.Thread(target=work, args=(name,)) for name in range(6)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()

    found = scratchpad.read_section("x")
    assert sorted(found) == sorted(f"{a}-{b}" for a in range(6) for b in range(10))


def test_processes(tmp_path):
    """Writers in several processes lose nothing."""
    folder = IncidentFolder(tmp_path / "INC-1")
    script = (
        "import sys\nfrom pathlib import Path\n"
        "from steno.recording.incidents.folder import IncidentFolder\n"
        "from steno.recording.incidents.scratchpad import Scratchpad\n"
        "pad = Scratchpad(IncidentFolder(Path(sys.argv[1])))\n"
        "for n in range(20): pad.append_to_section('x', [f'{sys.argv[2]}-{n}'])\n"
    )
    children = [
        subprocess.Popen([sys.executable, "-c", script, str(folder.path), str(name)])
        for name in range(4)
    ]
    assert [child.wait() for child in children] == [0] * 4

    found = Scratchpad(folder).read_section("x")
    assert sorted(found) == sorted(f"{a}-{b}" for a in range(4) for b in range(20))


def test_torn(folder):
    """An entry that a killed process left unfinished costs nothing of the others."""
    one = Scratchpad(*folder)
    one.write_section("x", "one")
    one.write_section("x", "two")
    one.close()
    os.truncate(one.path, os.stat(one.path).st_size - 3)

    other = Scratchpad(*folder)
    assert other.read_section("x") == "one"
    other.append_to_section("x", "three")
    assert other.read_section("x") == "one\nthree"


def test_markdown(scratchpad):
    """All sections are written for a person."""
    scratchpad.write_section("PROBLEM_DESCRIPTION", "500s")
    scratchpad.write_section("numbers", {"a": 1})

    text = scratchpad.to_markdown()

    assert text.startswith("# INC-1\n\n## PROBLEM_DESCRIPTION\n\n500s\n\n## numbers\n\n```json\n")


def test_nothing_in_clear(tmp_path):
    """Of a sealed scratchpad, neither sections nor values are in clear."""
    scratchpad = Scratchpad(IncidentFolder(tmp_path), KEYS)
    scratchpad.write_section("SECRET", "secret")

    data = scratchpad.path.read_bytes()
    assert b"SECRET" not in data
    assert b"secret" not in data


def test_deep(scratchpad, folder):
    """What could be written can be read, however deep it is."""
    value = []
    for _ in range(900):
        value = [value]
    scratchpad.write_section("A", value)

    for each in (scratchpad, Scratchpad(*folder)):
        assert str(each.read_section("A")) == str(value)
        assert len(list(each.history("A"))) == 1
        assert each.to_markdown().count("[") > 900


def test_too_deep_to_read(tmp_path):
    """An entry that somebody made too deep to be read is counted, and the others are read."""
    scratchpad = Scratchpad(IncidentFolder(tmp_path))
    scratchpad.write_section("A", 1)
    with open(scratchpad.path, "ab") as file:
        file.write(
            b'{"section":"A","op":"write","at":"","value":' + b"[" * 100_000 + b"]" * 100_000
        )
        file.write(b"}\n")

    assert scratchpad.read_section("A") == 1
    assert scratchpad.unreadable == 1
