"""Pod logs from a cluster: a double of the API server and, with `make kube`, a real one."""

import asyncio
import contextlib
import itertools
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time

import pytest
from tests.kube.double import Double, Fault
from tests.kube.real import BINARIES, Real

import steno
from steno.collectors import kubernetes_api
from steno.collectors.collection import CollectionInterrupted
from steno.collectors.kubernetes import collect_pod_logs, collect_pod_logs_async
from steno.errors import CollectError
from steno.events.model import ArtefactSaved
from steno.storage.artefacts import open_artefact
from steno.transcripts.finding import find_transcripts
from steno.transcripts.reader import read_transcript

AT = 1_760_000_000_123_456_789
"""2025-10-09T08:53:20.123456789Z."""

_numbers = itertools.count(1)


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch):
    """Ask the servers of the tests, not a proxy that the user's environment names."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture(scope="module")
def real_cluster(tmp_path_factory):
    """Begin the real one, once."""
    missing = [str(path) for path in BINARIES if not path.exists()]
    if missing:
        message = f"not there: {', '.join(missing)} (scripts/install-kube-apiserver builds it)"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    cluster = Real(tmp_path_factory.mktemp("cluster"))
    yield cluster
    cluster.stop()


@pytest.fixture
def double(tmp_path, monkeypatch):
    """Begin a double, and name its kubeconfig."""
    cluster = Double()
    monkeypatch.setenv("KUBECONFIG", str(cluster.kubeconfig(tmp_path / "kubeconfig")))
    yield cluster
    cluster.stop()


@pytest.fixture(params=["double", pytest.param("real", marks=pytest.mark.kube)])
def cluster(request, tmp_path, monkeypatch):
    """Begin a cluster: every test that asks for it runs against both."""
    if request.param == "double":
        return request.getfixturevalue("double")
    cluster = request.getfixturevalue("real_cluster")
    cluster.use_namespace(f"test-{next(_numbers)}")
    monkeypatch.setenv("KUBECONFIG", str(cluster.kubeconfig(tmp_path / "kubeconfig")))
    return cluster


@pytest.fixture
def session(home):
    """Begin a session to collect for."""
    with steno.open(home) as recorder:
        yield recorder.session("s")


def events(home, kind):
    """Return the recorded events of one kind."""
    return [
        entry.event
        for path in find_transcripts(home / "sessions")
        for entry in read_transcript(path)
        if isinstance(entry.event, kind)
    ]


def read(saved):
    """Return the document of an artefact."""
    with open_artefact(saved) as file:
        return json.load(file)


def messages(collection):
    """Return what the entries say."""
    return [entry["message"] for entry in collection.entries]


class TestPods:
    def test_artefact(self, cluster, home, session):
        """A pod's log becomes an artefact of the seed's name and form, and is in the transcript."""
        logs = cluster.add_pod("payments-svc", labels={"app": "payments"})
        logs["app"].write("started", "listening", at=AT)

        collection = collect_pod_logs(pod="payments-svc", session=session)
        (saved,) = collection.saved
        document = read(saved)

        assert re.fullmatch(
            rf"kubernetes_payments-svc_{cluster.namespace}_"
            r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.json",
            saved.path.name,
        )
        assert document["source"] == "kubernetes"
        assert document["data"] == [
            {
                "timestamp": "2025-10-09T08:53:20.123456789Z",
                "container": "app",
                "message": "started",
            },
            {
                "timestamp": "2025-10-09T08:53:20.124456789Z",
                "container": "app",
                "message": "listening",
            },
        ]
        facts = document["metadata"]
        assert (facts["pod"], facts["namespace"]) == ("payments-svc", cluster.namespace)
        assert (facts["count"], facts["complete"], facts["node"]) == (2, True, "node-1")
        assert facts["containers"] == {"app": {"state": "running", "restarts": 0, "lines": 2}}
        assert (collection.count, collection.complete, collection.entries) == (2, True, [])

    def test_recorded(self, cluster, home):
        """The artefact is an event of the session, with its count and digest."""
        cluster.add_pod("web")["app"].write("one", at=AT)
        with steno.open(home) as recorder:
            collection = collect_pod_logs(pod="web", session=recorder.session("s"))
        (event,) = events(home, ArtefactSaved)

        assert (event.kind, event.source, event.count) == ("logs", "kubernetes", 1)
        assert event.sha256 == collection.saved[0].sha256

    def test_incident(self, cluster, home):
        """Into a sealed incident nothing goes that can be read without the password."""
        cluster.add_pod("web")["app"].write("card declined", at=AT)
        with contextlib.closing(steno.Session.create("pw", home=home)) as incident:
            (saved,) = collect_pod_logs(pod="web", session=incident).saved
            with incident.open_artefact(saved) as file:
                document = json.load(file)
        everything = b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file())

        assert document["data"][0]["message"] == "card declined"
        assert saved.name.startswith("kubernetes_web_")
        assert b"declined" not in everything
        assert b"kubernetes_web" not in everything

    def test_without_session(self, cluster):
        """Without a session the entries are handed back, each with its pod."""
        cluster.add_pod("web")["app"].write("one", at=AT)

        (entry,) = collect_pod_logs(pod="web").entries

        assert (entry["pod"], entry["namespace"]) == ("web", cluster.namespace)

    def test_containers(self, cluster):
        """All containers are read, init containers first; one can be chosen."""
        logs = cluster.add_pod("web", ("app", "side"), init=("setup",))
        for name, log in logs.items():
            log.write(f"by {name}", at=AT)

        assert messages(collect_pod_logs(pod="web")) == ["by setup", "by app", "by side"]
        assert messages(collect_pod_logs(pod="web", container="side")) == ["by side"]

    def test_ephemeral_containers(self, double):
        """Ephemeral containers are read, too."""
        logs = double.add_pod("web", ephemeral=("debug",))
        logs["debug"].write("probing", at=AT)

        assert messages(collect_pod_logs(pod="web")) == ["probing"]

    def test_selector(self, cluster, session):
        """A selector chooses pods; each becomes an artefact of its own."""
        for name, labels in (("b", {"app": "x"}), ("a", {"app": "x"}), ("c", {"app": "y"})):
            cluster.add_pod(name, labels=labels)["app"].write(f"I am {name}", at=AT)

        collection = collect_pod_logs(selector="app in (x)", session=session)
        by_field = collect_pod_logs(field_selector="metadata.name=c")

        assert [read(saved)["metadata"]["pod"] for saved in collection.saved] == ["a", "b"]
        assert messages(by_field) == ["I am c"]

    def test_pages(self, double, monkeypatch):
        """A long list is read page by page, and again when it expires between two."""
        monkeypatch.setattr(kubernetes_api, "PAGE", 2)
        for name in "abcde":
            double.add_pod(f"pod-{name}")["app"].write(name, at=AT)
        double._lists = _Forgetful()

        assert sorted(messages(collect_pod_logs(field_selector="status.phase=Running"))) == list(
            "abcde"
        )
        lists = [params for _, path, params in double.requests if path.endswith("/pods")]
        assert [each["limit"] for each in lists] == ["2"] * 5
        assert ["continue" in each for each in lists] == [False, True, False, True, True]

    def test_all_namespaces(self, cluster):
        """All namespaces can be asked at once."""
        cluster.add_pod("everywhere", labels={"only": cluster.namespace})["app"].write("one", at=AT)

        collection = collect_pod_logs(selector=f"only={cluster.namespace}", namespace="*")

        assert messages(collection) == ["one"]

    def test_empty_log(self, cluster, session):
        """A log that is empty is kept as such: that nothing was logged is a finding."""
        cluster.add_pod("silent")

        (saved,) = collect_pod_logs(pod="silent", session=session).saved

        assert read(saved)["data"] == []


class _Forgetful(dict):
    """Forgets the first list, as a server does after some minutes."""

    def pop(self, key, default=None):
        if not hasattr(self, "forgot"):
            self.forgot = True
            return None
        return super().pop(key, default)


class TestLines:
    def test_window(self, cluster):
        """Since and until cut to the nanosecond, though the API knows whole seconds and no end."""
        log = cluster.add_pod("web")["app"]
        for number in range(10):
            log.write(str(number), at=AT + number * 250_000_000)

        collection = collect_pod_logs(
            pod="web", since="2025-10-09T08:53:20.373457Z", until="2025-10-09T08:53:21.873456789Z"
        )

        assert messages(collection) == ["2", "3", "4", "5", "6"]
        assert collection.time_range == (
            "2025-10-09T08:53:20.373457Z", "2025-10-09T08:53:21.873456Z",
        )  # fmt: skip

    def test_since_duration(self, cluster):
        """A duration counts back from now."""
        log = cluster.add_pod("web")["app"]
        log.write("old", at=time.time_ns() - 7200 * 10**9).write("new", at=time.time_ns())

        assert messages(collect_pod_logs(pod="web", since="1h")) == ["new"]

    def test_tail_and_previous(self, cluster):
        """The end of a log, and the run before, can be asked for."""
        log = cluster.add_pod("web")["app"]
        log.write("crashed", at=AT).restart().write("one", "two", "three", at=AT)

        assert messages(collect_pod_logs(pod="web", tail=2)) == ["two", "three"]
        assert messages(collect_pod_logs(pod="web", previous=True)) == ["crashed"]

    def test_traceback(self, cluster):
        """A traceback is one entry, unless every line shall be one."""
        cluster.add_pod("web")["app"].write(
            "before", "Traceback (most recent call last):", '  File "a.py", line 1', "ValueError: x",
            "after", at=AT,
        )  # fmt: skip

        joined = collect_pod_logs(pod="web").entries
        apart = collect_pod_logs(pod="web", join_multiline=False)

        assert [entry.get("lines", 1) for entry in joined] == [1, 3, 1]
        assert joined[1]["message"].endswith("\nValueError: x")
        assert apart.count == 5

    def test_hostile_lines(self, cluster):
        """Bytes that are no text, colours, empty lines and huge ones are kept readable."""
        cluster.add_pod("web")["app"].write(
            b"\xff\x00\x1b[31mred", b"", "a\u2028b\x85c\rd", b"y" * 3_000_000, "end\r", at=AT
        )

        entries = collect_pod_logs(pod="web").entries

        assert [entry["message"] for entry in entries[:3]] == [
            "\\xff\x00\x1b[31mred", "", "a\u2028b\x85c\rd",
        ]  # fmt: skip
        assert len(entries[3]["message"]) + entries[3]["cut_bytes"] == 3_000_000
        assert len(entries[3]["message"]) < 1_100_000
        assert entries[4]["message"] == "end"

    @pytest.mark.parametrize("limit", [{"limit_lines": 2}, {"limit_bytes": 80}])
    def test_limits(self, cluster, limit):
        """A limit ends a log, which says that there is more."""
        cluster.add_pod("web")["app"].write(*["0123456789"] * 50, at=AT)

        collection = collect_pod_logs(pod="web", **limit)

        assert (collection.complete, collection.reason) == (False, "limit")
        assert collection.count == 2

    def test_memory(self, double):
        """However long a log is, little of it is in memory at a time."""
        import tracemalloc

        from steno.collectors.kubernetes_access import find_access
        from steno.collectors.kubernetes_logs import LogQuery
        from steno.collectors.kubernetes_pods import Container, Pod
        from steno.collectors.kubernetes_reading import PodReading, Task

        double.add_pod("big")["app"].write(*["x" * 300] * 50_000, at=AT)
        task = Task(find_access(), LogQuery(), True, 10.0, 0, None, lambda: False, lambda _: None)
        reading = PodReading(Pod("big", "default"), [Container("app", "running")], task)
        entries = reading.entries()
        next(entries)
        tracemalloc.start()
        count = sum(1 for _ in entries)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()

        assert count == 49_999
        assert peak < 4_000_000


class TestFollowing:
    def test_until_it_ends(self, cluster, session):
        """What is logged while it is followed comes; it is over when the containers have ended."""
        log = cluster.add_pod("job", restart="Never")["app"].end(ended=False)
        log.write("first", at=AT)
        seen = []

        def progress(count):
            seen.append(count)
            if count == 1:
                log.write("second", at=AT + 10**9)
            if count == 2:
                cluster.set_state(
                    "job", "app", {"terminated": {"exitCode": 0, "reason": "Completed"}}
                )
                log.end()

        collection = collect_pod_logs(pod="job", follow=True, session=session, progress=progress)

        assert [each["message"] for each in read(collection.saved[0])["data"]] == [
            "first",
            "second",
        ]
        assert (seen, collection.complete) == ([1, 2], True)

    def test_for_a_while(self, cluster):
        """Following ends when its time is over, and that is all there was to collect."""
        log = cluster.add_pod("web")["app"].end(ended=False)
        log.write("one", at=AT)

        collection = collect_pod_logs(pod="web", follow=True, duration="1500ms")

        assert (messages(collection), collection.complete) == (["one"], True)

    def test_restarted(self, cluster):
        """A container that is started again is followed on, and nothing comes twice."""
        log = cluster.add_pod("web")["app"].end(ended=False)
        log.write("one", at=AT)
        done = threading.Event()

        def progress(count):
            if count == 1:
                log.end().restart().end(ended=False).write("two", at=AT + 10**9)
            else:
                done.set()

        collection = collect_pod_logs(pod="web", follow=True, progress=progress, cancel=done)

        assert messages(collection) == ["one", "two"]

    def test_waiting(self, cluster):
        """A container that has not started yet is waited for."""
        log = cluster.add_pod("web")["app"].end(ended=False)
        log.waiting = "ContainerCreating"
        done = threading.Event()
        threading.Timer(
            0.5, lambda: (setattr(log, "waiting", None), log.write("up", at=AT))
        ).start()

        collection = collect_pod_logs(
            pod="web", follow=True, progress=lambda _: done.set(), cancel=done
        )

        assert messages(collection) == ["up"]

    def test_side_by_side(self, cluster):
        """Containers and pods are followed side by side."""
        logs = [log.end(ended=False) for name in "ab"
                for log in cluster.add_pod(name, ("x", "y"), labels={"f": "1"}).values()]  # fmt: skip
        for number, log in enumerate(logs):
            log.write(str(number), at=AT)
        done = threading.Event()

        collection = collect_pod_logs(
            selector="f=1", follow=True, cancel=done,
            progress=lambda count: count == 4 and done.set(),
        )  # fmt: skip

        assert sorted(messages(collection)) == ["0", "1", "2", "3"]


class TestRollout:
    """Pods that a selector chooses are followed, and those that come later too."""

    def test_rollout(self, cluster, session):
        """The pods of a rollout are followed: the old one to its end, the new one from its start."""
        old = cluster.add_pod("old", labels={"app": "x"})["app"].end(ended=False)
        old.write("old: serving", at=AT)
        done = threading.Event()

        def progress(count):
            if count == 1:
                new = cluster.add_pod("new", labels={"app": "x"})["app"].end(ended=False)
                cluster.add_pod("other", labels={"app": "y"})["app"].write("not meant", at=AT)
                new.write(*[f"new: {number}" for number in range(3)], at=AT + 10**9)
            if count == 4:
                old.write("old: bye", at=AT + 2 * 10**9)
            if count == 5:
                cluster.remove_pod("old")
                old.end()
                done.set()

        collection = collect_pod_logs(
            selector="app=x", follow=True, tail=1, session=session, progress=progress, cancel=done
        )
        found = {
            document["metadata"]["pod"]: [each["message"] for each in document["data"]]
            for document in map(read, collection.saved)
        }

        assert found == {
            "old": ["old: serving", "old: bye"],
            "new": ["new: 0", "new: 1", "new: 2"],
        }

    def test_all_gone(self, cluster):
        """When all pods are gone, it goes on: another may come, as of a rollout that recreates."""
        log = cluster.add_pod("web-1", labels={"app": "x"})["app"].write("one", at=AT)
        done = threading.Event()

        def progress(count):
            if count == 1:
                cluster.remove_pod("web-1")
                log.end()
                threading.Timer(
                    1.0,
                    lambda: cluster.add_pod("web-2", labels={"app": "x"})["app"].write(
                        "two", at=AT
                    ),
                ).start()
            else:
                done.set()

        collection = collect_pod_logs(selector="app=x", follow=True, progress=progress, cancel=done)

        assert messages(collection) == ["one", "two"]

    def test_same_name(self, cluster):
        """A pod that takes another's name is another one, as those of a StatefulSet."""
        cluster.add_pod("db-0", labels={"app": "x"})["app"].write("first", at=AT)
        done = threading.Event()

        def progress(count):
            if count == 1:
                cluster.remove_pod("db-0")
                cluster.add_pod("db-0", labels={"app": "x"})["app"].write("second", at=AT)
            else:
                done.set()

        collection = collect_pod_logs(selector="app=x", follow=True, progress=progress, cancel=done)

        assert messages(collection) == ["first", "second"]

    def test_no_node_yet(self, cluster):
        """A pod that no node has taken yet has no log, and is waited for."""
        cluster.add_pod("web-1", labels={"app": "x"})["app"].end(ended=False).write("one", at=AT)
        done = threading.Event()

        def progress(count):
            if count == 1:
                cluster.add_pod("web-2", labels={"app": "x"}, node="")["app"].write("two", at=AT)
                threading.Timer(1.5, lambda: cluster.bind("web-2", "node-1")).start()
            else:
                done.set()

        collection = collect_pod_logs(selector="app=x", follow=True, progress=progress, cancel=done)

        assert messages(collection) == ["one", "two"]

    def test_for_a_while(self, cluster):
        """It ends when its time is over, though pods may still come."""
        cluster.add_pod("web", labels={"app": "x"})["app"].write("one", at=AT)

        collection = collect_pod_logs(selector="app=x", follow=True, duration="1500ms")

        assert (messages(collection), collection.complete) == (["one"], True)

    def test_not_allowed(self, double):
        """Who may not watch is told so; the pods that are there are followed all the same."""
        double.add_pod("web", labels={"app": "x"})["app"].write("one", at=AT)
        double.faults.append(Fault("watch=true", 9, status=403, message="cannot watch pods"))

        collection = collect_pod_logs(selector="app=x", follow=True, duration="1s")

        assert messages(collection) == ["one"]
        assert collection.reason.startswith("error: ")
        assert "cannot watch pods" in collection.metadata["warnings"][0]

    def test_server_restarts(self, double, monkeypatch):
        """An API server that is restarted and has forgotten everything is asked again."""
        double.add_pod("web-1", labels={"app": "x"})["app"].end(ended=False).write("one", at=AT)
        done = threading.Event()

        def progress(count):
            if count == 1:
                double.faults += [Fault("watch=true", 2), Fault("watch=true", status=503)]
                double.end_watches()
                double.add_pod("web-2", labels={"app": "x"})["app"].write("two", at=AT)
                double.forget()
            else:
                done.set()

        collection = collect_pod_logs(selector="app=x", follow=True, progress=progress, cancel=done)

        assert messages(collection) == ["one", "two"]


class TestCancelling:
    def test_cancel(self, cluster, session):
        """What had come when it was cancelled is kept, and says that it is not all."""
        cluster.add_pod("web")["app"].end(ended=False).write("one", at=AT)
        done = threading.Event()

        collection = collect_pod_logs(
            pod="web", follow=True, session=session, cancel=done, progress=lambda _: done.set()
        )
        document = read(collection.saved[0])

        assert (collection.complete, collection.reason) == (False, "cancelled")
        assert [each["message"] for each in document["data"]] == ["one"]
        assert document["metadata"]["complete"] is False
        assert document["metadata"]["incomplete"] == "cancelled"

    def test_cancelled_before(self, cluster, session):
        """Cancelled before anything came, nothing is saved."""
        cluster.add_pod("web")["app"].write("one", at=AT)
        done = threading.Event()
        done.set()

        collection = collect_pod_logs(pod="web", session=session, cancel=done)

        assert (collection.reason, collection.saved) == ("cancelled", ())

    def test_interrupted(self, cluster, session):
        """Ctrl-C ends it with what it has; the exception carries it."""
        cluster.add_pod("web")["app"].end(ended=False).write("one", at=AT)

        with pytest.raises(CollectionInterrupted) as caught:
            collect_pod_logs(
                pod="web", follow=True, session=session,
                progress=lambda _: signal.raise_signal(signal.SIGINT),
            )  # fmt: skip

        collection = caught.value.collection
        assert (collection.reason, collection.saved[0].count) == ("cancelled", 1)

    def test_asyncio(self, cluster):
        """An event loop goes on while logs are collected."""
        cluster.add_pod("web")["app"].write("one", at=AT)

        async def main():
            steps = 0
            task = asyncio.ensure_future(collect_pod_logs_async(pod="web"))
            while not task.done():
                await asyncio.sleep(0)
                steps += 1
            return await task, steps

        collection, steps = asyncio.run(main())

        assert messages(collection) == ["one"]
        assert steps > 1

    def test_cancelled_task(self, cluster, session, home):
        """A task that is cancelled keeps what had come with the session, and ends as cancelled."""
        cluster.add_pod("web")["app"].end(ended=False).write("one", at=AT)

        async def main():
            loop, came = asyncio.get_running_loop(), asyncio.Event()
            task = asyncio.ensure_future(collect_pod_logs_async(
                pod="web", follow=True, session=session,
                progress=lambda _: loop.call_soon_threadsafe(came.set),
            ))  # fmt: skip
            await came.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        asyncio.run(main())

        (path,) = session.data_dir.glob("logs/*.json")
        assert [each["message"] for each in read(path)["data"]] == ["one"]


class TestRefusals:
    @pytest.mark.parametrize(
        ("asked", "reason", "words"),
        [
            ({"pod": "nope"}, "missing", 'pods "nope" not found'),
            ({"pod": "web", "namespace": "nowhere"}, "missing", 'pods "web" not found'),
            ({"pod": "web", "container": "x"}, "missing", "has no container 'x'"),
            ({"pod": "web", "previous": True}, "missing", "was not started again"),
            ({"selector": "app=none"}, "missing", "no pod in namespace"),
            ({"selector": "a in ("}, "query", "unable to parse requirement"),
            ({"field_selector": "spec.x=1"}, "query", "field label not supported"),
            ({"pod": "../../nodes"}, "missing", "could not find the requested resource"),
            ({"context": "prod", "pod": "web"}, "configuration", "no context 'prod'"),
        ],
    )
    def test_in_words(self, cluster, asked, reason, words):
        """What the API refuses is an error that says why, and of which kind it is."""
        cluster.add_pod("web")["app"].write("one", at=AT)

        with pytest.raises(CollectError) as caught:
            collect_pod_logs(**asked)

        assert caught.value.reason == reason
        assert words in caught.value.message

    def test_denied(self, cluster, tmp_path):
        """Wrong credentials and missing permissions are told apart from each other."""
        cluster.add_pod("web")
        cluster.kubeconfig(tmp_path / "kubeconfig", token="wrong")

        with pytest.raises(CollectError, match="401") as caught:
            collect_pod_logs(pod="web")

        assert caught.value.reason == "denied"
        assert "log in again" in caught.value.hint

    def test_forbidden(self, double):
        """Who may not read logs is told what it takes."""
        with pytest.raises(CollectError, match="403") as caught:
            collect_pod_logs(pod="web", namespace="forbidden")

        assert caught.value.reason == "denied"
        assert "pods/log" in caught.value.hint

    def test_not_started(self, cluster, session):
        """A container that has not started is said to have no log; the others are collected."""
        logs = cluster.add_pod("web", ("app", "side"))
        logs["app"].write("one", at=AT)
        logs["side"].waiting = "PodInitializing"
        cluster.set_state("web", "side", {"waiting": {"reason": "ImagePullBackOff"}})

        collection = collect_pod_logs(pod="web", session=session)

        assert (collection.count, collection.complete) == (1, True)
        assert collection.metadata["warnings"] == [
            "pod web: container 'side' has not started yet (ImagePullBackOff)"
        ]

    def test_vanished(self, double, session):
        """A pod that vanishes between list and log does not end the others."""
        for name in "ab":
            double.add_pod(name, labels={"v": "1"})["app"].write(name, at=AT)
        double.faults.append(Fault("/a/log", status=404, message='pods "a" not found'))

        collection = collect_pod_logs(selector="v=1", session=session)

        assert collection.reason.startswith("error: 1 of 2 pods: ")
        assert [read(saved)["metadata"]["pod"] for saved in collection.saved] == ["b"]

    def test_nothing_but_get(self, double, session):
        """All that is ever sent is GET."""
        double.add_pod("web", ("app", "side"), labels={"g": "1"})["app"].write("one", at=AT)
        collect_pod_logs(selector="g=1", session=session)
        collect_pod_logs(pod="web", follow=True, duration="100ms")

        assert {method for method, _, _ in double.requests} == {"GET"}

    def test_no_server(self, double, monkeypatch, tmp_path):
        """A server that is away is named, with the file that names it."""
        path = double.kubeconfig(tmp_path / "away", url="http://127.0.0.1:1")
        monkeypatch.setenv("KUBECONFIG", str(path))

        with pytest.raises(CollectError, match="can't be reached") as caught:
            collect_pod_logs(pod="web", retries=0)

        assert str(path) in caught.value.message
        assert caught.value.reason == "unreachable"


class TestFaults:
    def test_passing(self, double):
        """What passes by itself is tried again: overload, errors of the server, broken connections."""
        double.add_pod("web")["app"].write("one", at=AT)
        double.faults += [
            Fault("pods/web", status=429, headers={"Retry-After": "0"}, message="slow down"),
            Fault("pods/web", status=503, message="shutting down"),
            Fault("pods/web"),
            Fault("web/log", status=500, message="dial tcp: connection refused"),
            Fault("web/log"),
        ]

        assert messages(collect_pod_logs(pod="web")) == ["one"]
        assert not any(fault.times for fault in double.faults)

    def test_giving_up(self, double):
        """What does not pass is an error after so many tries."""
        double.add_pod("web")["app"].write("one", at=AT)
        double.faults.append(Fault("web/log", 99, status=500, message="no route to node"))

        with pytest.raises(CollectError, match="no route to node"):
            collect_pod_logs(pod="web", retries=1)

        assert len(double.paths("/log")) == 2

    @pytest.mark.parametrize("after", [1, 40, 700, 5000])
    def test_taken_up(self, double, after):
        """A stream that breaks is taken up where it broke: nothing is missing, nothing twice."""
        log = double.add_pod("web")["app"]
        for number in range(300):
            log.write(f"line {number}", at=AT + number * 17_000_000)
        double.faults.append(Fault("web/log", 3, after=after))

        collection = collect_pod_logs(pod="web", retries=3)

        assert messages(collection) == [f"line {number}" for number in range(300)]
        assert len(double.paths("/log")) == 4

    def test_taken_up_after_rotation(self, double):
        """Where the node has begun a new file meanwhile, what is left of the log goes on."""
        log = double.add_pod("web")["app"]
        for number in range(100):
            log.write(f"line {number}", at=AT + number * 10_000_000)
        double.faults.append(Fault("web/log", after=2000))
        rotated = []

        def progress(_):
            if not rotated:
                rotated.append(True)
                log.lines = log.lines[30:]

        collection = collect_pod_logs(pod="web", progress=progress, retries=3)

        assert messages(collection) == [f"line {number}" for number in range(100)]

    def test_kept(self, double, session):
        """What came before a connection broke for good is kept, and says why it is not all."""
        log = double.add_pod("web")["app"]
        log.write(*[f"line {number}" for number in range(100)], at=AT)
        double.faults += [Fault("web/log", after=2000), Fault("web/log", 99)]

        collection = collect_pod_logs(pod="web", session=session, retries=1)
        document = read(collection.saved[0])

        assert not collection.complete
        assert collection.reason.startswith("error: ")
        assert 0 < collection.count < 100
        assert len(document["data"]) == collection.count
        assert "can't be reached" in document["metadata"]["incomplete"]

    def test_follow_taken_up(self, double):
        """A log that is followed goes on after its connection broke."""
        log = double.add_pod("web")["app"].end(ended=False)
        log.write("one", "two", at=AT)
        double.faults.append(Fault("web/log", after=60))
        done = threading.Event()

        collection = collect_pod_logs(
            pod="web", follow=True, cancel=done, progress=lambda count: count == 2 and done.set()
        )

        assert messages(collection) == ["one", "two"]

    @pytest.mark.parametrize(
        ("fault", "words"),
        [
            (
                Fault("pods/web", status=200, body=b"<html>log in</html>"),
                "no Kubernetes API server",
            ),
            (
                Fault("pods/web", status=302, headers={"Location": "http://127.0.0.1:1/"}),
                "redirect",
            ),
            (Fault("pods/web", status=404, body=b"<html>"), "404"),
        ],
    )
    def test_no_api_server(self, double, fault, words):
        """What answers in the place of an API server is not taken for one."""
        fault.times = 9
        double.faults.append(fault)

        with pytest.raises(CollectError, match=words):
            collect_pod_logs(pod="web", retries=0)


class TestCommand:
    def test_prints(self, cluster, run, home):
        """The command prints a line for each pod, and the session that has them."""
        for name in "ab":
            cluster.add_pod(name, labels={"app": "x"})["app"].write("one", "two", at=AT)

        code, out, err = run("collect", "kubernetes", "-l", "app=x", "--home", home)

        assert (code, err) == (0, "")
        lines = out.splitlines()
        assert [line.split("  ")[0] for line in lines[:2]] == ["2 entries"] * 2
        assert lines[2].startswith("session ")

    def test_json(self, cluster, run, home):
        """With --json, one object tells it to a program."""
        cluster.add_pod("web")["app"].write("one", at=AT)

        code, out, _ = run("collect", "kubernetes", "web", "--json", "--home", home)
        row = json.loads(out)

        assert (code, row["count"], row["complete"]) == (0, 1, True)
        assert row["query"] == {"pod": "web", "namespace": cluster.namespace}

    def test_file(self, cluster, run, tmp_path):
        """With -o, the document goes to a file and no session is begun."""
        cluster.add_pod("web")["app"].write("one", at=AT)

        code, _, _ = run("collect", "kubernetes", "web", "-o", tmp_path / "out.json")
        document = json.loads((tmp_path / "out.json").read_text())

        assert code == 0
        assert [entry["message"] for entry in document["data"]] == ["one"]

    def test_fails(self, cluster, run, home):
        """What can't be collected is one line on stderr and exit code 1."""
        code, out, err = run("collect", "kubernetes", "nope", "--home", home)

        assert (code, out) == (1, "")
        assert 'pods "nope" not found' in err

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_interrupted(self, cluster, home, number):
        """Ctrl-C and SIGTERM keep what had come, say so, and end as interrupted."""
        # More than is held in memory before the file is begun: so it shows that entries came.
        cluster.add_pod("web")["app"].end(ended=False).write(*["x" * 200_000] * 40, at=AT)
        with subprocess.Popen(
            [sys.executable, "-m", "steno", "collect", "kubernetes", "web", "-f", "--home", home],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        ) as process:  # fmt: skip
            try:
                while not list(home.glob("artefacts/*/logs/.*")):
                    assert process.poll() is None
                    time.sleep(0.05)
                process.send_signal(number)
                out, err = process.communicate(timeout=60)
            finally:
                process.kill()

        assert process.returncode == 130
        assert "incomplete: cancelled; this much was kept" in err
        (path,) = home.glob("artefacts/*/logs/*.json.zst")
        assert str(path) in out
        assert 0 < len(read(path)["data"]) <= 40
