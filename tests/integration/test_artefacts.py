"""What a session collected, as other programs and later readers find it."""

import json
import re
import shutil
import subprocess
import sys

import pytest

import steno

STREAM = """
import itertools, resource, sys
import steno
with steno.open(sys.argv[1]) as recorder:
    session = recorder.session("s")
    few = [{"line": number, "message": "x" * 80, "trace": None} for number in range(1000)]
    session.save_logs(few * 10)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    saved = session.save_logs(itertools.islice(itertools.cycle(few), 1_000_000), pod="p")
    print(saved.count, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_jq(home):
    """Any reader of JSON gets the known form, and each entry is a line for those who read lines."""
    if shutil.which("jq") is None:
        pytest.skip("jq is missing: apt-get install jq")
    with steno.open(home) as recorder:
        saved = recorder.session("s").save_logs(
            ({"level": level} for level in ("INFO", "ERROR", "INFO")), pod="payments"
        )

    def jq(expression):
        return subprocess.run(
            ["jq", "-c", expression, saved], capture_output=True, text=True, check=True
        ).stdout

    assert jq(".source") == '"kubernetes"\n'
    assert jq("[.metadata.pod, .metadata.count]") == '["payments",3]\n'
    assert jq('[.data[] | select(.level == "ERROR")] | length') == "1\n"
    assert re.findall("^.*ERROR.*$", saved.path.read_text(), re.MULTILINE) == ['{"level":"ERROR"},']


def test_a_long_stream(home):
    """A million entries of an iterator are saved in a memory that does not grow with them."""
    done = subprocess.run(
        [sys.executable, "-c", STREAM, home], capture_output=True, text=True, check=True
    )
    count, grown_kb = map(int, done.stdout.split())

    assert count == 1_000_000
    assert grown_kb < 64_000


def test_transcript_index_and_show(home, run):
    """A save is in the transcript, in the index, also in one made anew, and in what is shown."""
    with steno.open(home) as recorder, recorder.session("s") as session:
        saved = session.save_metrics([{"value": 1}], query="up")

    code, out, _ = run("show", "s", "--home", home, "--json")
    assert code == 0
    events = [json.loads(line) for line in out.splitlines()]
    assert [each["path"] for each in events if each["type"] == "artefact_saved"] == [saved.relative]
    for again in (False, True):
        if again:
            (home / "sessions.db").unlink()
            assert run("reindex", "--home", home)[0] == 0
        code, out, _ = run("sql", "SELECT path, sha256 FROM artefacts", "--home", home, "--json")
        assert json.loads(out) == {"path": saved.relative, "sha256": saved.sha256}
    _, out, _ = run("show", "s", "--home", home)
    assert f"metrics from prometheus: {saved.relative} (1 entry, {saved.size_bytes} bytes)" in out
