"""Agents that work with a session and without one."""

import json

import pytest

import steno

CASES = [
    (steno.save_logs, ([{"a": 1}],), {"pod": "p"}, "logs/kubernetes_p_default_"),
    (steno.save_metrics, ([{"a": 1}],), {"query": "up"}, "metrics/prometheus_up_"),
    (steno.save_traces, ([{"a": 1}],), {"identifier": "t"}, "traces/jaeger_t_"),
    (steno.save_file, (b"x",), {"name": "a.txt"}, "files/a.txt"),
]
NAMED = [
    (steno.save_logs_to_session, {"identifier": "pod-1"}, "logs/kubernetes_pod-1_"),
    (steno.save_metrics_to_session, {"query": "up"}, "metrics/prometheus_up_"),
    (steno.save_traces_to_session, {"identifier": "t"}, "traces/jaeger_t_"),
]


@pytest.mark.parametrize(("function", "given", "facts", "name"), CASES)
def test_with(home, function, given, facts, name):
    """With a session, each function saves as the session's own method does."""
    with steno.open(home) as recorder:
        saved = function(*given, session=recorder.session("s"), **facts)

    assert saved.relative.startswith(name)


@pytest.mark.parametrize(("function", "given", "facts", "name"), CASES)
def test_without(tmp_path, monkeypatch, function, given, facts, name):
    """Without one, nothing happens, and nothing is read of what is iterated over."""
    monkeypatch.chdir(tmp_path)
    entries = iter([1])

    assert function(*given, **facts) is None
    assert function(entries, session=None, **facts) is None
    assert list(entries) == [1]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("function", "facts", "name"), NAMED)
def test_known_names(home, function, facts, name):
    """The known functions take session, data and metadata, in this order."""
    with steno.open(home) as recorder:
        saved = function(recorder.session("s"), [{"a": 1}], {"region": "eu"}, **facts)

    assert saved.relative.startswith(name)
    assert json.loads(saved.path.read_text())["metadata"]["region"] == "eu"
    assert function(None, [1], {}) is None


@pytest.mark.parametrize(("function", "facts", "name"), NAMED)
def test_into_a_folder(tmp_path, function, facts, name):
    """They also take the folder of a session in its place; then nothing is recorded."""
    saved = function(tmp_path / "data", [{"a": 1}], {}, **facts)

    assert saved.path.parent.parent == tmp_path / "data"
    assert saved.relative.startswith(name)
    assert json.loads(saved.path.read_text())["data"] == [{"a": 1}]
