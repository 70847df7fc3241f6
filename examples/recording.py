"""Record real concurrent sessions, in threads and in asyncio tasks, then look at them.

The "model" is a function in this file that streams words with real pauses;
everything that is printed afterwards was measured and read back from disk.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import steno

WORDS = [
    "the",
    "recorder",
    "writes",
    "down",
    "what",
    "was",
    "said",
    "and",
    "never",
    "stands",
    "in",
    "the",
    "way",
    "of",
    "the",
    "speaker",
]


def words_of_reply(seed: int) -> list[str]:
    """Choose the words that the model says."""
    chance = random.Random(seed)
    return [chance.choice(WORDS) for _ in range(chance.randint(8, 20))]


def tokens_of(question: str, answer: str, thoughts: str = "") -> steno.Tokens:
    """Count tokens; those of this model are words, and it thinks aloud to itself."""
    thinking = len(thoughts.split())
    return steno.Tokens(
        input=len(question.split()),
        output=len(answer.split()) + thinking,
        thinking=thinking or None,
        source="provider_final",
    )


def search(query: str) -> dict[str, object]:
    """Look for a word: the tool that sessions call."""
    if not query:
        raise ValueError("nothing to look for")
    return {"query": query, "found": [at for at, word in enumerate(WORDS) if word == query]}


def talk_in_a_thread(recorder: steno.Recorder, number: int) -> None:
    """Hold a conversation of two requests with a tool call, as a threaded server does."""
    with recorder.session(
        key=f"agent:helper:explicit:{number}", user_id=f"user-{number}"
    ) as session:
        question = f"where does the word {WORDS[number % len(WORDS)]} stand?"
        with session.request(
            model="words-1", provider="demo", listener="thread", text=question
        ) as request:
            arguments = json.dumps({"query": WORDS[number % len(WORDS)]})
            begun = time.perf_counter()
            output = search(WORDS[number % len(WORDS)])
            request.tool_call(
                "search",
                call_id=f"call-{number}",
                arguments=arguments,
                output=output,
                success=True,
                execution_time_ms=round((time.perf_counter() - begun) * 1000),
            )
            answer = f"it stands at {output['found']}"
            request.response(
                text=answer,
                model_used="words-1-2026",
                tokens=tokens_of(question, answer),
                finish_reason="stop",
            )
        question = "and why does it stand there?"
        with session.request(model="words-1-thinking", provider="demo", text=question) as request:
            thoughts = " ".join(words_of_reply(number) * 900)
            answer = " ".join(words_of_reply(number))
            request.response(
                text=answer,
                model_used="words-1-thinking",
                tokens=tokens_of(question, answer, thoughts),
            )


async def stream_in_a_task(recorder: steno.Recorder, number: int) -> None:
    """Stream a reply word by word, as an asyncio server does."""
    async with recorder.session(key="agent:main:main", user_id="user-async") as session:
        question = "tell me something"
        async with session.request(
            model="words-2", provider="demo", listener="asyncio", is_streaming=True, text=question
        ) as request:
            reply = words_of_reply(number)
            for word in reply:
                await asyncio.sleep(0.002)
                request.chunk(f"{word} ")
            request.response(
                model_used="words-2-2026",
                tokens=tokens_of(question, " ".join(reply)),
                finish_reason="stop",
            )


def fail(recorder: steno.Recorder) -> None:
    """Make a request that breaks off in the middle of its stream."""
    with recorder.session(key="agent:main:cron:nightly") as session:
        with session.request(model="words-2", provider="demo", is_streaming=True) as request:
            request.chunk("it began ")
            request.chunk("well and then ")
            raise ConnectionResetError("the provider hung up")


async def stream_all(recorder: steno.Recorder) -> None:
    """Stream eight replies at once."""
    async with asyncio.TaskGroup() as tasks:
        for number in range(8):
            tasks.create_task(stream_in_a_task(recorder, number))


def record(home: Path) -> steno.RecorderStats:
    """Record everything at once."""
    with steno.open(home) as recorder:
        threads = [
            threading.Thread(target=talk_in_a_thread, args=(recorder, number))
            for number in range(8)
        ]
        for thread in threads:
            thread.start()
        asyncio.run(stream_all(recorder))
        for thread in threads:
            thread.join()
        try:
            fail(recorder)
        except ConnectionResetError as error:
            logging.getLogger("demo").info("as it should: %s", error)
        recorder.flush()
        return recorder.stats()


def run(home: Path, *arguments: str) -> str:
    """Run a command as a user types it, and show it."""
    print(
        f"\n$ steno {' '.join(repr(word) if ' ' in word else word for word in arguments)}",
        flush=True,
    )
    command = [sys.executable, "-m", "steno", *arguments, "--home", str(home)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - our own command
    print(done.stdout, end="", flush=True)
    return done.stdout


def main() -> None:
    """Record, then look."""
    with tempfile.TemporaryDirectory(prefix="steno-demo-") as folder:
        home = Path(folder)
        begun = time.perf_counter()
        stats = record(home)
        took = time.perf_counter() - begun
        print(
            f"recorded {stats.accepted} events in {took:.2f} s: "
            f"{stats.written} written, {stats.dropped} dropped, {stats.failed} failed"
        )
        run(home, "ls")
        failed = json.loads(run(home, "ls", "--state", "failed", "--json"))
        run(home, "show", failed["session_id"])
        run(
            home,
            "sql",
            "SELECT session_id, model_used, thinking_tokens, response_text FROM sessions "
            "WHERE thinking_tokens > 10000 ORDER BY thinking_tokens DESC;",
        )
        run(
            home,
            "sql",
            "SELECT DATE(started_at) as date, model_used, COUNT(*) as requests, "
            "SUM(input_tokens) as total_input, SUM(output_tokens) as total_output FROM sessions "
            "WHERE started_at > datetime('now', '-7 days') GROUP BY DATE(started_at), model_used;",
        )


if __name__ == "__main__":
    main()
