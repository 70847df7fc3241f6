"""As app.py, for those who have a key of Anthropic's: a question, and a streamed answer."""

from __future__ import annotations

import os
import sys

import anthropic

MODEL = os.environ.get("DEMO_MODEL", "claude-haiku-4-5")


def main() -> int:
    """Speak to the model twice."""
    client = anthropic.Anthropic()
    reply = client.messages.create(
        model=MODEL,
        max_tokens=200,
        messages=[
            {"role": "user", "content": "Say in one sentence what a flight recorder is."},
        ],
    )
    print(reply.content[0].text)  # type: ignore[union-attr]
    with client.messages.stream(
        model=MODEL,
        max_tokens=200,
        messages=[{"role": "user", "content": "Count from one to five, in words."}],
    ) as stream:
        for text in stream.text_stream:
            print(text, end="", flush=True)
    print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
