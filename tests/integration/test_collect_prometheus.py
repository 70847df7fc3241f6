"""Metrics collected from a real Prometheus, which scrapes a real node exporter.

Both are Debian's, fetched by scripts/install-test-tools; they run on free ports of the loopback for
as long as this module's tests do.
"""

import itertools
import json
import os
import shutil
import socket
import subprocess
import threading
import time
import urllib.request
from pathlib import Path

import pytest

import steno
from steno.collectors import prometheus_plan
from steno.collectors.prometheus import collect_metrics
from steno.errors import CollectError

ROOT = Path(__file__).parents[2]
FETCHED = ROOT / ".cache" / "test-tools" / "usr" / "bin"
LATENESS_S = 60


def program(name):
    """Find a program, or say what is missing."""
    path = shutil.which(name, path=f"{FETCHED}{os.pathsep}{os.environ['PATH']}")
    if path is None:
        missing = f"{name} is missing: scripts/install-test-tools fetches it"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    return path


def free_ports(count):
    """Find free ports; all at once, so that none is found twice."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def wait_for(condition, what):
    """Wait until something holds, within a deadline that no working machine needs."""
    until = time.monotonic() + LATENESS_S
    while not condition():
        assert time.monotonic() < until, f"{what} did not come about"
        time.sleep(0.05)


class Server:
    """A Prometheus and its node exporter.

    Attributes:
        url: Where Prometheus is.
    """

    def __init__(self, folder):
        prometheus, exporter = program("prometheus"), program("prometheus-node-exporter")
        port, target = free_ports(2)
        self.url = f"http://127.0.0.1:{port}"
        (folder / "prometheus.yml").write_text(
            "global: {scrape_interval: 1s}\n"
            "scrape_configs:\n"
            f"- {{job_name: node, static_configs: [{{targets: ['127.0.0.1:{target}']}}]}}\n"
        )
        self._log = (folder / "log").open("wb")
        self._running = [
            self._start(exporter, f"--web.listen-address=127.0.0.1:{target}"),
            self._start(
                prometheus,
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
            ),
        ]

    def _start(self, *command):
        return subprocess.Popen(command, stdout=self._log, stderr=subprocess.STDOUT)

    def has_samples(self):
        """Tell whether there are two samples of the exporter's, so that rates can be asked for."""
        query = "count_over_time(up[1m]) > 1 and up == 1".replace(" ", "%20")
        try:
            with urllib.request.urlopen(f"{self.url}/api/v1/query?query={query}") as reply:
                return bool(json.load(reply)["data"]["result"])
        except OSError:
            return False

    def is_ready(self):
        """Tell whether it answers queries."""
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready"):
                return True
        except OSError:
            return False

    def stop(self):
        """End both, and wait for it."""
        for each in self._running:
            each.kill()
            each.wait(30)
        self._log.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Start a Prometheus that has scraped its node exporter."""
    server = Server(tmp_path_factory.mktemp("prometheus"))
    try:
        wait_for(server.has_samples, "a second sample of the node exporter")
        yield server
    finally:
        server.stop()


@pytest.fixture(autouse=True)
def _here(monkeypatch):
    """Let nothing go through a proxy of the user's."""
    for name in list(os.environ):
        if name.startswith("PROMETHEUS_") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


def test_instant(server):
    """An instant query gives one sample for each series, as Prometheus wrote it."""
    collection = collect_metrics("up", url=server.url)

    (entry,) = collection.entries
    assert entry["metric"]["__name__"] == "up"
    assert entry["metric"]["job"] == "node"
    assert entry["value"][1] == "1"
    assert collection.complete
    assert collection.metadata["result_type"] == "vector"


def test_range(server, home):
    """A range query gives series of the node exporter's, saved with the session."""
    with steno.open(home) as recorder, recorder.session("s") as session:
        collection = collect_metrics(
            "node_cpu_seconds_total", url=server.url, since="1m", step="1s", session=session
        )

    (saved,) = collection.saved
    document = json.loads(saved.path.read_text())
    assert {series["metric"]["mode"] for series in document["data"]} >= {"idle", "user", "system"}
    times = [at for at, _ in document["data"][0]["values"]]
    assert all(later - earlier == 1 for earlier, later in itertools.pairwise(times))
    assert document["metadata"]["samples"] == sum(len(s["values"]) for s in document["data"])
    assert saved.relative.startswith("metrics/prometheus_node_cpu_seconds_total_")


def test_chosen_step(server):
    """The step that is chosen for a window is one that Prometheus takes, for any window."""
    for since in ("1m", "6h", "7d", "400d", "20y"):
        collection = collect_metrics("vector(1)", url=server.url, since=since)

        (series,) = collection.entries
        assert 1 <= len(series["values"]) <= 1001


def test_pages(server):
    """A window of more points than Prometheus gives at once comes whole, and each point once."""
    whole = 20_000
    with pytest.raises(CollectError, match="11,000 points"):
        old, prometheus_plan.POINTS_PER_PAGE = prometheus_plan.POINTS_PER_PAGE, 50_000
        try:
            collect_metrics("time()", url=server.url, start=1e9, end=1e9 + whole, step="1s")
        finally:
            prometheus_plan.POINTS_PER_PAGE = old

    collection = collect_metrics("time()", url=server.url, start=1e9, end=1e9 + whole, step="1s")

    (series,) = collection.entries
    assert [at for at, _ in series["values"]] == [1e9 + at for at in range(whole + 1)]
    assert all(float(value) == at for at, value in series["values"])
    assert collection.metadata["answers"] == 11


def test_fractions(server):
    """Points lie where they were asked for to the millisecond, over the seams of pages as well."""
    collection = collect_metrics(
        "vector(1)", url=server.url, start=1e9 + 0.123, end=1e9 + 0.123 + 1000, step="250ms"
    )

    (series,) = collection.entries
    assert [round(at * 1000) for at, _ in series["values"]] == [
        10**12 + 123 + at * 250 for at in range(4001)
    ]


@pytest.mark.parametrize("value", ["0/0", "1/0", "-1/0"])
def test_not_finite(server, value):
    """What is no finite number comes as Prometheus writes it."""
    (entry,) = collect_metrics(f"vector({value})", url=server.url).entries

    assert entry["value"][1] in ("NaN", "+Inf", "-Inf")


def test_scalars(server):
    """Scalars and strings are entries without labels."""
    assert collect_metrics("scalar(up) + 1", url=server.url).entries[0]["value"][1] == "2"
    assert collect_metrics('"text"', url=server.url).entries[0]["value"][1] == "text"


def test_nothing(server):
    """That there is no such series is an answer, too."""
    collection = collect_metrics("no_such_metric", url=server.url, since="1h")

    assert (collection.count, collection.complete) == (0, True)


@pytest.mark.parametrize(
    ("query", "kind"),
    [("rate(up", "bad_data"), ("up{", "bad_data"), ("up + on(job) group_left vector(1) *", "bad_data"),
     ("label_replace(up, '', 'x', 'job', '.*')", "execution")],
)  # fmt: skip
def test_wrong_queries(server, query, kind):
    """A query that is wrong is an error with Prometheus's own words."""
    with pytest.raises(CollectError, match=f"Prometheus says {kind}: ") as caught:
        collect_metrics(query, url=server.url)

    assert caught.value.reason == "query"


def test_long_query(server):
    """A query that is too long for an address is answered all the same."""
    query = " or ".join(["up"] + [f'up{{job="{"x" * 100}{at}"}}' for at in range(200)])

    assert len(query) > 20_000
    assert collect_metrics(query, url=server.url).count == 1
    assert collect_metrics(query, url=server.url, since="1m", step="10s").count == 1


def test_slow_query(server):
    """A query that takes longer than it may ends by Prometheus's own timeout, or by ours."""
    query = "sum(avg_over_time(vector(1)[365d:1s]))"

    with pytest.raises(CollectError) as caught:
        collect_metrics(query, url=server.url, timeout_s=0.2, retries=0)

    assert caught.value.reason == "timeout"


def test_not_prometheus(server):
    """An address behind which there is no API is told, with what there is."""
    with pytest.raises(CollectError, match="404"):
        collect_metrics("up", url=f"{server.url}/elsewhere")


def test_server_killed(tmp_path, home):
    """When Prometheus dies in the middle, the pages before are kept and marked."""
    server = Server(tmp_path)
    try:
        wait_for(server.is_ready, "a Prometheus that is ready")
        with steno.open(home) as recorder, recorder.session("s") as session:
            collection = collect_metrics(
                "time()", url=server.url, start=1e9, end=1e9 + 40_000, step="1s", retries=1,
                progress=lambda samples: server.stop() if samples > 5000 else None,
                session=session,
            )  # fmt: skip
    finally:
        server.stop()

    assert not collection.complete
    assert collection.reason.startswith("error: ")
    assert server.url in collection.reason
    document = json.loads(collection.saved[0].path.read_text())
    assert len(document["data"][0]["values"]) == document["metadata"]["samples"] == 6000
    assert document["metadata"]["complete"] is False


def test_cancelled(server):
    """Who stops a collection gets the pages that had come."""
    cancel = threading.Event()
    collection = collect_metrics(
        "time()", url=server.url, start=1e9, end=1e9 + 40_000, step="1s", cancel=cancel,
        progress=lambda samples: cancel.set(),
    )  # fmt: skip

    assert (collection.reason, len(collection.entries[0]["values"])) == ("cancelled", 2000)


def test_command(server, run, home):
    """From the command line: a new session in the home, with the artefact in it."""
    code, out, err = run(
        "collect",
        "prometheus",
        "up",
        "--url",
        server.url,
        "--since",
        "1m",
        "--home",
        home,
        "--json",
    )

    assert (code, err) == (0, "")
    told = json.loads(out)
    document = json.loads(Path(told["artefacts"][0]["path"]).read_text())
    assert document["data"][0]["metric"]["job"] == "node"
    assert "metrics from prometheus" in run("show", told["session_id"], "--home", home)[1]
