"""Responses out of events whose last one never came."""

import json
from pathlib import Path

import pytest

from steno.wire.providers.response_events import ResponseBuilder
from steno.wire.sse import EventSplitter

DATA = Path(__file__).parents[3] / "data" / "providers" / "openai.responses"


def events(case):
    """Load the events of a recorded stream."""
    recorded = json.loads((DATA / f"{case}.json").read_text(encoding="utf-8"))
    return [json.loads(e.data) for e in EventSplitter().feed("".join(recorded["stream"]).encode())]


def build(found):
    """Feed events."""
    builder = ResponseBuilder()
    for event in found:
        builder.add(event["type"], event)
    return builder


@pytest.mark.parametrize("case", ["text", "tools", "reasoning", "refusal", "unicode", "length"])
def test_last_event_missing(case):
    """Without the last event the output is the same, and the response still in progress."""
    *found, last = events(case)
    builder = build(found)

    assert builder.body()["output"] == last["response"]["output"]
    assert builder.body()["status"] == "in_progress"
    assert not builder.is_final


@pytest.mark.parametrize("case", ["text", "tools", "reasoning", "refusal"])
def test_only_deltas(case):
    """The deltas alone give the same texts as the events that repeat them whole."""
    *found, last = events(case)
    builder = build(event for event in found if not event["type"].endswith(".done"))
    whole = json.dumps(last["response"]["output"]).replace("completed", "in_progress")

    assert builder.body()["output"] == json.loads(whole)


def test_output_left_out():
    """A last event without output is completed by what came before."""
    *found, last = events("text")
    last["response"] = {**last["response"], "output": []}
    builder = build([*found, last])

    assert builder.body()["output"][0]["content"][0]["text"] == "Because air scatters blue light."
    assert builder.body()["status"] == "completed"
    assert builder.is_final


def test_beginning_missed():
    """Deltas whose items were missed make items, told apart by their ids."""
    builder = ResponseBuilder()
    text = {"item_id": "m", "content_index": 0, "delta": "a", "logprobs": [{"token": "a"}]}
    assert builder.add("response.output_text.delta", text)
    assert builder.add("response.custom_tool_call_input.delta", {"item_id": "c", "delta": "b"})
    assert builder.add("response.output_text.delta", text)
    builder.add(
        "response.output_text.annotation.added", {"item_id": "m", "annotation": {"type": "x"}}
    )

    assert builder.body()["output"] == [
        {
            "type": "message",
            "id": "m",
            "role": "assistant",
            "content": [
                {
                    "type": "output_text",
                    "text": "aa",
                    "annotations": [{"type": "x"}],
                    "logprobs": [{"token": "a"}, {"token": "a"}],
                }
            ],
        },
        {"type": "custom_tool_call", "id": "c", "input": "b"},
    ]


def test_late_events():
    """What comes after the last event changes nothing."""
    found = events("text")
    builder = build([*found, found[0]])

    assert builder.body() == found[-1]["response"]
    assert builder.is_final


def test_nothing():
    """Unknown events and those of the wrong shape leave nothing behind."""
    builder = ResponseBuilder()
    for kind in (
        "response.web_search_call.searching",
        "surprise",
        "response.output_item.added",
        "",
    ):
        assert builder.add(kind, {"item": [], "response": 3}) is False

    assert builder.body() is None


def test_many_events():
    """After ten thousand events the text is whole."""
    delta = {
        "type": "response.output_text.delta",
        "output_index": 0,
        "content_index": 0,
        "delta": "ab",
    }

    assert build([delta] * 12_000).body()["output"][0]["content"][0]["text"] == "ab" * 12_000


def test_last_event_decides():
    """The last event's output stands, also where it differs from what came before."""
    *found, last = events("text")
    last["response"] = {**last["response"], "output": [{"type": "message", "content": []}]}

    assert build([*found, last]).body() == last["response"]


def test_whole_text_decides():
    """The event that repeats a text whole stands in for deltas that were missed."""
    builder = ResponseBuilder()
    place = {"output_index": 0, "item_id": "f"}
    builder.add("response.function_call_arguments.delta", {**place, "delta": "{"})
    builder.add("response.function_call_arguments.done", {**place, "arguments": "{}"})

    assert builder.body()["output"][0]["arguments"] == "{}"
