"""Keys of scheduled jobs' runs."""

import json

import pytest

from steno.transcripts.recovery import cron
from steno.transcripts.recovery.evidence import COMPUTED, HINT, Claims
from steno.transcripts.recovery.reading import Header, Reading

A = "aaaaaaaa-1111-4111-8111-111111111111"
JOB = "dddddddd-1111-4111-8111-111111111111"


def compute(text, *, texts=1, agent="main", claims=None, forked=False, session=A):
    """Compute the key of a transcript that begins with a text."""
    header = Header(0, 1, session, None, has_key=False, has_agent=False, forked=forked)
    reading = Reading(header=header, text=text, cron_texts=texts)
    return cron.compute_key(reading, session, agent, "/f/t", claims or Claims(), "/f")


def test_a_run_of_its_own():
    """The key of a run is made of agent, job and session."""
    evidence = compute(f"[cron:{JOB} nightly report] go")

    assert (evidence.grade, evidence.key) == (COMPUTED, f"agent:main:cron:{JOB}:run:{A}")


@pytest.mark.parametrize(
    "given",
    [
        {"text": f"[cron:{JOB} n] go", "texts": 2},
        {"text": f"[cron:{JOB} n] go", "forked": True},
        {"text": f"[cron:{JOB} n] go", "agent": None},
        {"text": f"[cron:{JOB} Hook] go"},
        {"text": f"[cron:{JOB} Gmail] go"},
        {"text": "[cron:backup n] go"},
        {"text": f"[cron:{JOB} n] go", "session": "::"},
    ],
)
def test_what_may_be_something_else(given):
    """Where anything speaks against a run of its own, there is but a hint."""
    assert compute(**given).grade == HINT


@pytest.mark.parametrize("text", [None, "", "go", f" [cron:{JOB} n] go", f"say [cron:{JOB} n]",
                                  "[cron:] go", f"[cron:{JOB}"])  # fmt: skip
def test_other_texts(text):
    """A text that does not begin as a job's says nothing."""
    assert compute(text) is None
    assert compute(f"[cron:{JOB} n] go", session=None) is None


@pytest.mark.parametrize(
    ("target", "grade"),
    [("isolated", COMPUTED), ("main", HINT), ("session:x", HINT), (None, COMPUTED)],
)
def test_what_the_scheduler_knows(sessions, target, grade):
    """A job that runs in a conversation of its own has no runs; any job's id that is known fits."""
    jobs = {"version": 1, "jobs": [{"id": "backup", "sessionTarget": target}, 7, {"id": 4}]}
    path = sessions.write("jobs.json", json.dumps(jobs), folder=sessions.state / "cron")
    claims = Claims()

    cron.claim_jobs(claims, str(path), "/f")

    assert compute("[cron:backup n] go", claims=claims).grade == grade
    assert cron.find_scheduler(str(sessions.path)) == str(path.parent)


@pytest.mark.parametrize("text", ["", "[]", "{", "null", '{"jobs": 7}', '{"jobs": [[]]}'])
def test_a_scheduler_of_another_shape(sessions, text):
    """A scheduler's file that can't be understood says nothing."""
    claims = Claims()

    cron.claim_jobs(claims, str(sessions.write("jobs.json", text)), "/f")

    assert claims.jobs == {}
