"""One transcript on its way to a verdict."""

import pytest

from steno.transcripts.recovery.recovering import recover

KEY = "agent:main:x"


def only(sessions):
    """Recover the only transcript of the folder."""
    (verdict,) = recover([sessions.path]).verdicts
    return verdict


def test_a_name_that_somebody_knows(sessions):
    """Where name and header differ, the name counts that is a UUID; the header's is told."""
    one, other, _ = sessions.ids
    sessions.write(f"{one}.jsonl", sessions.header(other))
    sessions.index({KEY: {"sessionId": one}})

    verdict = only(sessions)

    assert (verdict.session_id, verdict.header_id, verdict.session_key) == (one, other, KEY)
    assert [(each.about, each.value) for each in verdict.conflicts] == [("session_id", other)]


def test_a_header_that_somebody_knows(sessions):
    """What is known of the header's id alone only narrows: the header may be a copy's."""
    one, other, _ = sessions.ids
    sessions.write(f"{one}.jsonl", sessions.header(other))
    sessions.index({KEY: {"sessionId": other}})

    verdict = only(sessions)

    assert (verdict.session_key, verdict.grade) == (None, "narrowed")
    assert [hint.value for hint in verdict.hints] == [KEY]


def test_a_name_that_a_person_gave(sessions):
    """A name that is no id leaves it to the header."""
    sessions.write("my chat.jsonl", sessions.header(sessions.ids[0]))
    sessions.index({KEY: {"sessionId": sessions.ids[0]}})

    assert (only(sessions).session_id, only(sessions).session_key) == (sessions.ids[0], KEY)


def test_a_name_that_steno_made(sessions):
    """The safe name of an odd id, and the id in the header, are one."""
    from steno.identity import safe_name

    odd = "../odd\x00id"
    sessions.write(f"{safe_name(odd)}.jsonl", sessions.header(odd, sessionKey=KEY))

    verdict = only(sessions)

    assert (verdict.session_id, verdict.identified_by, verdict.conflicts) == (odd, "header", [])


def test_a_file_that_the_index_names(sessions):
    """An entry that names the file names the transcript, whatever its id."""
    sessions.write("chat-topic-9.jsonl", sessions.user("hi"))
    sessions.index({KEY: {"sessionFile": "C:\\x\\chat-topic-9.jsonl"}})

    assert (only(sessions).identified_by, only(sessions).session_key) == ("store", KEY)


@pytest.mark.parametrize("forked", [True, False])
def test_metadata_that_may_be_inherited(sessions, forked):
    """A key in the metadata counts, unless the session is a fork of another one."""
    fields = {"parentSession": "/p.jsonl"} if forked else {}
    sessions.live(sessions.ids[0], metadata={"sessionKey": KEY}, **fields)

    verdict = only(sessions)

    assert verdict.session_key == (None if forked else KEY)
    assert verdict.identified_by == ("none" if forked else "header")


def test_the_header_of_another_session_in_the_file(sessions):
    """A header further down that speaks of another session says nothing about this one."""
    one, other, _ = sessions.ids
    sessions.live(one, sessions.header(other, sessionKey="agent:main:wrong"))

    assert only(sessions).session_key is None


def test_two_keys_in_one_file(sessions):
    """Two keys of one session in one file contradict each other; the first one counts, less."""
    one = sessions.ids[0]
    sessions.live(one, sessions.header(one, sessionKey="agent:main:b"), sessionKey=KEY)

    verdict = only(sessions)

    assert (verdict.session_key, verdict.confidence) == (KEY, 0.6)
    assert [each.value for each in verdict.conflicts] == ["agent:main:b"]


def test_a_job_that_another_file_gives_away(sessions):
    """Where one file of a session shows that it is no single run, none of them is one."""
    one = sessions.ids[0]
    said = "[cron:dddddddd-1111-4111-8111-111111111111 n] go"
    sessions.live(one, sessions.user(said))
    assert only(sessions).grade == "computed"

    sessions.write(f"{one}.jsonl.bak-1-2", sessions.user(said), sessions.user(said, "u2"))

    assert {each.session_key for each in recover([sessions.path]).verdicts} == {None}


def test_an_index_in_another_folder(sessions):
    """The index of another folder is an older copy: that of the folder itself outweighs it."""
    sessions.live(sessions.ids[0])
    sessions.index({"agent:main:old": {"sessionId": sessions.ids[0]}}, "backup/sessions.json")
    assert (only(sessions).identified_by, only(sessions).evidence[0].kind) == (
        "evidence", "older_store",
    )  # fmt: skip

    sessions.index({KEY: {"sessionId": sessions.ids[0]}})

    verdict = only(sessions)
    assert (verdict.session_key, verdict.identified_by, verdict.grade) == (
        KEY,
        "store",
        "contested",
    )


def test_an_index_that_was_named(sessions, tmp_path):
    """An index that was named by its path is the one in use, wherever it lies."""
    sessions.live(sessions.ids[0])
    path = sessions.index({KEY: {"sessionId": sessions.ids[0]}}, "../elsewhere.json")

    (verdict,) = recover([sessions.path], store=path).verdicts

    assert verdict.identified_by == "store"
