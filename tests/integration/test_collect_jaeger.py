"""Traces collected from Jaeger's query API.

The API is served here from documents in the form that Jaeger gives (`Double`); the same tests run
against a real Jaeger, which takes minutes to build, by `make jaeger`.
"""

import asyncio
import http.server
import json
import os
import random
import re
import socket
import subprocess
import threading
import time
import urllib.parse
import urllib.request
from pathlib import Path

import pytest

import steno
from steno.collectors.jaeger import collect_traces, collect_traces_async
from steno.errors import CollectError

ROOT = Path(__file__).parents[2]
LATENESS_S = 60
UNITS_US = {"ns": 0.001, "us": 1, "µs": 1, "ms": 1e3, "s": 1e6, "m": 6e7, "h": 3.6e9}
DURATION = re.compile(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)")


class Span:
    """A span, as both servers are given it; times in microseconds."""

    def __init__(self, trace, service, operation, start, duration=10, tags=None, parent=None):
        self.trace, self.service, self.operation = trace, service, operation
        self.start, self.duration, self.tags, self.parent = start, duration, tags or {}, parent
        self.id = random.Random(f"{trace}{service}{operation}{start}").getrandbits(63) + 1

    def as_jaeger(self):
        """Write it as Jaeger's API does."""
        parent = f"{self.parent.id:016x}" if self.parent else None
        reference = {"refType": "CHILD_OF", "traceID": self.trace, "spanID": parent}
        return {
            "traceID": self.trace, "spanID": f"{self.id:016x}", "operationName": self.operation,
            "references": [reference] if parent else [], "startTime": self.start,
            "duration": self.duration, "logs": [], "processID": f"p-{self.service}",
            "tags": [{"key": k, "type": "string", "value": v} for k, v in self.tags.items()],
            "warnings": None,
        }  # fmt: skip

    def as_otlp(self):
        """Write it as OpenTelemetry sends it, by which a real Jaeger learns of it."""
        attributes = [{"key": k, "value": {"stringValue": v}} for k, v in self.tags.items()]
        span = {
            "traceId": self.trace, "spanId": f"{self.id:016x}", "name": self.operation, "kind": 1,
            "parentSpanId": f"{self.parent.id:016x}" if self.parent else "",
            "startTimeUnixNano": str(self.start * 1000),
            "endTimeUnixNano": str((self.start + self.duration) * 1000), "attributes": attributes,
        }  # fmt: skip
        name = [{"key": "service.name", "value": {"stringValue": self.service}}]
        return {"resource": {"attributes": name}, "scopeSpans": [{"spans": [span]}]}


class Double:
    """Jaeger's query API over spans in memory, as its store in memory answers.

    Attributes:
        url: Where it is.
    """

    def __init__(self):
        self._spans = {}
        double = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                parts = urllib.parse.urlsplit(self.path)
                status, data, errors = double.answer(
                    parts.path, dict(urllib.parse.parse_qsl(parts.query))
                )
                body = json.dumps(
                    {"data": data, "total": 0, "limit": 0, "offset": 0, "errors": errors}
                ).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def take(self, spans):
        """Learn of spans."""
        for span in spans:
            self._spans.setdefault(span.trace, []).append(span)

    def stop(self):
        """End."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)

    def answer(self, path, params):
        """Answer a question: status, data and errors."""
        names = [urllib.parse.unquote(each) for each in path.split("/")[1:]]
        spans = [span for trace in self._spans.values() for span in trace]
        try:
            match names:
                case ["api", "services"]:
                    return 200, sorted({span.service for span in spans}), None
                case ["api", "services", service, "operations"]:
                    own = {span.operation for span in spans if span.service == service}
                    return 200, sorted(own), None
                case ["api", "traces"]:
                    return 200, self._search(params), None
                case ["api", "traces", trace]:
                    return self._one(trace)
        except ValueError as error:
            return 400, None, [{"code": 400, "msg": str(error)}]
        return 404, None, [{"code": 404, "msg": "no such page"}]

    def _one(self, trace):
        if re.fullmatch("[0-9a-f]{1,32}", trace) is None:
            raise ValueError(f'strconv.ParseUint: parsing "{trace}": invalid syntax')
        if trace not in self._spans:
            return 404, None, [{"code": 404, "msg": "trace not found"}]
        return 200, [self._document(trace)], None

    def _search(self, params):
        if not params.get("service"):
            raise ValueError("parameter 'service' is required")
        tags = json.loads(params.get("tags") or "{}")
        first, last, limit = (int(params[name]) for name in ("start", "end", "limit"))
        least = self._parse(params.get("minDuration"))
        most = self._parse(params.get("maxDuration")) or float("inf")
        found = [
            trace
            for trace, spans in self._spans.items()
            if any(
                span.service == params["service"]
                and params.get("operation") in (None, span.operation)
                and first <= span.start <= last
                and least <= span.duration <= most
                and tags.items() <= span.tags.items()
                for span in spans
            )
        ]
        # The order means nothing; where there are too many, the newest are given.
        random.Random(len(found)).shuffle(found)
        if len(found) > limit:
            found = sorted(found, key=lambda trace: self._spans[trace][0].start)[-limit:]
        return [self._document(trace) for trace in found]

    def _parse(self, text):
        if not text:
            return 0
        parts = DURATION.findall(text)
        if "".join(map("".join, parts)) != text:
            raise ValueError(f"unable to parse param: time: invalid duration {text!r}")
        return sum(float(count) * UNITS_US[unit] for count, unit in parts)

    def _document(self, trace):
        spans = self._spans[trace]
        services = {span.service for span in spans}
        return {
            "traceID": trace, "spans": [span.as_jaeger() for span in spans], "warnings": None,
            "processes": {f"p-{each}": {"serviceName": each, "tags": []} for each in services},
        }  # fmt: skip


class Real:
    """A real Jaeger with its store in memory; the methods are those of `Double`."""

    def __init__(self, folder):
        programs = sorted((ROOT / ".cache" / "jaeger").glob("jaeger-v*[0-9]"))
        if not programs:
            missing = "Jaeger is missing: scripts/install-jaeger builds it"
            (pytest.fail if os.environ.get("CI") else pytest.skip)(missing)
        sockets = [socket.socket() for _ in range(8)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        ports = [f"127.0.0.1:{each.getsockname()[1]}" for each in sockets]
        for each in sockets:
            each.close()
        names = [
            "query.http-server", "query.grpc-server", "collector.grpc-server",
            "collector.http-server", "collector.otlp.grpc", "collector.otlp.http", "admin.http",
        ]  # fmt: skip
        options = [f"--{name}.host-port={port}" for name, port in zip(names, ports, strict=False)]
        self.url, self._intake = f"http://{ports[0]}", f"http://{ports[5]}/v1/traces"
        self._log = (folder / "log").open("wb")
        self._running = subprocess.Popen(
            [programs[-1], *options], stdout=self._log, stderr=subprocess.STDOUT
        )
        self._wait(lambda: self._read("/api/services") is not None)

    def take(self, spans):
        """Send spans, and wait until all of them can be searched for."""
        for at in range(0, len(spans), 500):
            body = json.dumps({"resourceSpans": [s.as_otlp() for s in spans[at : at + 500]]})
            headers = {"content-type": "application/json"}
            request = urllib.request.Request(self._intake, body.encode(), headers)
            with urllib.request.urlopen(request) as reply:
                assert reply.status == 200
        for span in (spans[-1], spans[0]):
            self._wait(lambda span=span: self._read(f"/api/traces/{span.trace}"))

    def _read(self, path):
        try:
            with urllib.request.urlopen(self.url + path) as reply:
                return json.load(reply)["data"] or []
        except OSError:
            return None

    def _wait(self, condition):
        until = time.monotonic() + LATENESS_S
        while not condition():
            assert time.monotonic() < until
            time.sleep(0.05)

    def stop(self):
        """End it."""
        self._running.kill()
        self._running.wait(30)
        self._log.close()


NOW = int(time.time() * 1e6)


def make_spans():
    """Make 1,000 traces of one service within ten minutes, and some others."""
    spans = []
    for at in range(1000):
        trace = f"{at + 1:016x}{at + 1:016x}"
        operation = "POST /pay" if at % 2 else "GET /pay"
        tags = {"error": "true"} if at % 10 == 0 else {"http.status_code": "200"}
        root = Span(trace, "payments", operation, NOW - at * 600_000, 1000 * (at % 20), tags)
        spans += [root, Span(trace, "database", "SELECT", root.start + 5, parent=root)]
    spans += [Span("f" * 32, "a/b ü", "GET /?x=1&y=2", NOW - 10)]
    return spans


@pytest.fixture(scope="module", params=["double", pytest.param("real", marks=pytest.mark.jaeger)])
def jaeger(request, tmp_path_factory):
    """Serve traces: from documents, or by a real Jaeger."""
    server = Double() if request.param == "double" else Real(tmp_path_factory.mktemp("jaeger"))
    try:
        server.take(make_spans())
        yield server
    finally:
        server.stop()


@pytest.fixture(autouse=True)
def _here(monkeypatch):
    """Let nothing go through a proxy of the user's."""
    for name in list(os.environ):
        if name.startswith("JAEGER_") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


def starts(entries):
    """List when the service began each of the traces."""
    return [
        next(s["startTime"] for s in trace["spans"] if s["operationName"] != "SELECT")
        for trace in entries
    ]


WINDOW = {"start": (NOW - 700_000_000) / 1e6, "end": (NOW + 1_000_000) / 1e6}


@pytest.mark.parametrize("limit", [1, 20, 100, 250, 999])
def test_newest(jaeger, limit):
    """The newest traces are collected, each once, and that there are more is said."""
    collection = collect_traces(service="payments", limit=limit, url=jaeger.url, **WINDOW)

    assert starts(collection.entries) == [NOW - at * 600_000 for at in range(limit)]
    assert (collection.complete, collection.reason) == (False, "limit")


@pytest.mark.parametrize("limit", [1000, 5000])
def test_all(jaeger, limit):
    """Where there are no more than were asked for, it is all there is."""
    collection = collect_traces(service="payments", limit=limit, url=jaeger.url, **WINDOW)

    assert (collection.count, collection.complete) == (1000, True)
    assert len({trace["traceID"] for trace in collection.entries}) == 1000
    assert collection.metadata["spans"] == 2000
    assert collection.metadata["answers"] < 40


def test_window(jaeger):
    """The window's ends belong to it, to the microsecond."""
    exact = {"start": (NOW - 3 * 600_000) / 1e6, "end": (NOW - 600_000) / 1e6}

    collection = collect_traces(service="payments", url=jaeger.url, **exact)

    assert starts(collection.entries) == [NOW - at * 600_000 for at in (1, 2, 3)]


def test_choosing(jaeger):
    """Operation, tags and durations choose among the traces."""

    def count(**options):
        return collect_traces(
            service="payments", limit=2000, url=jaeger.url, **WINDOW, **options
        ).count

    assert count(operation="POST /pay") == 500
    assert count(tags={"error": "true"}) == 100
    assert count(tags={"error": "true", "http.status_code": "200"}) == 0
    assert count(min_duration="19ms") == 50
    assert count(min_duration="5ms", max_duration=0.006) == 100


def test_names(jaeger):
    """Names may have any characters."""
    collection = collect_traces(
        service="a/b ü", operation="GET /?x=1&y=2", url=jaeger.url, **WINDOW
    )

    assert [trace["traceID"] for trace in collection.entries] == ["f" * 32]


def test_one_trace(jaeger):
    """A trace is fetched by its id, with the spans of all services."""
    (trace,) = collect_traces(trace_id=f"{7:016x}{7:016x}", url=jaeger.url).entries

    assert {p["serviceName"] for p in trace["processes"].values()} == {"payments", "database"}


@pytest.mark.parametrize(
    ("options", "reason", "told"),
    [
        ({"trace_id": "ab" * 16}, "missing", "no trace"),
        ({"trace_id": "no id"}, "query", "Jaeger says"),
        ({"service": "payment"}, "missing", "no service 'payment'"),
        ({"service": "payments", "operation": "PUT"}, "missing", "no operation 'PUT' of payments"),
        ({"service": "a/b ü", "operation": "PUT"}, "missing", "no operation 'PUT' of a/b"),
    ],
)
def test_errors(jaeger, options, reason, told):
    """What is not there, or can't be asked for, is an error in Jaeger's words or plain ones."""
    with pytest.raises(CollectError, match=told) as caught:
        collect_traces(url=jaeger.url, **options)

    assert caught.value.reason == reason


def test_quiet_service(jaeger):
    """A service that is known and did nothing is no error."""
    collection = collect_traces(service="payments", until="5d", url=jaeger.url)

    assert (collection.count, collection.complete) == (0, True)


def test_at_once(jaeger, home):
    """Several collections run side by side in one event loop, into one session."""

    async def main(session):
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(
                    collect_traces_async(
                        service="payments", tags=tags, limit=500, url=jaeger.url, session=session,
                        **WINDOW,
                    )
                )
                for tags in ({"error": "true"}, {"http.status_code": "200"})
            ]  # fmt: skip
        return [task.result() for task in tasks]

    with steno.open(home) as recorder, recorder.session("s") as session:
        errors, others = asyncio.run(main(session))

    assert errors.saved[0].path != others.saved[0].path
    assert len(json.loads(errors.saved[0].path.read_text())["data"]) == 100
    assert (others.count, others.reason) == (500, "limit")


def test_command(jaeger, run, home):
    """From the command line: a new session in the home, with the traces in it."""
    code, out, err = run(
        "collect", "jaeger", "--service", "payments", "--tag", "error=true", "--since", "12h",
        "--url", jaeger.url, "--home", home, "--json",
    )  # fmt: skip

    assert (code, err) == (0, "")
    told = json.loads(out)
    assert told["count"] == 100
    document = json.loads(Path(told["artefacts"][0]["path"]).read_text())
    assert document["metadata"]["service"] == "payments"
    assert "traces from jaeger" in run("show", told["session_id"], "--home", home)[1]
