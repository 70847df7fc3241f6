"""Lines of Claude Code: what is read of them, whatever they hold."""

import json

import msgspec
import pytest

from steno.transcripts.importers.formats.claude_code_lines import (
    Head,
    Line,
    LineReader,
    read_head,
    read_line,
)


def test_fields_that_tell():
    """The fields that tell something are read under their names, all others are passed over."""
    line = read_line(
        b'{"type":"assistant","requestId":"r","costUSD":0.5,"durationMs":7,"toolUseResult":{"a":[]},'
        b'"message":{"id":"m","content":[{"type":"tool_use","id":"t","name":"Bash",'
        b'"input":{"b" : 1},"caller":{"type":"direct"}}],"usage":{"output_tokens":3}}}'
    )
    (block,) = line.message.content

    assert (line.type, line.request_id, line.cost_usd, line.duration_ms) == (
        "assistant", "r", 0.5, 7.0,
    )  # fmt: skip
    assert (line.message.id, line.message.usage.output_tokens) == ("m", 3)
    assert (block.type, block.id, block.name, bytes(block.input)) == (
        "tool_use", "t", "Bash", b'{"b" : 1}',
    )  # fmt: skip


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[1]",
        b'"text"',
        b"7",
        b"null",
        b"\xff",
        b'{"a":' + b"[" * 10**5 + b"]" * 10**5 + b"}",
    ],
)
def test_no_object(data):
    """What is no JSON object, or deeper than anybody reads, is none."""
    assert read_line(data) is None
    assert read_head(data) is None


@pytest.mark.parametrize("name", list(Line.__struct_encode_fields__))
@pytest.mark.parametrize("value", [7, -1.5, True, "x", [], [1, "x"], {}, {"type": 1}, None])
def test_any_type(name, value):
    """A field of any type spoils no other one."""
    line = {"uuid": "u1", "subtype": "s1", name: value}
    found = read_line(json.dumps(line).encode())

    assert (name == "uuid") or found.uuid == "u1"
    assert (name == "subtype") or found.subtype == "s1"


@pytest.mark.parametrize("name", list(Head.__struct_encode_fields__))
def test_head_of_any_type(name):
    """A field of a wrong type counts as absent, and the others as told."""
    found = read_head(json.dumps({"cwd": "/home", "slug": "s", name: [7]}).encode())

    assert (name == "cwd") or found.cwd == "/home"
    assert (name == "slug") or found.slug == "s"


def test_wrong_types_inside():
    """In a message, too, what has the right type is taken and the rest counts as absent."""
    line = read_line(
        b'{"type":"assistant","timestamp":5,"message":{"role":"assistant","model":7,"content":['
        b'"bare",{"type":"text","text":"said"},{"type":"text","text":9},3,null],'
        b'"usage":{"input_tokens":3.0,"output_tokens":true,"cache_read_input_tokens":"4"}}}'
    )
    usage = line.message.usage

    assert line.timestamp is None
    assert (line.message.role, line.message.model) == ("assistant", None)
    assert [(block.type, block.text) for block in line.message.content] == [
        ("text", "bare"), ("text", "said"), ("text", None),
    ]  # fmt: skip
    assert (usage.input_tokens, usage.output_tokens, usage.cache_read_input_tokens) == (
        3,
        None,
        None,
    )


@pytest.mark.parametrize(
    "data",
    [
        b'{"uuid":"u","operation":"half \\ud83d"}',
        b'{"uuid":"u","operation":"half \xff"}',
        b'{"uuid":"u","operation":"half ","error":NaN}',
        b'{"uuid":"u","operation":"half ","error":1e999}',
        b'{"uuid":"u","operation":"half \x01"}',
    ],
)
def test_what_strict_decoders_refuse(data):
    """Halves of characters, bytes that are no text and numbers that are none spoil nothing."""
    line = read_line(data)

    assert line.uuid == "u"
    assert line.operation.startswith("half ")
    line.operation.encode()


def test_arguments_of_damaged_line():
    """A tool's arguments are JSON text also where their line has fields of wrong types."""
    line = read_line(
        b'{"uuid":7,"message":{"content":[{"type":"tool_use","input":{"a":[1,"\\u00e9"]}},'
        b'{"type":"tool_use","input":null}]}}'
    )

    assert [json.loads(bytes(block.input)) for block in line.message.content] == [
        {"a": [1, "é"]}, None,
    ]  # fmt: skip


def test_line_that_was_checked():
    """A line that was decoded to check it is not decoded again; any other one is read."""
    lines = LineReader()
    data = b'{"type":"user","uuid":"1"}'
    lines.parse(data)
    line = lines.read(data)

    assert lines.read(data) is line
    assert line.uuid == "1"
    assert lines.read(b'{"type":"user","uuid":"2"}').uuid == "2"
    assert lines.read(data) is line


def test_line_that_could_not_be_checked():
    """A line of wrong types is refused when it is checked, and its other fields are read."""
    lines = LineReader()
    lines.parse(b'{"uuid":"1"}')
    data = b'{"uuid":2,"type":"user"}'
    with pytest.raises(msgspec.ValidationError):
        lines.parse(data)

    assert (lines.read(data).uuid, lines.read(data).type) == (None, "user")
