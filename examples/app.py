"""A small program that speaks to a model: a question, a streamed answer, and a tool call.

It knows nothing of steno. ``make demo`` runs it under ``steno record``; with your own key it runs
as it is: ``python examples/app.py``.
"""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import openai

if TYPE_CHECKING:
    from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolUnionParam

MODEL = os.environ.get("DEMO_MODEL", "gpt-5-mini")
TOOLS: list[ChatCompletionToolUnionParam] = [
    {
        "type": "function",
        "function": {
            "name": "what_day",
            "description": "Tells the day of the week of a date.",
            "parameters": {
                "type": "object",
                "properties": {"date": {"type": "string", "description": "YYYY-MM-DD"}},
                "required": ["date"],
            },
        },
    }
]


def what_day(date: str = "2026-11-20") -> str:
    """Tell the day of the week."""
    return datetime.strptime(date, "%Y-%m-%d").replace(tzinfo=UTC).strftime("%A")


def ask(client: openai.OpenAI) -> None:
    """Ask, and wait for the whole answer."""
    messages: list[ChatCompletionMessageParam] = [
        {"role": "user", "content": "Say in one sentence what a flight recorder is."}
    ]
    reply = client.chat.completions.create(model=MODEL, messages=messages)
    print(reply.choices[0].message.content)


def listen(client: openai.OpenAI) -> None:
    """Ask, and print the answer as it comes."""
    messages: list[ChatCompletionMessageParam] = [
        {"role": "user", "content": "Count from one to five, in words."}
    ]
    stream = client.chat.completions.create(
        model=MODEL, messages=messages, stream=True, stream_options={"include_usage": True}
    )
    for chunk in stream:
        if chunk.choices:
            print(chunk.choices[0].delta.content or "", end="", flush=True)
    print()


def use_a_tool(client: openai.OpenAI) -> None:
    """Let the model call a function of ours, and answer with what it returned."""
    messages: list[ChatCompletionMessageParam] = [
        {"role": "user", "content": "Which day was 2026-11-20? Use tool:what_day to find out."}
    ]
    reply = client.chat.completions.create(model=MODEL, messages=messages, tools=TOOLS)
    message = reply.choices[0].message
    messages.append(message)  # type: ignore[arg-type]  # the SDK takes its own replies
    for call in message.tool_calls or []:
        if call.type != "function":
            continue
        output = what_day(**json.loads(call.function.arguments))
        messages.append({"role": "tool", "tool_call_id": call.id, "content": output})
    reply = client.chat.completions.create(model=MODEL, messages=messages, tools=TOOLS)
    print(reply.choices[0].message.content)


def main() -> int:
    """Speak to the model three times."""
    client = openai.OpenAI()
    ask(client)
    listen(client)
    use_a_tool(client)
    return 0


if __name__ == "__main__":
    sys.exit(main())
