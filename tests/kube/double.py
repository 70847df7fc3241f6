"""A double of the Kubernetes API server: pods, lists in pages, watches, logs, errors in its words.

What it answers was compared with a real one (kube-apiserver 1.20, see `tests.kube.real`): the same
tests run against both. Beyond that it can be told to fail, which a real one can't.
"""

import copy
import http.server
import json
import re
import socket
import struct
import threading
import time
from urllib.parse import parse_qs, unquote, urlsplit

from tests.kube.kubelet import Log, send_chunks

TOKEN = "good-token"

_REASONS = {
    400: "BadRequest", 401: "Unauthorized", 403: "Forbidden", 404: "NotFound",
    405: "MethodNotAllowed", 410: "Expired", 422: "Invalid", 429: "TooManyRequests",
    500: "InternalError", 503: "ServiceUnavailable",
}  # fmt: skip
_TERM = re.compile(
    r"\s*([\w./-]+)\s*(?:(==?|!=)\s*([\w./-]*)|(in|notin)\s*\(([^)]*)\))?\s*(?:,|\Z)"
)


class Fault:
    """Something that goes wrong, a number of times, with requests whose address contains a text.

    Attributes:
        path: The text.
        times: How often yet.
        status: Answer with this status; None to break the connection.
        headers: With these headers.
        message: In these words.
        after: Break a stream that has sent so many bytes.
        body: This body in the place of a Status.
    """

    def __init__(
        self, path="", times=1, *, status=None, headers=(), message="", after=0, body=None
    ):
        self.path, self.times = path, times
        self.status, self.headers, self.message = status, dict(headers), message
        self.after, self.body = after, body


class Double:
    """The server, on a thread of its own.

    Attributes:
        url: Where it is.
        namespace: A namespace that it has.
        requests: (method, path, parameters) of all that was asked.
        faults: What is to go wrong.
        logs: The `Log` for each (namespace, pod, container).
    """

    real = False

    def __init__(self):
        """Begin it, empty."""
        self.namespace = "default"
        self.requests, self.faults = [], []
        self.pods, self.logs = {}, {}
        self.stopping = threading.Event()
        self._changed = threading.Condition()
        self._changes, self._oldest, self._watches = [], 1, 0
        self._lists = {}
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def stop(self):
        """End it."""
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)

    def kubeconfig(self, path, *, token=TOKEN, namespace=None, url=None):
        """Write a kubeconfig by which it is reached."""
        context = {"cluster": "here", "user": "me"} | (
            {"namespace": namespace} if namespace else {}
        )
        path.write_text(json.dumps({
            "current-context": "test",
            "contexts": [{"name": "test", "context": context}],
            "clusters": [{"name": "here", "cluster": {"server": url or self.url}}],
            "users": [{"name": "me", "user": {"token": token}}],
        }))  # fmt: skip
        return path

    def add_pod(
        self, name, containers=("app",), *, namespace=None, labels=None, init=(), ephemeral=(),
        node="node-1", restart="Always",
    ):  # fmt: skip
        """Add a pod that runs; returns the logs of its containers, by their names."""
        namespace = namespace or self.namespace
        names = [*init, *containers, *ephemeral]
        logs = {each: Log() for each in names}
        self.logs |= {(namespace, name, each): log for each, log in logs.items()}
        self.pods[namespace, name] = {
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": name, "namespace": namespace, "labels": labels or {},
                         "uid": f"uid-{len(self._changes)}"},
            "spec": {
                "nodeName": node, "restartPolicy": restart,
                "initContainers": [{"name": each, "image": "i"} for each in init],
                "containers": [{"name": each, "image": "i"} for each in containers],
                "ephemeralContainers": [{"name": each, "image": "i"} for each in ephemeral],
            },
            "status": {"phase": "Running" if node else "Pending"},
        }  # fmt: skip
        for group, members in (("initContainerStatuses", init), ("containerStatuses", containers),
                               ("ephemeralContainerStatuses", ephemeral)):  # fmt: skip
            self.pods[namespace, name]["status"][group] = [
                {"name": each, "restartCount": 0, "state": {"running": {}}}
                for each in members
                if node
            ]
        self._note(namespace, name, None)
        return logs

    def _note(self, namespace, name, before):
        """Keep what a pod was and is, for those who watch."""
        with self._changed:
            pod = self.pods.get((namespace, name))
            version = len(self._changes) + 1
            if pod is not None:
                pod["metadata"]["resourceVersion"] = str(version)
            self._changes.append((namespace, before, copy.deepcopy(pod)))
            self._changed.notify_all()

    def forget(self):
        """Forget what has changed up to now, as a server does after some minutes."""
        with self._changed:
            self._oldest = len(self._changes) + 1

    def end_watches(self):
        """End all watches that are under way, as a server does that is restarted."""
        with self._changed:
            self._watches += 1
            self._changed.notify_all()

    def set_state(self, name, container, state, *, restarts=0, namespace=None):
        """Say what a container does, such as ``{"waiting": {"reason": "CrashLoopBackOff"}}``."""
        namespace = namespace or self.namespace
        before = copy.deepcopy(self.pods[namespace, name])
        status = self.pods[namespace, name]["status"]
        for group in ("initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses"):
            for each in status[group]:
                if each["name"] == container:
                    each |= {"state": state, "restartCount": restarts}
        self._note(namespace, name, before)

    def bind(self, name, node):
        """Give a pod to a node, as the scheduler does."""
        before = copy.deepcopy(self.pods[self.namespace, name])
        self.pods[self.namespace, name]["spec"]["nodeName"] = node
        self._note(self.namespace, name, before)

    def remove_pod(self, name, namespace=None):
        """Let a pod vanish."""
        namespace = namespace or self.namespace
        self._note(namespace, name, self.pods.pop((namespace, name)))

    def paths(self, text=""):
        """Return the paths that were asked for and contain a text."""
        return [path for _, path, _ in self.requests if text in path]


def _handler(cluster):
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            pass

        def do_GET(self):
            parts = urlsplit(self.path)
            params = {name: values[0] for name, values in parse_qs(parts.query).items()}
            cluster.requests.append((self.command, parts.path, params))
            fault = next(
                (each for each in cluster.faults if each.times and each.path in self.path), None
            )
            if fault is not None:
                fault.times -= 1
                if fault.status is not None:
                    return self._say(fault.status, fault.message, fault.headers, fault.body)
                if not fault.after:
                    return self._hang_up()
            if self.command != "GET":
                return self._say(405, f"the double does not allow {self.command}")
            if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                return self._say(401, "Unauthorized")
            return self._route(unquote(parts.path).split("/")[1:], params, fault)

        def __getattr__(self, name):
            if name.startswith("do_"):  # every other method: it is refused, and known of
                return self.do_GET
            raise AttributeError(name)

        def _route(self, path, params, fault):
            match path:
                case ["api", "v1", "pods"]:
                    return self._list(None, params, fault)
                case ["api", "v1", "namespaces", "forbidden", *_]:
                    return self._say(
                        403, 'pods is forbidden: User "me" cannot list resource "pods"'
                    )
                case ["api", "v1", "namespaces", namespace, "pods"]:
                    return self._list(namespace, params, fault)
                case ["api", "v1", "namespaces", namespace, "pods", name, *rest] if rest in (
                    [],
                    ["log"],
                ):
                    pod = cluster.pods.get((namespace, name))
                    if pod is None:
                        return self._say(404, f'pods "{name}" not found')
                    if not rest:
                        return self._json(200, pod)
                    if rest == ["log"]:
                        return self._log(pod, params, fault)
            return self._say(404, "the server could not find the requested resource")

        def _list(self, namespace, params, fault):
            if params.get("watch") == "true":
                return self._watch(namespace, params, fault)
            if "continue" in params:
                remaining = cluster._lists.pop(params["continue"], None)
                if remaining is None:
                    return self._say(410, "The provided continue parameter is too old")
            else:
                try:
                    remaining = [
                        pod for (within, _), pod in sorted(cluster.pods.items())
                        if namespace in (None, within) and _chosen(pod, params)
                    ]  # fmt: skip
                except ValueError as error:
                    return self._say(400, str(error))
            limit = int(params.get("limit", 0)) or len(remaining)
            page, remaining = remaining[:limit], remaining[limit:]
            meta = {"resourceVersion": str(len(cluster._changes))}
            if remaining:
                meta["continue"] = f"token-{len(cluster.requests)}"
                cluster._lists[meta["continue"]] = remaining
            return self._json(
                200, {"kind": "PodList", "apiVersion": "v1", "metadata": meta, "items": page}
            )

        def _log(self, pod, params, fault):
            name = pod["metadata"]["name"]
            spec = pod["spec"]
            names = [each["name"] for each in spec["containers"]]
            every = [each["name"] for group in ("initContainers", "containers", "ephemeralContainers")
                     for each in spec[group]]  # fmt: skip
            if "sinceSeconds" in params and "sinceTime" in params:
                return self._say(
                    422,
                    "PodLogOptions is invalid: at most one of sinceTime or sinceSeconds may be specified",
                )
            if int(params.get("tailLines", 0)) < 0 or int(params.get("limitBytes", 1)) < 1:
                return self._say(
                    422, "PodLogOptions is invalid: must be greater than or equal to 0"
                )
            container = params.get("container") or (names[0] if len(names) == 1 else None)
            if container is None:
                return self._say(
                    400,
                    f"a container name must be specified for pod {name}, choose one of: [{' '.join(names)}]",
                )
            if container not in every:
                return self._say(400, f"container {container} is not valid for pod {name}")
            log = cluster.logs[pod["metadata"]["namespace"], name, container]
            refusal = log.refusal(name, container, params)
            if refusal is not None:
                return self._say(400, refusal)
            if not spec["nodeName"]:
                self.send_response(204)
                return self.end_headers()
            pieces = log.pieces(params, cluster.stopping)
            return self._stream(pieces, "text/plain", fault, params.get("follow") == "true")

        def _watch(self, namespace, params, fault):
            version = params.get("resourceVersion", "")
            if not version.isdecimal():
                return self._say(400, f"unable to parse '{version}' as a resource version")
            return self._stream(
                self._events(namespace, params, int(version)), "application/json", fault, True
            )

        def _events(self, namespace, params, at):
            deadline = time.monotonic() + float(params.get("timeoutSeconds", 1800))
            watches = cluster._watches
            if at + 1 < cluster._oldest:
                yield _event("ERROR", {
                    "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
                    "message": f"too old resource version: {at} ({cluster._oldest - 1})",
                    "reason": "Expired", "code": 410,
                })  # fmt: skip
                return
            while watches == cluster._watches and not cluster.stopping.is_set():
                with cluster._changed:
                    if at >= len(cluster._changes):
                        if time.monotonic() >= deadline:
                            break
                        cluster._changed.wait(0.1)
                        continue
                    within, old, new = cluster._changes[at]
                    at += 1
                was, is_ = (
                    each is not None and namespace in (None, within) and _chosen(each, params)
                    for each in (old, new)
                )
                if was or is_:
                    kind = ("ADDED", "MODIFIED")[was] if is_ else "DELETED"
                    pod = copy.deepcopy(new if is_ else old)
                    pod["metadata"]["resourceVersion"] = str(at)
                    yield _event(kind, pod)
            if params.get("allowWatchBookmarks") == "true":
                yield _event("BOOKMARK", {
                    "kind": "Pod", "apiVersion": "v1", "metadata": {"resourceVersion": str(at)},
                })  # fmt: skip

        def _stream(self, pieces, kind, fault, at_once):
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            if fault is not None:  # without a reset, which would take back what was sent
                self.close_connection = True
                send_chunks(_Unending(self.wfile), _cut(pieces, fault.after), at_once=at_once)
                return
            if not send_chunks(self.wfile, pieces, at_once=at_once):
                self.close_connection = True
            return

        def _say(self, status, message, headers=(), body=None):
            if body is not None:
                return self._send(status, body, "text/html", headers)
            return self._json(status, {
                "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
                "message": message, "reason": _REASONS.get(status, ""), "code": status,
            }, headers)  # fmt: skip

        def _json(self, status, value, headers=()):
            return self._send(status, json.dumps(value).encode(), "application/json", headers)

        def _send(self, status, body, kind, headers):
            self.send_response(status)
            for name, value in dict(headers).items():
                self.send_header(name, value)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def _hang_up(self):
            """Reset the connection, as a proxy that dies does."""
            self.wfile.flush()
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            self.connection.close()

    return Handler


class _Unending:
    """Leaves out what ends a row of chunks."""

    def __init__(self, file):
        self._file = file

    def write(self, data):
        if data != b"0\r\n\r\n":
            self._file.write(data)

    def flush(self):
        self._file.flush()


def _cut(pieces, size):
    for piece in pieces:
        yield piece[:size]
        size -= len(piece)
        if size <= 0:
            return


def _event(kind, value):
    return json.dumps({"type": kind, "object": value}).encode() + b"\n"


def _chosen(pod, params):
    labels = pod["metadata"]["labels"]
    fields = {
        "metadata.name": pod["metadata"]["name"], "metadata.namespace": pod["metadata"]["namespace"],
        "spec.nodeName": pod["spec"]["nodeName"], "status.phase": pod["status"]["phase"],
    }  # fmt: skip
    return _matches(params.get("labelSelector", ""), labels) and _matches(
        params.get("fieldSelector", ""), fields, strict=True
    )


def _matches(selector, facts, *, strict=False):
    at = 0
    while at < len(selector):
        match = _TERM.match(selector, at)
        if match is None:
            raise ValueError(f"unable to parse requirement: {selector}")
        at = match.end()
        name, operator, value, within, values = match.groups()
        if strict and name not in facts:
            raise ValueError(f"field label not supported: {name}")
        known = facts.get(name)
        listed = [each.strip() for each in (values or "").split(",")]
        if not {
            None: known is not None, "=": known == value, "==": known == value,
            "!=": known != value, "in": known in listed, "notin": known not in listed,
        }[operator or within]:  # fmt: skip
            return False
    return True
