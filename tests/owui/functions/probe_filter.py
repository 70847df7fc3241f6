"""A filter that writes down what Open WebUI gives it, as lines of JSON in the file $PROBE_FILE."""

import json
import os
import time

from pydantic import BaseModel


def note(what, **facts):
    facts = {"what": what, "at": time.time(), "pid": os.getpid(), **facts}
    handle = os.open(os.environ["PROBE_FILE"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.write(handle, (json.dumps(facts, default=str) + "\n").encode())
    os.close(handle)


class Filter:
    class Valves(BaseModel):
        """What an administrator sets."""

        LEVEL: str = "INFO"

    class UserValves(BaseModel):
        """What a user sets."""

        LEVEL: str = "INHERIT"

    def __init__(self):
        self.valves = self.Valves()

    def _note(self, what, metadata, user, emit, **facts):
        ids = {name: metadata.get(name) for name in ("chat_id", "message_id", "session_id")}
        valves = [self.valves.LEVEL, user["valves"].LEVEL]
        note(
            what, **ids, valves=valves, emitter=emit is not None, task=metadata.get("task"), **facts
        )

    async def inlet(self, body, __metadata__, __user__, __event_emitter__=None):
        if "refuse" in body["messages"][-1]["content"]:
            raise ValueError("refused")
        self._note("inlet", __metadata__, __user__, __event_emitter__, body=sorted(body))
        return body

    def stream(self, event, __metadata__, __user__, __event_emitter__=None):
        self._note("stream", __metadata__, __user__, __event_emitter__, event=event)
        return event

    async def outlet(self, body, __metadata__, __user__, __event_emitter__=None):
        last = body["messages"][-1]
        facts = {"body": sorted(body), "content": last["content"], "sources": last.get("sources")}
        self._note("outlet", __metadata__, __user__, __event_emitter__, **facts)
        return body
