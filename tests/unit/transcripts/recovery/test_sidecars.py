"""Sidecars whose lines give session and key."""

import json

import pytest

from steno.transcripts.recovery.evidence import CRON_LOG, TRAJECTORY, Claims
from steno.transcripts.recovery.sidecars import claim_lines

A = "aaaaaaaa-1111-4111-8111-111111111111"


def test_the_lines_name_the_session_not_the_file(sessions):
    """A sidecar speaks for the session that its lines name, whatever it is called."""
    path = sessions.write("x.trajectory.jsonl", *(
        json.dumps({"type": "t", "sessionId": A, "sessionKey": "agent:main:a", "seq": n}) + "\n"
        for n in range(200)
    ))  # fmt: skip
    claims = Claims()

    claim_lines(claims, str(path), TRAJECTORY, "/f")

    assert [(each.key, each.pointer) for each in claims.about(A, "/f")] == [("agent:main:a", "0")]


def test_the_log_of_runs_is_read_whole(sessions):
    """Each line of a job's log may name another run."""
    ids = [f"{n:08x}-1111-4111-8111-111111111111" for n in range(100)]
    path = sessions.write("job.jsonl", *(
        json.dumps({"action": "finished", "sessionId": i, "sessionKey": f"agent:main:cron:j:run:{i}"})
        + "\n" for i in ids
    ))  # fmt: skip
    claims = Claims()

    claim_lines(claims, str(path), CRON_LOG, "", whole=True)

    assert claims.about(ids[99], "/f")[0].kind == "cron_run_log"


@pytest.mark.parametrize("text", [
    "", "\x00" * 99, '{"sessionKey":"k:1"}\n', '{"sessionId":"' + A + '","sessionKey":7}\n',
    '["sessionKey"]\n', '{"data":{"sessionId":"' + A + '","sessionKey":"k:1"}}\n', '{"sessionKey":"',
])  # fmt: skip
def test_lines_that_say_nothing(sessions, text):
    """Lines without both, nested ones and damaged ones say nothing."""
    claims = Claims()

    claim_lines(claims, str(sessions.write("x.trajectory.jsonl", text)), TRAJECTORY, "/f")

    assert claims.about(A, "/f") == []
