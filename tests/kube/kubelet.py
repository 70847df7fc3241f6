"""What a node does with the logs of its containers, as far as the API shows it.

It serves both clusters of the tests: the double asks it directly, the real API server over HTTPS.
The behaviour is that of the kubelet with a CRI runtime: the tail is taken first, then what is too
old is left out, times have nine digits, ``sinceTime`` counts whole seconds, and ``limitBytes`` cuts
wherever it falls.
"""

import http.server
import ssl
import subprocess
import threading
import time
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

SECOND = 1_000_000_000


def stamp(at):
    """Write nanoseconds as the kubelet does."""
    return f"{datetime.fromtimestamp(at // SECOND, UTC):%Y-%m-%dT%H:%M:%S}.{at % SECOND:09d}Z"


class Log:
    """The log of one container: its lines with their times, and that of its run before."""

    def __init__(self):
        self.lines = []
        self.previous = None
        self.waiting = None
        self.ended = True
        self.changed = threading.Condition()

    def write(self, *messages, at=None):
        """Log messages, a millisecond apart, or at once now."""
        with self.changed:
            for number, message in enumerate(messages):
                moment = time.time_ns() if at is None else at + number * 1_000_000
                data = message if isinstance(message, bytes) else message.encode()
                self.lines.append((moment, data))
            self.changed.notify_all()
        return self

    def end(self, *, ended=True):
        """End the container, or let it run."""
        with self.changed:
            self.ended = ended
            self.changed.notify_all()
        return self

    def restart(self):
        """Begin the log anew; what was logged becomes the previous one."""
        with self.changed:
            self.previous, self.lines = self.lines, []
            self.changed.notify_all()
        return self

    def refusal(self, pod, container, params):
        """Return why there is no log, as the kubelet words it; None where there is one."""
        if params.get("previous") == "true" and self.previous is None:
            return f'previous terminated container "{container}" in pod "{pod}" not found'
        if self.waiting is not None:
            return f'container "{container}" in pod "{pod}" is waiting to start: {self.waiting}'
        return None

    def pieces(self, params, stopping):
        """Give the bytes that are asked for, line by line; waits for more when followed."""
        limit = int(params["limitBytes"]) if "limitBytes" in params else None
        for piece in self._lines(params, stopping):
            if limit is not None:
                piece = piece[:limit]
                limit -= len(piece)
            yield piece
            if limit == 0:
                return

    def _lines(self, params, stopping):
        lines = self.previous if params.get("previous") == "true" else self.lines
        since = 0
        if "sinceTime" in params:
            since = int(datetime.fromisoformat(params["sinceTime"]).timestamp()) * SECOND
        if "sinceSeconds" in params:
            since = (int(time.time()) - int(params["sinceSeconds"])) * SECOND
        at = max(0, len(lines) - int(params["tailLines"])) if "tailLines" in params else 0
        while True:
            while at < len(lines):
                moment, message = lines[at]
                at += 1
                if moment >= since:
                    head = (
                        stamp(moment).encode() + b" " if params.get("timestamps") == "true" else b""
                    )
                    yield head + message + b"\n"
            if params.get("follow") != "true":
                return
            with self.changed:
                if at < len(lines):
                    continue
                if self.ended or lines is not self.lines or stopping.is_set():
                    return
                self.changed.wait(0.1)


class Kubelet:
    """A node's HTTPS endpoint that serves the logs of its containers, and nothing else."""

    def __init__(self, folder, logs):
        """Begin it, with a certificate of its own.

        Args:
            folder: Where the certificate goes.
            logs: The `Log` for each (namespace, pod, container).
        """
        self.stopping = threading.Event()
        key, certificate = folder / "kubelet.key", folder / "kubelet.crt"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1",
             "-subj", "/CN=node", "-keyout", key, "-out", certificate],
            check=True, capture_output=True,
        )  # fmt: skip
        stopping = self.stopping

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_GET(self):
                parts = urlsplit(self.path)
                _, _, namespace, pod, container = parts.path.split("/")
                params = {name: values[0] for name, values in parse_qs(parts.query).items()}
                log = logs[namespace, pod, container]
                refusal = log.refusal(pod, container, params)
                if refusal is not None:
                    self.send_response(400)
                    self.send_header("Content-Length", str(len(refusal)))
                    self.end_headers()
                    self.wfile.write(refusal.encode())
                    return
                self.send_response(200)
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                at_once = params.get("follow") == "true"
                send_chunks(self.wfile, log.pieces(params, stopping), at_once=at_once)

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def stop(self):
        """End it."""
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)


def send_chunks(file, pieces, *, at_once):
    """Send pieces in HTTP's chunks; returns False where the other side has gone.

    Args:
        file: Where to.
        pieces: What.
        at_once: Each piece as soon as it is there, as of a log that is followed.
    """
    try:
        gathered = b""
        for piece in pieces:
            gathered += piece
            if at_once or len(gathered) > 32768:
                file.write(b"%x\r\n%s\r\n" % (len(gathered), gathered))
                file.flush()
                gathered = b""
        if gathered:
            file.write(b"%x\r\n%s\r\n" % (len(gathered), gathered))
        file.write(b"0\r\n\r\n")
        file.flush()
    except (OSError, ValueError):
        return False
    return True
