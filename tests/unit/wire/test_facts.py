"""What is learned from requests and replies."""

import pytest

from steno.wire.facts import Reply, RequestFacts
from steno.wire.providers import find_protocol


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/v1/chat/completions", "openai.chat"),
        ("/api/v1/chat/completions", "openai.chat"),
        ("/openai/deployments/gpt/chat/completions", "openai.chat"),
        ("/v1/responses", "openai.responses"),
        ("/v1/responses/", "openai.responses"),
        ("/v1/embeddings", "openai.embeddings"),
        ("/v1/messages", "anthropic.messages"),
        ("/v1/messages/count_tokens", None),
        ("/v1/messages/batches", None),
        ("/v1/responses/resp_1", None),
        ("/v1/responses/resp_1/cancel", None),
        ("/v1/responses/input_tokens", None),
        ("/v1/threads/thread_1/messages", None),
        ("/v1/completions", None),
        ("", None),
    ],
)
def test_find_protocol(path, name):
    """A protocol is found by the end of the path, and only where a reply is asked for."""
    found = find_protocol("POST", path)

    assert (found.name if found else None) == name
    assert find_protocol("GET", path) is None


@pytest.mark.parametrize("ending", ["chat/completions", "responses", "embeddings", "messages"])
def test_nothing_known(ending):
    """Of what is no object, nothing is known, and nothing is claimed."""
    protocol = find_protocol("POST", f"/v1/{ending}")

    assert protocol.read_request(None) == RequestFacts()
    assert protocol.read_reply(None) == Reply()
    assert protocol.read_stream().reply() == Reply()
