"""What is said of a session."""

import pytest

from steno.transcripts.recovery.evidence import (
    EXACT,
    OLD_STORE,
    STORE,
    TRAJECTORY,
    Claims,
    Evidence,
    comparable_key,
    group_keys,
    is_key,
)  # fmt: skip

ID = "6f1d3d3e-0000-4000-8000-00000000abcd"


def said(key, kind=STORE, identifier=ID):
    """Say something."""
    return Evidence(kind, EXACT, key, "/f", "0", identifier)


def test_a_uuid_means_the_same_everywhere():
    """What is said of a UUID counts in every folder, whatever its case."""
    claims = Claims()
    claims.add(said("agent:main:main"), "/one")
    claims.add(said("agent:main:main"), "/one")

    assert len(claims.about(ID.upper(), "/two")) == 1


def test_another_id_means_something_else_elsewhere():
    """What is said of any other id counts where it was said, or was said for all."""
    claims = Claims()
    claims.add(said("agent:main:a", identifier="chat"), "/one")
    claims.add(said("agent:main:b", identifier="chat"), "")

    assert [each.key for each in claims.about("chat", "/one")] == ["agent:main:b", "agent:main:a"]
    assert [each.key for each in claims.about("chat", "/two")] == ["agent:main:b"]
    assert claims.about(None, "/one") == []


@pytest.mark.parametrize("key", ["", " ", "a\nb", "x" * 3000, None, 7, "\x00", "a:\ufffd"])
def test_what_is_no_key(key):
    """Empty, endless and unprintable texts, and what is no text, are no keys."""
    assert not is_key(key)
    claims = Claims()
    claims.add(said(key), "")
    claims.add_file(said(key), "f", "")
    assert claims.about(ID, "") == claims.about_file("f", "") == []


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("main", "agent:main:main"),
        ("cron:x", "agent:main:cron:x"),
        ("agent:main:telegram:dm:7", "agent:main:telegram:direct:7"),
        ("agent:MAIN:Main", "agent:main:main"),
    ],
)
def test_older_spellings(one, other):
    """Keys from before there were agents, and older words, name the same conversation."""
    assert comparable_key(one, "main") == comparable_key(other, "main")


def test_keys_that_differ_by_case_alone():
    """The ids of Matrix rooms are kept apart by their case."""
    one, other = "agent:main:matrix:room:!Ab:x", "agent:main:matrix:room:!aB:x"

    assert comparable_key(one, "main") != comparable_key(other, "main")


def test_a_job_and_its_run_agree():
    """The run's key says more than the job's, and both are given to one session."""
    run = f"agent:main:cron:job:run:{ID}"

    groups = group_keys([said("agent:main:cron:job"), said(run, TRAJECTORY)], "main")

    assert [key for key, _ in groups.values()] == [run]
    assert [len(members) for _, members in groups.values()] == [2]


def test_two_runs_of_a_job_do_not():
    """With two runs, nothing tells which of them the job's key means."""
    keys = ["agent:main:cron:job", "agent:main:cron:job:run:a", "agent:main:cron:job:run:b"]

    assert len(group_keys([said(key) for key in keys], "main")) == 3


def test_a_thread_is_not_its_base():
    """A thread and the conversation that it hangs on are two."""
    keys = ["agent:main:slack:channel:c", "agent:main:slack:channel:c:thread:1"]

    assert len(group_keys([said(key) for key in keys], "main")) == 2


def test_the_spelling_of_the_strongest():
    """Of spellings that mean the same, one that names its agent is taken."""
    groups = group_keys([said("main", STORE), said("agent:main:main", OLD_STORE)], "main")

    assert [key for key, _ in groups.values()] == ["agent:main:main"]


def test_what_is_said_too_often():
    """Of a session with very many copies, a few statements stand for all; a contradiction is kept."""
    claims = Claims()
    for n in range(1000):
        claims.add(Evidence(STORE, EXACT, "agent:main:a", f"/copy{n}", "0", ID), "/f")
    claims.add(said("agent:main:b"), "/f")

    keys = [each.key for each in claims.about(ID, "/f")]
    assert len(keys) < 10
    assert set(keys) == {"agent:main:a", "agent:main:b"}
