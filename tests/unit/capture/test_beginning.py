"""A session found on the wire has its identity in its header."""

from steno.capture.beginning import begin_session
from steno.testing import FixedClock, capture_events
from steno.wire.grouping import Identity


def test_header():
    """All that is known of the speaker, the program and the time stands in the header."""
    identity = Identity(
        session_id="s", key="agent:a:main", user_id="u", chat_id="c", message_id="m", parent="p",
        tags=("t",),
    )  # fmt: skip
    with capture_events() as (recorder, writer):
        begin_session(recorder, identity, FixedClock().now, program="app.py")
        recorder.flush()
    header = writer.headers["s"]

    assert (header.session_key, header.user_id, header.chat_id) == ("agent:a:main", "u", "c")
    assert (header.message_id, header.parent, header.tags) == ("m", "p", ("t",))
    assert (header.program, header.timestamp) == ("app.py", FixedClock().now)
