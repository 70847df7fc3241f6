"""Codex as the tests drive it: what its provider answers, and what its requests hold."""

import json

from steno.testing.provider import Script

MODEL = "gpt-5"
SESSION, THREAD, PARENT = "session-id", "thread-id", "x-codex-parent-thread-id"
# A provider of one's own speaks HTTP alone; OpenAI's tries a WebSocket first.
OWN = (
    'model_provider="own"',
    'model_providers.own={name="own",base_url="$OPENAI_BASE_URL",wire_api="responses",env_key="KEY"}',
)
OPENAI = ('openai_base_url="$OPENAI_BASE_URL"',)
# Who is signed in sends requests compressed, and asks the site of ChatGPT beside.
SIGNED_IN = (
    *OPENAI,
    'chatgpt_base_url="$OPENAI_BASE_URL"',
    "features.enable_request_compression=true",
)
# Without these it asks github.com and chatgpt.com for plugins.
QUIET = (
    "analytics.enabled=false",
    "check_for_update_on_startup=false",
    "features.apps=false",
    "features.plugins=false",
)


def say(number, *items, to=None, delay_ms=0):
    """Script one answer: text, or tools to call; its counts follow from its number.

    Args:
        number: The number.
        items: What is put out.
        to: The words that it answers; None for all others.
        delay_ms: How long it takes.
    """
    usage = {
        "input_tokens": 100 * number, "input_tokens_details": {"cached_tokens": 7},
        "output_tokens": 5 * number, "output_tokens_details": {"reasoning_tokens": 2},
        "total_tokens": 105 * number,
    }  # fmt: skip
    whole = {
        "id": f"resp_{number}", "object": "response", "created_at": 1764547200, "model": MODEL,
        "status": "completed", "output": list(items), "usage": usage,
    }  # fmt: skip
    begun = {**whole, "status": "in_progress", "output": [], "usage": None}
    put_out = [
        {"type": f"response.output_item.{what}", "output_index": place, "item": item}
        for place, item in enumerate(items)
        for what in ("added", "done")
    ]
    events = [
        {"type": "response.created", "response": begun},
        *put_out,
        {"type": "response.completed", "response": whole},
    ]
    stream = [
        f"event: {event['type']}\ndata: {json.dumps({**event, 'sequence_number': place})}\n\n"
        for place, event in enumerate(events)
    ]
    asked = {"model": MODEL, "stream": True, "input": to} if to else None
    return Script(path="/v1/responses", request=asked, stream=stream, delay_ms=delay_ms)


def text(words):
    part = {"type": "output_text", "text": words, "annotations": []}
    return {"id": "msg_1", "type": "message", "role": "assistant", "content": [part]}


def thinking(words):
    part = {"type": "summary_text", "text": words}
    return {"id": "rs_1", "type": "reasoning", "summary": [part], "encrypted_content": "c3Rlbm8="}


def compaction():
    """Make what OpenAI answers to the request to make the context smaller."""
    return {"id": "cmp_1", "type": "compaction", "encrypted_content": "c3Rlbm8="}


def call(name, *, space=None, call_id="call_1", **arguments):
    item = {"id": "fc_1", "type": "function_call", "call_id": call_id, "name": name}
    if space is not None:
        item["namespace"] = space
    return {**item, "arguments": json.dumps(arguments)}


def start(
    run, program, served, *command, key, settings=OWN, sandbox="read-only",
    prompt="say pong", status=0,
):  # fmt: skip
    """Have Codex ask a provider something; returns the run."""
    # Codex does not read OPENAI_BASE_URL: a shell hands it over.
    given = " ".join(f"-c {json.dumps(setting)}" for setting in (*settings, *QUIET))
    goes_on = " ".join(command)
    told = (
        f'exec "$0" exec --skip-git-repo-check -s {sandbox} {given} -m {MODEL} {goes_on} "{prompt}"'
    )
    return run.start(
        ["sh", "-c", told, program],
        "--upstream", f"openai={served.url}", status=status,
        KEY=key, **({} if settings is SIGNED_IN else {"CODEX_API_KEY": key}),
    )  # fmt: skip


class Wire:
    """What the requests and replies hold; see `tests.clients.comparing`."""

    @staticmethod
    def words(body):
        """Return what the user has said since the last reply."""
        items = [item for item in _since(body) if item.get("role") == "user"]
        texts = [part["text"] for item in items for part in item["content"]]
        return [text for text in texts if not text.startswith("<")]

    @staticmethod
    def results(body):
        """Return what tools have returned since the last reply, by call: text and success."""
        return {
            item["call_id"]: (item["output"], _has_succeeded(item["output"]))
            for item in _since(body)
            if item.get("type") == "function_call_output"
        }

    @staticmethod
    def output(value):
        """Return the text of what a tool has returned."""
        return value

    @staticmethod
    def thoughts(reply):
        """Return what the model thought."""
        return "\n\n".join(
            part["text"]
            for item in reply["output"]
            if item.get("type") == "reasoning"
            for part in item["summary"]
        )


def _has_succeeded(output):
    """Tell how a command went, by what Codex tells the model of it."""
    if "Process exited with code" not in output:
        return None
    return "Process exited with code 0\n" in output


def _since(body):
    """Return the items behind the last one of the model's."""
    items = body["input"]
    said = [
        place
        for place, item in enumerate(items)
        if item.get("role") == "assistant" or item.get("type") in {"function_call", "reasoning"}
    ]
    return items[max(said, default=-1) + 1 :]
