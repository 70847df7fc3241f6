"""What the tests of real clients share: the clients, and what steno recorded of them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.register_assert_rewrite("tests.clients.comparing")

# Read before a fixture takes HOME and STENO_* away.
CLIENTS = Path(os.environ.get("STENO_CLIENTS") or Path.home() / ".cache/steno/clients")
STENO = Path(sys.executable).with_name("steno")
KEY = "sk-dummy-4711-must-not-be-kept"
SHOWN = 4000


class Home:
    """A home of steno's, read by its command line.

    Attributes:
        path: Where it is.
    """

    def __init__(self, path):
        self.path = path

    def _steno(self, *arguments):
        return subprocess.run(
            [STENO, *arguments, "--home", self.path], stdout=subprocess.PIPE, check=True
        ).stdout

    def _told(self, *arguments):
        return [json.loads(line) for line in self._steno(*arguments, "--json").splitlines()]

    def sessions(self):
        """Return the sessions as `steno ls` tells them, by id."""
        return {row["session_id"]: row for row in self._told("ls")}

    def all_events(self, session):
        """Return all events, as `steno show` tells them."""
        return self._told("show", session)

    def events(self, session, type_):
        """Return the events of one type."""
        return [event for event in self.all_events(session) if event["type"] == type_]

    def header(self, session):
        """Return the header of a session."""
        return self.events(session, "session")[0]

    def parent(self, session):
        """Return the session that began a session."""
        return self.header(session).get("parent")

    def raw(self, session, request_id):
        """Return the body of a request, byte for byte."""
        return self._steno("show", session, "--raw", request_id)

    def bodies(self, session):
        """Return the bodies of all requests of a session, in their order."""
        started = self.events(session, "started")
        return [self.raw(session, event["request_id"]) for event in started]

    def shown(self, session):
        """Return a session as people see it."""
        return self._steno("show", session).decode()

    def rows(self, query):
        """Return the rows of a query of the index."""
        return self._told("sql", query)

    def files(self):
        """Return what the transcripts hold, by their names."""
        found = sorted((self.path / "sessions").rglob("*.jsonl"))
        return {path.name: path.read_bytes() for path in found}

    def holding(self, secret):
        """Return the files of the home that hold a secret."""
        files = [path for path in self.path.rglob("*") if path.is_file()]
        assert files
        return [path for path in files if secret.encode() in path.read_bytes()]


class Run(Home):
    """Clients that ran under ``steno record``, one after the other, and what was recorded.

    Attributes:
        out: What the last one said on stdout.
        folder: Where they ran.
    """

    def __init__(self, folder):
        super().__init__(folder / "steno")
        self.folder = folder
        self.out = ""

    def _environ(self):
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder / "home"),
            "TMPDIR": str(self.folder / "tmp"),
        }

    def start(self, command, *options, status=0, **variables):
        """Run a command with its calls recorded; it is to end with this status."""
        for name in ("home", "tmp", "work"):
            (self.folder / name).mkdir(exist_ok=True)
        environ = {**self._environ(), "STENO_HOME": str(self.path), **variables}
        done = subprocess.run(
            [STENO, "record", *options, "--", *command],
            cwd=self.folder / "work", env=environ, stdin=subprocess.DEVNULL, capture_output=True,
            text=True, timeout=120,
        )  # fmt: skip
        assert done.returncode == status, f"{done.stdout[-SHOWN:]}\n{done.stderr[-SHOWN:]}"
        self.out = done.stdout
        return self

    def imported(self, name="imported", *patterns):
        """Import what the clients wrote themselves, from where they do so.

        Args:
            name: The home to import into; ``steno`` is the one that was recorded into.
            patterns: Which of their files; all without one.

        Returns:
            The home, and the reports of the transcripts.
        """
        home = Home(self.folder / name)
        paths = [path for each in patterns for path in (self.folder / "home").rglob(each)]
        assert bool(paths) is bool(patterns)
        done = subprocess.run(
            [STENO, "import", "--json", "--home", home.path, *paths],
            env=self._environ(), stdout=subprocess.PIPE, check=True,
        )  # fmt: skip
        reports = [json.loads(line) for line in done.stdout.splitlines()]
        return home, [report for report in reports if report["status"] != "skipped"]


@pytest.fixture
def run(tmp_path):
    """Return what runs a client; it shadows the fixture that runs the command line in process."""
    return Run(tmp_path)


@pytest.fixture
def find():
    """Return what finds a client: in CI a missing one is a failure, elsewhere a reason to skip."""

    def find(pattern):
        found = sorted(CLIENTS.glob(pattern))
        if found:
            return str(found[-1])
        reason = f"there is no {CLIENTS / pattern}: run scripts/install-clients"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)

    return find


@pytest.fixture
def key():
    """Return a key that nothing may keep."""
    return KEY
