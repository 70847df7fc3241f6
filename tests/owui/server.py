"""A really installed Open WebUI: started without a browser, driven through its API, ended, killed."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import time
import uuid
from pathlib import Path

import httpx

from steno.testing.open_webui import Turn

READY_S = 180
TURN_S = 60
STEP_S = 0.1
SHOWN = 4000
# Nothing is asked of a network, and no model is loaded.
SETTINGS = {
    "WEBUI_SECRET_KEY": "not-a-secret",
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "OFFLINE_MODE": "true",
    "RAG_EMBEDDING_ENGINE": "openai",
    "RAG_OPENAI_API_KEY": "none",
    "RAG_OPENAI_API_BASE_URL": "http://127.0.0.1:9",
    "BYPASS_EMBEDDING_AND_RETRIEVAL": "true",
    "ENABLE_OLLAMA_API": "false",
    "ENABLE_OPENAI_API": "false",
    "ENABLE_VERSION_UPDATE_CHECK": "false",
    "ENABLE_PIP_INSTALL_FRONTMATTER_REQUIREMENTS": "false",
    "ANONYMIZED_TELEMETRY": "false",
    "DO_NOT_TRACK": "true",
    "SCARF_NO_ANALYTICS": "true",
}
ADMIN = {"name": "Ada", "email": "ada@example.org", "password": "correct-horse"}


class OpenWebUI:
    """An Open WebUI with an administrator; methods shared with the fake host mean the same.

    Attributes:
        url: Where it listens.
        folder: What it keeps and says: ``data``, ``home``, ``told.txt``.
        user_id: The id of the administrator.
    """

    def __init__(self, program, folder, *, workers=1, **variables):
        """Begin without starting.

        Args:
            program: The installed ``open-webui``.
            folder: A folder of its own.
            workers: How many processes serve.
            variables: More of its environment.
        """
        self.folder = folder
        self.url = ""
        self.user_id = ""
        self._program = program
        self._workers = workers
        self._variables = variables
        self._server = None
        self._client = None
        self._latest = {}
        self._set_by_user = set()
        for name in ("data", "home"):
            (folder / name).mkdir(parents=True, exist_ok=True)

    def start(self, **variables):
        """Start it, again or for the first time, and sign in."""
        if self._workers > 1 and not (self.folder / "data/webui.db").exists():
            # Workers that fill a new database at the same time may fail to: all of it ends then.
            self._start(1, variables)
            self.end()
        return self._start(self._workers, variables)

    def _start(self, workers, variables):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder / "home"),
            "DATA_DIR": str(self.folder / "data"),
            "UVICORN_WORKERS": str(workers),
            **SETTINGS,
            **self._variables,
            **variables,
        }
        with (self.folder / "told.txt").open("wb") as told:
            self._server = subprocess.Popen(
                [self._program, "serve", "--host", "127.0.0.1", "--port", str(port)],
                env=environ, cwd=self.folder / "home", stdin=subprocess.DEVNULL, stdout=told,
                stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        self.url = f"http://127.0.0.1:{port}"
        # A connection belongs to one worker: each request makes its own.
        limits = httpx.Limits(max_keepalive_connections=0)
        self._client = httpx.Client(base_url=self.url, timeout=TURN_S, limits=limits)
        try:
            self._await_ready()
            self._sign_in()
        except BaseException:
            self.kill()
            raise
        return self

    def told(self):
        """Return the end of what it said on stdout and stderr since it started."""
        return (self.folder / "told.txt").read_text(errors="replace")[-SHOWN:]

    def _await_ready(self):
        deadline = time.monotonic() + READY_S
        while not self._is_healthy():
            assert self._server.poll() is None, self.told()
            assert time.monotonic() < deadline, self.told()
            time.sleep(STEP_S)

    def _is_healthy(self):
        with contextlib.suppress(httpx.HTTPError):
            return self._client.get("/health", timeout=2).status_code == 200
        return False

    def _sign_in(self):
        reply = self._client.post("/api/v1/auths/signin", json=ADMIN)
        if reply.status_code != 200:
            reply = self._client.post("/api/v1/auths/signup", json=ADMIN)
        assert reply.status_code == 200, reply.text
        self._client.headers["Authorization"] = f"Bearer {reply.json()['token']}"
        self.user_id = reply.json()["id"]

    def end(self, signum=signal.SIGTERM, wait_s=30):
        """Send a signal, as ``docker stop`` does; returns the exit code and the seconds it took."""
        begun = time.monotonic()
        self._server.send_signal(signum)
        try:
            code = self._server.wait(wait_s)
        except subprocess.TimeoutExpired:
            code = None
        took = time.monotonic() - begun
        self.kill()
        return code, took

    def kill(self):
        """Kill it and its workers; nothing happens when it is gone."""
        if self._client is not None:
            self._client.close()
            self._client = None
        if self._server is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._server.pid, signal.SIGKILL)
            self._server.wait()
            self._server = None

    def _ask(self, path, body=None, method="POST"):
        try:
            reply = self._client.request(method, path, json=body)
        except httpx.HTTPError as error:
            message = f"{path}: {error}\n{self.told()}"
            raise AssertionError(message) from error
        assert reply.status_code == 200, f"{path}: {reply.status_code} {reply.text}\n{self.told()}"
        return reply.json()

    # Functions

    def add_function(self, function_id, source):
        """Create a function from its source, and switch it on; a filter for all models."""
        made = self._ask("/api/v1/functions/create", _form(function_id, source))
        self.toggle(function_id)
        if made["type"] == "filter":
            self.toggle_global(function_id)
        self.models()

    def update_function(self, function_id, source):
        """Replace the source of a function."""
        self._ask(f"/api/v1/functions/id/{function_id}/update", _form(function_id, source))

    def delete_function(self, function_id):
        """Delete a function, and the user's own valves, which would outlive it."""
        if function_id in self._set_by_user:
            self.set_user_valves(function_id)
            self._set_by_user.remove(function_id)
        self._ask(f"/api/v1/functions/id/{function_id}/delete", method="DELETE")

    def toggle(self, function_id):
        """Switch a function on or off."""
        self._ask(f"/api/v1/functions/id/{function_id}/toggle")

    def toggle_global(self, function_id):
        """Switch a filter on or off for all models."""
        self._ask(f"/api/v1/functions/id/{function_id}/toggle/global")

    def set_valves(self, function_id, **valves):
        """Set the valves of a function, which may decide on its models."""
        self._ask(f"/api/v1/functions/id/{function_id}/valves/update", valves)
        self.models()

    def valves(self, function_id):
        """Return the valves of a function, as they are stored."""
        return self._ask(f"/api/v1/functions/id/{function_id}/valves", method="GET")

    def set_user_valves(self, function_id, **valves):
        """Set the user's own valves of a function."""
        self._set_by_user.add(function_id)
        self._ask(f"/api/v1/functions/id/{function_id}/valves/user/update", valves)

    def models(self):
        """Return the ids of all models."""
        return sorted(
            model["id"] for model in self._ask("/api/models?refresh=true", method="GET")["data"]
        )

    # Turns

    def new_chat(self, model):
        """Create an empty chat; returns its id."""
        chat = {"title": "New Chat", "models": [model], "history": {"messages": {}}, "messages": []}
        return self._ask("/api/v1/chats/new", {"chat": chat})["id"]

    def start_turn(self, model, text, *, chat_id=None, temporary=False, tasks=()):
        """Begin a turn as a browser does; it runs on.

        Args:
            model: The id of the model.
            text: What the user says.
            chat_id: The chat that it belongs to; None makes one.
            temporary: The chat is not saved.
            tasks: Of ``title``, ``tags`` and ``follow_up``: what is asked of the model beside.
        """
        session_id = f"session-{uuid.uuid4().hex[:8]}"
        message_id, asked_id = str(uuid.uuid4()), str(uuid.uuid4())
        if temporary:
            chat_id = f"local:{session_id}"
        begun = {
            "model": model,
            "messages": [{"role": "user", "content": text}],
            "stream": True,
            "id": message_id,
            "session_id": session_id,
            "parent_id": self._latest.get(chat_id),
            "user_message": {
                "id": asked_id, "parentId": self._latest.get(chat_id), "role": "user",
                "childrenIds": [message_id], "content": text, "models": [model],
                "timestamp": int(time.time()),
            },
            "background_tasks": {f"{task}_generation": True for task in tasks},
        }  # fmt: skip
        if chat_id is not None:
            begun["chat_id"] = chat_id
        reply = self._ask("/api/chat/completions", begun)
        self._latest[reply["chat_id"]] = message_id
        return Turn(
            chat_id=reply["chat_id"], message_id=message_id, session_id=session_id,
            user_message_id=asked_id, model=model, task_id=reply["task_ids"][0],
        )  # fmt: skip

    def message(self, turn):
        """Return the message of a turn as the chat holds it; None in a temporary chat."""
        if turn.chat_id.startswith("local:"):
            return None
        chat = self._ask(f"/api/v1/chats/{turn.chat_id}", method="GET")["chat"]
        return chat["history"]["messages"].get(turn.message_id)

    def wait(self, turn):
        """Wait until nothing of a turn runs any more; returns its message."""
        deadline = time.monotonic() + TURN_S
        while True:
            message = self.message(turn)
            running = self._ask("/api/tasks", method="GET")["tasks"]
            if turn.task_id not in running and (message is None or message.get("done")):
                return message
            assert time.monotonic() < deadline, f"{message}\n{self.told()}"
            time.sleep(STEP_S)

    def stop(self, turn):
        """Press Stop; returns whether the process that answered runs the turn."""
        return self._ask(f"/api/tasks/stop/{turn.task_id}")["status"]

    def call(self, model, text):
        """Ask as a plain API client, for a reply in one piece; returns it."""
        asked = {"model": model, "messages": [{"role": "user", "content": text}], "stream": False}
        return self._client.post("/api/chat/completions", json=asked).json()

    @contextlib.contextmanager
    def stream(self, model, text):
        """Ask as a plain API client, for a stream of events; leaving early disconnects."""
        asked = {"model": model, "messages": [{"role": "user", "content": text}], "stream": True}
        with self._client.stream("POST", "/api/chat/completions", json=asked) as reply:
            assert reply.status_code == 200, reply.read()
            yield _events(reply)


def _form(function_id, source):
    meta = {"description": function_id, "manifest": {}}
    return {"id": function_id, "name": function_id, "content": source, "meta": meta}


def _events(reply):
    for line in reply.iter_lines():
        if line.startswith("data:") and line[5:].strip() != "[DONE]":
            yield json.loads(line[5:])


def find_program(folder):
    """Find the installed program, and say why there is none."""
    found = sorted(Path(folder).glob("*/.steno"))
    if not found:
        return None, f"there is no Open WebUI in {folder}: run scripts/install-open-webui"
    place = found[-1].parent
    asked = [place / "bin/python", "-c", "import steno; print(steno.__file__)"]
    named = subprocess.run(asked, cwd=folder, capture_output=True, text=True).stdout.strip()
    wanted = Path(__file__).resolve().parents[2] / "src/steno/__init__.py"
    if not named or Path(named).resolve() != wanted:
        return None, f"{place} has another steno than this one: run scripts/install-open-webui"
    return place / "bin/open-webui", None
