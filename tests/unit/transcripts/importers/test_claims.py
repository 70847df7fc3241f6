"""Of several copies of a reply, one counts."""

from steno.transcripts.importers.claims import Claim, Claims


def test_first_comes_first():
    """The session that takes a claim first keeps it."""
    claims = Claims()

    assert claims.take("c", "one", "r1").session_id == "one"
    assert claims.take("c", "two", "r2") == Claim("one", "r1", 0)


def test_kept_claims():
    """A claim that was kept by an earlier import is known."""
    claims = Claims({"c": Claim("before", "r", 5)}.get)

    assert claims.take("c", "now", "r2").session_id == "before"
    assert claims.changed == {}


def test_greater_count_of_the_owner():
    """The owner's own count is raised, and nothing is owed to anybody."""
    claims = Claims()
    claims.take("c", "one", "r1")

    assert claims.count("c", "one", 5) is None
    assert claims.get("c") == Claim("one", "r1", 5)


def test_greater_count_elsewhere():
    """A greater count in another session is owed to the owner, once."""
    claims = Claims()
    claims.take("c", "one", "r1")
    claims.count("c", "one", 5)

    assert claims.count("c", "two", 4) is None
    assert claims.count("c", "two", 9) == Claim("one", "r1", 9)
    assert claims.count("c", "three", 9) is None


def test_unknown_claim():
    """A count of a claim that nobody has does nothing."""
    claims = Claims()

    assert claims.count("c", "one", 5) is None
    assert claims.changed == {}
