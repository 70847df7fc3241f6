"""What a Codex response item says."""

import json

import pytest

from steno.transcripts.importers.formats import codex_items as items
from steno.transcripts.importers.model import Call


@pytest.mark.parametrize(
    ("text", "injected"),
    [
        ("<environment_context>\n<cwd>/a</cwd>", True),
        ("\n<user_instructions>\nBe brief.", True),
        ("# AGENTS.md instructions for /a", True),
        ("<turn_aborted>\n", True),
        ("<environment>", False),
        ("Read AGENTS.md.", False),
        ("", False),
    ],
)
def test_injected(text, injected):
    """What the program says in the user's name is told by how it begins."""
    assert items.is_injected(text) is injected


@pytest.mark.parametrize(
    ("text", "is_interruption"),
    [
        ("<turn_aborted>\nThe user did so.\n</turn_aborted>", True),
        ("\n<turn_aborted>", True),
        ("What is <turn_aborted>?", False),
        ("", False),
    ],
)
def test_interruption(text, is_interruption):
    """The program notes an interruption in the user's name."""
    assert items.is_interruption(text) is is_interruption


def test_message_text():
    """The texts of a message count, a refusal too; images do not."""
    content = [
        {"type": "input_text", "text": "one"},
        {"type": "input_image", "image_url": "data:"},
        {"type": "output_text", "text": "two"},
        {"type": "refusal", "refusal": "no"},
        7,
    ]

    assert items.message_text(content) == "one\ntwo\nno"
    assert items.is_refusal(content)
    assert not items.is_refusal("no")


@pytest.mark.parametrize(
    ("item", "texts"),
    [
        ({"summary": [{"type": "summary_text", "text": "a"}], "content": None}, ["a"]),
        ({"summary": "a"}, ["a"]),
        ({"summary": [], "content": [{"type": "reasoning_text", "text": "b"}]}, ["b"]),
        ({"summary_text": ["a", "b"], "raw_content": []}, ["a", "b"]),
        ({"summary": [None, 1, {"text": 2}], "encrypted_content": "x"}, []),
    ],
)
def test_thoughts(item, texts):
    """Thoughts are in the summary, or in the content where the provider shows it."""
    assert list(items.thoughts(item)) == texts


@pytest.mark.parametrize(
    ("kind", "item", "call"),
    [
        ("function_call", {"name": "f", "arguments": "{}", "call_id": "c"}, Call("f", "c", "{}")),
        ("custom_tool_call", {"name": "p", "input": "*** x", "id": "i"}, Call("p", "i", "*** x")),
        ("web_search_call", {"action": {"q": 1}}, Call("web_search", "", '{"q":1}')),
        ("local_shell_call", {"call_id": "c", "action": None}, Call("local_shell", "c", "")),
        ("function_call", {"name": 7, "call_id": [], "arguments": 1}, Call("function", "", "1")),
    ],
)
def test_call(kind, item, call):
    """A call has the tool's name, or that of its kind, and its arguments as they were sent."""
    assert items.call(kind, item) == call


@pytest.mark.parametrize(
    ("output", "told"),
    [
        (json.dumps({"output": "a", "metadata": {"exit_code": 0, "duration_seconds": 1.5}}), ("a", True, 1500)),
        (json.dumps({"output": "a", "metadata": {"exit_code": 2}}), ("a", False, None)),
        ('{"output": "a"}', ('{"output": "a"}', None, None)),
        ('{"torn', ('{"torn', None, None)),
        ("Exit code: 1\nWall time: 2 seconds\nOutput:\nx", ("Exit code: 1\nWall time: 2 seconds\nOutput:\nx", False, 2000)),
        ("Output:\nProcess exited with code 1", ("Output:\nProcess exited with code 1", None, None)),
        ({"content": "a", "success": False}, ("a", False, None)),
        ({"content": "a", "success": "no"}, ("a", None, None)),
        ([{"type": "input_text", "text": "a"}, {"type": "input_text", "text": "b"}], ("a\nb", None, None)),
        ([{"type": "input_image", "image_url": "data:"}], ([{"type": "input_image", "image_url": "data:"}], None, None)),
        (None, (None, None, None)),
    ],
)  # fmt: skip
def test_returned(output, told):
    """How a tool went is read in all forms that Codex has written it in."""
    back = items.returned({"call_id": "c", "output": output})

    assert back.call_id == "c"
    assert (back.output, back.success, back.duration_ms) == told


@pytest.mark.parametrize(
    ("result", "success"),
    [
        ({"Err": "no such tool"}, False),
        ({"Ok": {"content": [], "isError": True}}, False),
        ({"Ok": {"content": [], "isError": None}}, True),
        ({"Ok": {}}, True),
        ({}, None),
        (7, None),
    ],
)
def test_outcomes(result, success):
    """Whether a tool of a server failed stands in an event, not in what it returned."""
    outcomes = items.Outcomes()
    outcomes.take("mcp_tool_call_end", {"call_id": "c", "result": result})
    outcomes.take("web_search_end", {"call_id": "c", "result": {"Err": "x"}})

    item = {"type": "function_call_output", "call_id": "c", "output": "text"}
    assert items.returned(item, outcomes).success is success
    assert items.returned({**item, "call_id": "d"}, outcomes).success is None


def test_outcomes_are_bounded():
    """However many calls end, those of the last ones are remembered."""
    outcomes = items.Outcomes()
    for number in range(2_000):
        outcomes.take("mcp_tool_call_end", {"call_id": str(number), "result": {"Ok": {}}})

    assert outcomes.get("0") is None
    assert outcomes.get("1999") is True


@pytest.mark.parametrize(
    ("review", "text"),
    [
        ({"overall_explanation": "fine"}, "fine"),
        (
            {"findings": [{"title": "a", "body": "b"}, 7, {"title": None}]}
            | {"overall_explanation": "c"},
            "a\nb\nc",
        ),
        ({"findings": {"title": "a"}}, ""),
        (None, ""),
    ],
)
def test_review_text(review, text):
    """A review is what it has found, then what it says of the whole."""
    assert items.review_text({"review_output": review}) == text


@pytest.mark.parametrize("seconds", [-1, True, "long", float("nan"), 1e300, None, []])
def test_no_duration(seconds):
    """A duration that can't be one is none."""
    output = {"output": "", "metadata": {"exit_code": 0, "duration_seconds": seconds}}

    assert items.returned({"output": json.dumps(output)}).duration_ms is None


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        ({"message": '{"error":{"message":"no","type":"invalid"}}'}, "invalid: no"),
        ({"message": '{"error":{"message":"no","type":null,"code":null}}'}, "no"),
        ({"message": '{"error":"gone"}'}, "gone"),
        ({"message": '{"detail":"gone"}'}, '{"detail":"gone"}'),
        ({"message": '{"error":{"mess'}, '{"error":{"mess'),
        ({"message": "limit", "codex_error_info": "other"}, "limit"),
        ("broken", "broken"),
        ({"message": 7}, "unknown error"),
        (None, None),
    ],
)
def test_failure(error, failure):
    """Why a turn failed is told in the provider's words, where Codex has kept its whole reply."""
    assert items.failure(error) == failure
