"""Incidents, plain and sealed."""

import pytest

import steno

PASSWORD = "correct horse"


@pytest.fixture(params=[None, PASSWORD], ids=["plain", "sealed"])
def password(request):
    """Give no password, and one."""
    return request.param


@pytest.fixture
def create(home):
    """Create incidents, which are closed at the end."""
    created = []

    def create(password=None, *arguments, **options):
        created.append(steno.Session.create(password, *arguments, home=home, **options))
        return created[-1]

    yield create
    for each in created:
        each.close()


@pytest.fixture
def resume(home):
    """Resume incidents, which are closed at the end."""
    resumed = []

    def resume(session_id, password=None):
        resumed.append(steno.Session.resume(session_id, password, home=home))
        return resumed[-1]

    yield resume
    for each in resumed:
        each.close()


@pytest.fixture
def incident(create, password):
    """Create an incident in which something happened."""
    incident = create(password, name="payments", user_id="u1")
    with incident, incident.request(model="gpt-5", text="why?") as request:
        request.response(text="because", tokens=steno.Tokens(input=3, output=4))
        incident.save_logs([{"m": 1}, {"m": 2}], pod="web-0", namespace="shop")
        incident.save_metrics([1.5], query="rate(x[5m])")
        incident.save_file(b"bytes", name="note.txt", source="person")
    incident.scratchpad.write_section("FINAL_DIAGNOSIS", "the pool")
    incident.flush()
    return incident


@pytest.fixture
def closed(incident):
    """Close the incident."""
    assert incident.close()
    return incident
