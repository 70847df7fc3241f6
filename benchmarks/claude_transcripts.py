"""Claude Code transcripts of a real shape and any size, always the same ones.

The mix follows what was measured on real files of versions 2.0 and 2.1: a third of the lines is
progress; a reply is one line for each of its blocks, which share its id and repeat its counts,
and only the last knows all of them; a tool's result stands twice in its line, as the model got it
and as the program keeps it.
"""

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

SESSION = "0d6f2c1e-5b1a-4a57-9d57-3c1f0a6f9b21"
MODEL = "claude-opus-4-5-20251101"

_PROSE = (
    "the test of this module reads a file and then compares what was written with what the "
    "parser returns, so the error must come from the buffer that is flushed too late; I look at "
    "src/store/index.py and at the two callers before I change anything — naïve guesses cost time"
)
_WORDS = _PROSE.split()
_CODE = (
    'def handle(self, request: Request) -> Response:\n    """Answer one request."""\n'
    '    path = request.url.path.rstrip("/")\n    if path not in self._routes:\n'
    '        raise NotFound(f"no route for {path!r}")\n\treturn self._routes[path](request)\n'
)
_BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_TOOLS = ("Bash", "Read", "Edit", "Grep", "mcp__tracker__get_issue")
_BEGIN = datetime(2026, 1, 28, 9, 0, tzinfo=UTC)


class _Session:
    """Writes the lines of one session."""

    def __init__(self, session: str, seed: int) -> None:
        self._random = random.Random(seed)
        self._session = session
        self._parent: str | None = None
        self._at = _BEGIN
        self._cached = 11_000
        self.output = 0

    def lines(self) -> Iterator[dict[str, Any]]:
        """Yield lines without end, turn by turn."""
        while True:
            yield self._snapshot()
            yield self._chain("user", message={"role": "user", "content": self._prose(400)},
                              thinkingMetadata={"maxThinkingTokens": 31999}, todos=[],
                              permissionMode="default")  # fmt: skip
            for step in range(self._random.randint(3, 12)):
                yield from self._step(step)
            yield from self._reply([{"type": "text", "text": self._prose(900)}], "end_turn")
            yield self._chain("system", subtype="turn_duration", durationMs=88_947, isMeta=False)

    def _step(self, step: int) -> Iterator[dict[str, Any]]:
        name = self._random.choice(_TOOLS)
        call = self._id("toolu_01")
        use = {"type": "tool_use", "id": call, "name": name,
               "input": {"command": self._prose(120), "description": self._prose(40)}}  # fmt: skip
        thinking = {"type": "thinking", "thinking": self._prose(600),
                    "signature": self._base64(700)}  # fmt: skip
        blocks: list[dict[str, Any]] = [thinking] if step % 2 == 0 else []
        if step % 3 == 0:
            blocks.append({"type": "text", "text": self._prose(200)})
        yield from self._reply([*blocks, use], "tool_use")
        for _ in range(self._random.randint(1, 3)):
            yield self._progress(call)
        text = self._output(self._random.choice((1_000, 2_000, 4_000, 8_000, 20_000)))
        yield self._chain(
            "user",
            message={"role": "user", "content": [
                {"tool_use_id": call, "type": "tool_result", "content": text, "is_error": False}]},
            toolUseResult={"stdout": text, "stderr": "", "interrupted": False, "isImage": False},
            sourceToolAssistantUUID=self._parent,
        )  # fmt: skip

    def _reply(self, blocks: list[dict[str, Any]], stop: str) -> Iterator[dict[str, Any]]:
        reply, request = self._id("msg_01"), self._id("req_011C")
        created = self._random.randint(50, 3_000)
        total = self._random.randint(60, 1_500)
        for number, block in enumerate(blocks, 1):
            last = number == len(blocks)
            usage = {
                "input_tokens": 10, "cache_creation_input_tokens": created,
                "cache_read_input_tokens": self._cached,
                "cache_creation": {"ephemeral_5m_input_tokens": 0,
                                   "ephemeral_1h_input_tokens": created},
                "output_tokens": total if last else self._random.randint(1, 8),
                "service_tier": "standard", "inference_geo": "not_available",
            }  # fmt: skip
            yield self._chain(
                "assistant",
                message={"model": MODEL, "id": reply, "type": "message", "role": "assistant",
                         "content": [block], "stop_reason": stop if last else None,
                         "stop_sequence": None, "usage": usage},
                requestId=request,
            )  # fmt: skip
        self._cached += created
        self.output += total

    def _progress(self, call: str) -> dict[str, Any]:
        data: dict[str, Any]
        chance = self._random.random()
        if chance < 0.15:
            data = {"message": self._message_of_agent(), "normalizedMessages": [],
                    "type": "agent_progress", "prompt": self._prose(1_500), "agentId": "a888d4d"}  # fmt: skip
        elif chance < 0.6:
            data = {"type": "hook_progress", "hookEvent": "PostToolUse",
                    "hookName": "PostToolUse:Bash", "command": "./hooks/after-tool.sh"}  # fmt: skip
        else:
            shown = self._output(600)
            data = {"type": "bash_progress", "output": shown[-200:], "fullOutput": shown,
                    "elapsedTimeSeconds": 3, "totalLines": 12}  # fmt: skip
        return self._chain("progress", data=data, parentToolUseID=call, toolUseID=call)

    def _message_of_agent(self) -> dict[str, Any]:
        """Write what a sub-agent said; its own file has it too, and it counts there."""
        usage = {"input_tokens": 1, "cache_creation_input_tokens": 551,
                 "cache_read_input_tokens": 35_791, "output_tokens": 25,
                 "service_tier": "standard"}  # fmt: skip
        message = {"model": MODEL, "id": self._id("msg_01"), "type": "message", "role": "assistant",
                   "content": [{"type": "tool_use", "id": self._id("toolu_01"), "name": "Read",
                                "input": {"file_path": "/home/dev/code/store/src/index.py"}}],
                   "stop_reason": None, "stop_sequence": None, "usage": usage}  # fmt: skip
        return {"type": "assistant", "timestamp": self._time(), "message": message,
                "requestId": self._id("req_011C"), "uuid": self._uuid()}  # fmt: skip

    def _snapshot(self) -> dict[str, Any]:
        message = self._uuid()
        kept = {
            f"src/store/part_{number}.py": {
                "backupFileName": f"{self._base64(16)}@v2", "version": 2,
                "backupTime": self._time(),
            }
            for number in range(self._random.randint(0, 12))
        }  # fmt: skip
        return {"type": "file-history-snapshot", "messageId": message,
                "snapshot": {"messageId": message, "trackedFileBackups": kept,
                             "timestamp": self._time()}, "isSnapshotUpdate": False}  # fmt: skip

    def _chain(self, kind: str, **fields: Any) -> dict[str, Any]:
        uuid = self._uuid()
        line = {
            "parentUuid": self._parent, "isSidechain": False, "userType": "external",
            "cwd": "/home/dev/code/store", "sessionId": self._session, "version": "2.1.20",
            "gitBranch": "fix/late-flush", "slug": "calm-painted-lake", "type": kind, **fields,
            "uuid": uuid, "timestamp": self._time(),
        }  # fmt: skip
        self._parent = uuid
        return line

    def _time(self) -> str:
        self._at += timedelta(milliseconds=self._random.randint(20, 4_000))
        return self._at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{self._at.microsecond // 1000:03d}Z"

    def _uuid(self) -> str:
        digits = f"{self._random.getrandbits(128):032x}"
        return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))

    def _id(self, begin: str) -> str:
        return begin + "".join(self._random.choices(_BASE64[:62], k=22))

    def _base64(self, size: int) -> str:
        return "".join(self._random.choices(_BASE64, k=size))

    def _prose(self, size: int) -> str:
        return " ".join(self._random.choices(_WORDS, k=size // 6))

    def _output(self, size: int) -> str:
        """Write what a tool prints: code with line numbers, so every line has escapes.

        A third of it has arrows behind the numbers, as files that were read had for long.
        """
        lines = _numbered(self._random.randint(1, 400), self._random.choice("\t\t→"))
        found, length = [], 0
        for line in lines:
            found.append(line)
            length += len(line)
            if length >= size:
                break
        return "\n".join(found)


def _numbered(number: int, separator: str) -> Iterator[str]:
    """Number the lines of some code, without end."""
    code = _CODE.splitlines()
    while True:
        yield f"{number:6d}{separator}{code[number % len(code)]}"
        number += 1


def write_transcript(path: Path, megabytes: float, *, session: str = SESSION, seed: int = 1) -> int:
    """Write one transcript.

    Args:
        path: The file; it is replaced.
        megabytes: Its size in MB of a million bytes, to the next line.
        session: Id of its session.
        seed: Of two seeds, the transcripts share no ids.

    Returns:
        The output tokens of its replies, each counted once.
    """
    writer = _Session(session, seed)
    size = 0
    with path.open("wb") as file:
        for line in writer.lines():
            data = json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
            file.write(data)
            size += len(data)
            # A reply that is cut off in the middle would not have all its counts.
            if size >= megabytes * 1e6 and line["type"] == "system":
                return writer.output
    raise AssertionError("the lines have no end")
