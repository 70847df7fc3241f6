"""Every command and example in the README and the documents runs."""

import http.server
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from tests.kube.double import Double

import steno
from steno.config import KEYS, load_config
from steno.events.codec import decode_line
from steno.events.model import Event

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(language):
    """List the blocks of a language in all pages."""
    return [
        pytest.param(text, id=f"{page.name}-{number}")
        for page in PAGES
        for number, (kind, text) in enumerate(FENCE.findall(page.read_text()))
        if kind == language
    ]


class Services(http.server.BaseHTTPRequestHandler):
    """Prometheus and Jaeger in one, for what collects from them: each has one thing to tell."""

    def do_GET(self):
        trace = {"traceID": "a", "spans": [{"startTime": 1}], "processes": {}}
        series = {"metric": {"job": "a"}, "value": [1, "1"]}
        told = {"status": "success", "data": {"resultType": "vector", "result": [series]}}
        body = json.dumps({"data": [trace]} if self.path.startswith("/api/traces") else told)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *arguments):
        pass


@pytest.fixture(scope="module", autouse=True)
def services(tmp_path_factory):
    """Serve what is collected from; `environment` names it."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Services) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        cluster = Double()
        for name in ("payments-svc", "payments-worker"):
            log = cluster.add_pod(name, namespace="production", labels={"app": "payments"})["app"]
            log.write("up").restart().write("up again")
        kubeconfig = cluster.kubeconfig(tmp_path_factory.mktemp("cluster") / "kubeconfig")
        with pytest.MonkeyPatch.context() as patch:
            for name in ("PROMETHEUS_URL", "JAEGER_QUERY_URL"):
                patch.setenv(name, f"http://127.0.0.1:{server.server_port}")
            patch.setenv("KUBECONFIG", str(kubeconfig))
            yield
        cluster.stop()
        server.shutdown()
        thread.join(10)


def environment(home):
    """Let commands find this Python's steno, and a home of their own."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "HOME": str(home), "STENO_HOME": str(home / ".steno")}


@pytest.mark.parametrize("text", blocks("sh"))
def test_shell_examples(text, tmp_path):
    """Every shell command in the documents runs on a home with a session in it."""
    if "jq" in text and shutil.which("jq") is None:
        if os.environ.get("CI"):
            pytest.fail("jq is missing: scripts/install-test-tools installs it")
        pytest.skip("jq is missing: apt-get install jq")
    with steno.open(tmp_path / ".steno") as recorder:
        with recorder.session("s", key="agent:main:main") as session:
            with session.request(model="m") as request:
                request.tool_call("search")
    data = ROOT / "tests" / "data" / "imports"
    shutil.copytree(data / "claude-code" / "blocks", tmp_path / ".claude" / "projects" / "-app")
    shutil.copytree(data / "codex", tmp_path / ".codex" / "sessions")
    shutil.copytree(data.parent / "recovery" / "openclaw", tmp_path / ".openclaw")
    shutil.copytree(data / "lunaroute-v1", tmp_path / ".lunaroute" / "v1")
    shutil.copytree(data / "lunaroute-v2", tmp_path / ".lunaroute" / "sessions")
    for line in text.splitlines():
        if line.startswith("steno proxy"):
            line = f"timeout --preserve-status -s INT 3 {line}"  # as a person ends it, by Ctrl-C
        done = subprocess.run(
            ["/bin/bash", "-o", "pipefail", "-c", line], env=environment(tmp_path),
            cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, (line, done.stderr)


@pytest.mark.parametrize("text", blocks("python"))
def test_python_examples(text, tmp_path):
    """Every Python example in the documents runs."""
    (tmp_path / "steno.yaml").write_text("session_recording:\n  jsonl: {directory: t}\n")
    done = subprocess.run(
        [sys.executable, "-c", text if "import steno" in text else f"import steno\n{text}"],
        env=environment(tmp_path), cwd=tmp_path, capture_output=True, text=True, check=False,
        timeout=60,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("text", blocks("yaml"))
def test_yaml_examples(text, tmp_path):
    """Every configuration in the documents is one."""
    path = tmp_path / "steno.yaml"
    path.write_text(text)

    load_config(path, environ={})


@pytest.mark.parametrize("text", blocks("json"))
def test_json_examples(text):
    """Every line of a transcript in the documents is read as what it says."""
    for line in text.splitlines():
        event = decode_line(line.encode())
        assert not isinstance(event, steno.UnknownEvent)
        assert isinstance(event, Event) == (json.loads(line)["type"] != "session")


def test_every_setting_is_documented():
    """The page on configuration names every key and variable, with its default."""
    page = (ROOT / "docs" / "configuration.md").read_text()

    for key in KEYS:
        if "*" in key.name or (key.default is None and not key.optional):
            assert f"`{key.name}`" in page
            continue
        default = {True: "true", False: "false", None: "null", (): "[]"}.get(
            key.default, str(key.default)
        )
        row = next(line for line in page.splitlines() if f"`{key.variable}`" in line)
        assert f"`{key.name.removeprefix('session_recording.')}`" in row
        assert f"`{default}`" in row


def test_every_command_is_in_the_readme():
    """The README shows every command."""
    from steno.cli.main import _COMMANDS

    page = (ROOT / "README.md").read_text()

    assert all(f"steno {command}" in page for command in _COMMANDS)


def test_links_lead_somewhere():
    """Every link from page to page leads to a file that exists."""
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
