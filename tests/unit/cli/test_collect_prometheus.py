"""``steno collect prometheus``: the options reach the query."""


def test_options(scripted, run, home):
    """Window, step, timeout and tries are those of the options."""
    scripted.answer = lambda asked: (503, b"")

    code, _, err = run(
        "collect", "prometheus", "up", "--url", scripted.url, "--since", "2026-11-20T14:00Z",
        "--until", "2026-11-20T15:00Z", "--step", "1m", "--timeout", "10", "--retries", "0",
        "--home", home,
    )  # fmt: skip

    assert (code, "status 503" in err) == (1, True)
    (asked,) = scripted.asked
    assert asked.params == {
        "query": "up", "start": "1795183200.000", "end": "1795186800.000", "step": "60.000",
        "timeout": "9",
    }  # fmt: skip


def test_instant(scripted, run, home):
    """So is the instant."""
    options = ("--url", scripted.url, "--at", "1795183200", "--home", home)
    run("collect", "prometheus", "up", *options)

    assert scripted.asked[0].params["time"] == "1795183200.000"


def test_nowhere(run, home):
    """Without an address, the error says what gives one."""
    code, _, err = run("collect", "prometheus", "up", "--home", home)

    assert (code, "PROMETHEUS_URL" in err) == (1, True)


def test_wrong_use(run, home):
    """Times without end, tries below nothing and a missing query are refused."""
    assert run("collect", "prometheus", "up", "--timeout", "0")[0] == 2
    assert run("collect", "prometheus", "up", "--retries", "-1")[0] == 2
    assert run("collect", "prometheus")[0] == 2
