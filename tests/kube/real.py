"""A real kube-apiserver with etcd behind it, and a node whose kubelet is a double.

Nothing runs in this cluster: pods and their states are written as a kubelet would write them, and
the API server fetches their logs from the node that they name. Built by
``scripts/install-kube-apiserver``.
"""

import json
import os
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

from tests.kube.kubelet import Kubelet, Log

FOLDER = Path(os.environ.get("STENO_KUBE") or Path(__file__).parents[2] / ".cache" / "kube")
BINARIES = [FOLDER / "bin" / "kube-apiserver", FOLDER / "bin" / "etcd"]
TOKEN = "good-token"

_WEAK = "weak-token"


class Real:
    """The cluster; has what `tests.kube.double.Double` has, but for what can't be told to a real one.

    Attributes:
        url: Where the API server is.
        namespace: A namespace that it has; another one for each test.
        logs: The `Log` for each (namespace, pod, container).
        certificate: The server's, which signs itself.
    """

    real = True

    def __init__(self, folder):
        """Begin it: a few seconds."""
        self.namespace = "default"
        self.logs = {}
        self._folder = folder
        self._processes = []
        self._kubelet = Kubelet(folder, self.logs)
        client, peer, secure = (_free_port() for _ in range(3))
        self._start(
            BINARIES[1], "--data-dir", folder / "etcd", "--unsafe-no-fsync",
            "--listen-client-urls", f"http://127.0.0.1:{client}",
            "--advertise-client-urls", f"http://127.0.0.1:{client}",
            "--listen-peer-urls", f"http://127.0.0.1:{peer}",
        )  # fmt: skip
        key = folder / "account.key"
        subprocess.run(["openssl", "genrsa", "-out", key, "2048"], check=True, capture_output=True)
        tokens = folder / "tokens.csv"
        tokens.write_text(f'{TOKEN},admin,1,"system:masters"\n{_WEAK},nobody,2\n')
        self._start(
            BINARIES[0], f"--etcd-servers=http://127.0.0.1:{client}", "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1", f"--secure-port={secure}", "--insecure-port=0",
            f"--cert-dir={folder / 'certs'}", f"--service-account-key-file={key}",
            f"--service-account-signing-key-file={key}", "--service-account-issuer=https://local",
            f"--token-auth-file={tokens}", "--authorization-mode=RBAC",
            "--service-cluster-ip-range=10.0.0.0/24", "--disable-admission-plugins=ServiceAccount",
            "--endpoint-reconciler-type=none", "--kubelet-preferred-address-types=InternalIP",
        )  # fmt: skip
        self.url = f"https://127.0.0.1:{secure}"
        self.certificate = folder / "certs" / "apiserver.crt"
        try:
            self._wait()
            self._send("POST", "/api/v1/nodes", {"metadata": {"name": "node-1"}})
            self._patch("/api/v1/nodes/node-1/status", {"status": {
                "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
                "daemonEndpoints": {"kubeletEndpoint": {"Port": self._kubelet.port}},
            }})  # fmt: skip
        except BaseException:
            self.stop()
            raise

    def _start(self, *command):
        with open(self._folder / f"{Path(command[0]).name}.log", "wb") as log:
            self._processes.append(subprocess.Popen(
                [str(each) for each in command], stdout=log, stderr=log, cwd=self._folder,
            ))  # fmt: skip

    def _wait(self):
        for _ in range(600):
            if any(each.poll() is not None for each in self._processes):
                break
            try:
                if self._send("GET", "/readyz", raw=True) == b"ok":
                    return
            except (OSError, ssl.SSLError):
                pass
            time.sleep(0.1)
        raise AssertionError((self._folder / "kube-apiserver.log").read_text()[-3000:])

    def _send(self, method, path, body=None, *, raw=False, kind="application/json"):
        context = ssl._create_unverified_context()
        request = urllib.request.Request(
            self.url + path, method=method, data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {TOKEN}", "Content-Type": kind},
        )  # fmt: skip
        with urllib.request.urlopen(request, context=context, timeout=10) as answer:
            data = answer.read()
        return data if raw else json.loads(data)

    def _patch(self, path, body):
        return self._send("PATCH", path, body, kind="application/strategic-merge-patch+json")

    def use_namespace(self, name):
        """Make a namespace, and add pods to it from now on."""
        self._send("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
        self.namespace = name

    def stop(self):
        """End all of it."""
        self._kubelet.stop()
        for each in reversed(self._processes):
            each.terminate()
        for each in self._processes:
            try:
                each.wait(10)
            except subprocess.TimeoutExpired:
                each.kill()
                each.wait()

    def kubeconfig(self, path, *, token=TOKEN, namespace=None, url=None):
        """Write a kubeconfig by which it is reached."""
        path.write_text(json.dumps({
            "current-context": "test",
            "contexts": [{"name": "test", "context": {
                "cluster": "here", "user": "me", "namespace": namespace or self.namespace}}],
            "clusters": [{"name": "here", "cluster": {
                "server": url or self.url, "certificate-authority": str(self.certificate)}}],
            "users": [{"name": "me", "user": {"token": token}}],
        }))  # fmt: skip
        return path

    def add_pod(
        self, name, containers=("app",), *, namespace=None, labels=None, init=(), ephemeral=(),
        node="node-1", restart="Always",
    ):  # fmt: skip
        """Add a pod that runs; returns the logs of its containers, by their names."""
        assert not ephemeral, "switched off in this version"
        namespace = namespace or self.namespace
        logs = {each: Log() for each in (*init, *containers)}
        self.logs.update({(namespace, name, each): log for each, log in logs.items()})
        self._send("POST", f"/api/v1/namespaces/{namespace}/pods", {
            "metadata": {"name": name, "labels": labels or {}},
            "spec": {
                "nodeName": node, "restartPolicy": restart,
                "initContainers": [{"name": each, "image": "i"} for each in init],
                "containers": [{"name": each, "image": "i"} for each in containers],
            },
        })  # fmt: skip
        if not node:
            return logs
        running = {"running": {"startedAt": "2026-01-01T00:00:00Z"}}
        self._states = {
            group: [self._status(each, running, 0) for each in members]
            for group, members in (
                ("initContainerStatuses", init),
                ("containerStatuses", containers),
            )
        }
        self._patch(f"/api/v1/namespaces/{namespace}/pods/{name}/status", {
            "status": {"phase": "Running", **self._states}})  # fmt: skip
        return logs

    def _status(self, name, state, restarts):
        return {"name": name, "image": "i", "imageID": "i", "ready": True, "state": state,
                "restartCount": restarts}  # fmt: skip

    def set_state(self, name, container, state, *, restarts=0, namespace=None):
        """Say what a container does, such as ``{"waiting": {"reason": "CrashLoopBackOff"}}``."""
        path = f"/api/v1/namespaces/{namespace or self.namespace}/pods/{name}"
        status = self._send("GET", path)["status"]
        for group in ("initContainerStatuses", "containerStatuses"):
            for each in status.get(group, ()):
                if each["name"] == container:
                    whole = dict.fromkeys(("running", "waiting", "terminated")) | state
                    each |= {"state": whole, "restartCount": restarts}
        self._patch(f"{path}/status", {"status": {
            group: status[group] for group in ("initContainerStatuses", "containerStatuses")
            if group in status}})  # fmt: skip

    def bind(self, name, node):
        """Give a pod to a node, as the scheduler does."""
        self._send("POST", f"/api/v1/namespaces/{self.namespace}/pods/{name}/binding", {
            "metadata": {"name": name}, "target": {"kind": "Node", "name": node}})  # fmt: skip

    def remove_pod(self, name, namespace=None):
        """Let a pod vanish."""
        path = f"/api/v1/namespaces/{namespace or self.namespace}/pods/{name}?gracePeriodSeconds=0"
        self._send("DELETE", path)


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
