"""
title: Recorded models
description: Models behind an OpenAI-compatible API, recorded by steno.
requirements: steno[archives]
version: 1.0.0
"""

import logging
from collections.abc import AsyncIterator
from typing import Any

import httpx
from pydantic import Field

from steno.integrations.open_webui import LogUserValves, LogValves, recorded

# A fixed name: the module's own is a new one at every reload, and loggers are never freed.
log = logging.getLogger("recorded_models")


class Pipe:
    """Asks an OpenAI-compatible API; what is said and logged is recorded."""

    class Valves(LogValves):
        """What an operator sets, beside what steno needs."""

        API_URL: str = Field(default="https://api.openai.com/v1", description="The API.")
        API_KEY: str = Field(
            default="", description="Its key.", json_schema_extra={"input": {"type": "password"}}
        )
        MODELS: str = Field(default="gpt-5", description="Models, separated by commas.")

    class UserValves(LogUserValves):
        """What a user sets: LOG_LEVEL."""

    def __init__(self) -> None:
        """Begin with the defaults; the host replaces the valves."""
        self.valves = self.Valves()

    def pipes(self) -> list[dict[str, str]]:
        """Name the models."""
        names = (each.strip() for each in self.valves.MODELS.split(","))
        return [{"id": name, "name": name} for name in names if name]

    @recorded
    async def pipe(self, body: dict[str, Any], __valves__: Any) -> AsyncIterator[str]:
        """Answer one turn: ask the API, and pass its stream on."""
        request = {**body, "model": body["model"].partition(".")[2] or body["model"]}
        headers = {"authorization": f"Bearer {__valves__.API_KEY}"}
        url = f"{__valves__.API_URL}/chat/completions"
        log.debug("asking %s for %s", url, request["model"])
        async with (
            httpx.AsyncClient(timeout=None) as client,  # noqa: S113 - models think for long
            client.stream("POST", url, json=request, headers=headers) as reply,
        ):
            log.info("the provider answers: %s", reply.status_code)
            reply.raise_for_status()
            if not request.get("stream"):
                await reply.aread()
                yield reply.json()["choices"][0]["message"]["content"]
                return
            async for line in reply.aiter_lines():
                if line:
                    yield line
