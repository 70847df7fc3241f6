"""A real server of HTTP whose answers a test decides, for what asks over HTTP."""

import http.server
import json
import os
import threading
from urllib.parse import parse_qsl, urlsplit

import pytest


class Asked:
    """One question as it reached the server.

    Attributes:
        method: How it was asked.
        path: The path without the query.
        params: The parameters, of the query or of a form.
        headers: The headers, their names in lower case.
    """

    def __init__(self, method, target, headers, body):
        parts = urlsplit(target)
        self.method, self.path = method, parts.path
        self.params = dict(parse_qsl(parts.query or body.decode(), keep_blank_values=True))
        self.headers = headers


class Scripted:
    """A server that answers as `answer` says, and keeps what it was asked.

    Attributes:
        url: Where it is.
        asked: Every question so far.
        answer: From a question to ``(status, body)`` or ``(status, body, headers)``; None closes
            the connection without a word.
    """

    def __init__(self):
        self.asked = []
        self.answer = lambda asked: (404, b"")
        scripted = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                length = int(self.headers.get("content-length") or 0)
                headers = {name.lower(): value for name, value in self.headers.items()}
                asked = Asked(self.command, self.path, headers, self.rfile.read(length))
                scripted.asked.append(asked)
                answer = scripted.answer(asked)
                if answer is None:
                    self.close_connection = True
                    return
                status, body, *more = answer
                body = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                for name, value in (more[0] if more else {}).items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815 - http.server's names

            def log_message(self, *arguments):
                pass

        class Server(http.server.ThreadingHTTPServer):
            def handle_error(self, request, client_address):
                pass  # a client that hangs up, or does not trust us, is part of a test

        self._server = Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def close(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)


@pytest.fixture
def scripted():
    """Serve answers that the test decides."""
    server = Scripted()
    yield server
    server.close()


@pytest.fixture
def other_host():
    """Serve as a host of its own."""
    server = Scripted()
    yield server
    server.close()


@pytest.fixture(autouse=True)
def _own_services(monkeypatch):
    """Keep tests away from the services that the user's environment names."""
    for name in list(os.environ):
        if name.startswith(("PROMETHEUS_", "JAEGER_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
