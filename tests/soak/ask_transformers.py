"""Asks a model in three ways of the openai SDK, again and again, and prints what it got as JSON.

Run under ``steno record``: ``python ask_transformers.py MODEL``.
"""

import json
import sys
from concurrent.futures import ThreadPoolExecutor

import openai

QUESTION = "how are you?"
LIMIT = 24
ROUNDS, AT_ONCE = 40, 4


def chat(client, model):
    """Ask for a completion in one piece."""
    reply = client.chat.completions.create(
        model=model, messages=[{"role": "user", "content": QUESTION}], max_tokens=LIMIT
    )
    return {
        "id": reply.id,
        "text": reply.choices[0].message.content,
        "finish": reply.choices[0].finish_reason,
        "tokens": [reply.usage.prompt_tokens, reply.usage.completion_tokens],
    }


def chat_stream(client, model):
    """Ask for a completion in chunks, with its usage at the end."""
    chunks = list(
        client.chat.completions.create(
            model=model, messages=[{"role": "user", "content": QUESTION}], max_tokens=LIMIT,
            stream=True, stream_options={"include_usage": True},
        )
    )  # fmt: skip
    choices = [choice for chunk in chunks for choice in chunk.choices]
    (usage,) = (chunk.usage for chunk in chunks if chunk.usage)
    return {
        "id": chunks[0].id,
        "text": "".join(choice.delta.content or "" for choice in choices),
        "finish": next(choice.finish_reason for choice in choices if choice.finish_reason),
        "tokens": [usage.prompt_tokens, usage.completion_tokens],
    }


def responses_stream(client, model):
    """Ask for a response in events."""
    events = list(
        client.responses.create(model=model, input=QUESTION, max_output_tokens=LIMIT, stream=True)
    )
    whole = next(event.response for event in events if event.type == "response.completed")
    return {
        "id": whole.id,
        "text": "".join(each.delta for each in events if each.type == "response.output_text.delta"),
        "finish": whole.status,
        "tokens": [whole.usage.input_tokens, whole.usage.output_tokens],
    }


def main(model):
    """Ask in all ways."""
    client = openai.OpenAI(api_key="none", max_retries=0, timeout=120)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        waiting = [
            pool.submit(ask, client, model)
            for _ in range(ROUNDS)
            for ask in (chat, chat_stream, responses_stream)
        ]
        print(json.dumps([each.result() for each in waiting]))


if __name__ == "__main__":
    main(sys.argv[1])
