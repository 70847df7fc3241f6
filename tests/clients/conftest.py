"""What the tests of real clients share: the clients, and what steno recorded of them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

# Read before a fixture takes HOME and STENO_* away.
CLIENTS = Path(os.environ.get("STENO_CLIENTS") or Path.home() / ".cache/steno/clients")
STENO = Path(sys.executable).with_name("steno")
KEY = "sk-dummy-4711-must-not-be-kept"
SHOWN = 4000


class Run:
    """A client that ran under ``steno record``, and what was recorded.

    Attributes:
        out: What the client said on stdout.
        folder: Where it ran.
    """

    def __init__(self, folder):
        self.folder = folder
        self.out = ""
        self._home = folder / "steno"
        self._work = folder / "work"

    def start(self, command, *options, **variables):
        """Run a command with its calls recorded."""
        self._work.mkdir()
        for name in ("home", "tmp"):
            (self.folder / name).mkdir(exist_ok=True)
        environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder / "home"),
            "TMPDIR": str(self.folder / "tmp"),
            "STENO_HOME": str(self._home),
            **variables,
        }
        done = subprocess.run(
            [STENO, "record", *options, "--", *command],
            cwd=self._work, env=environ, stdin=subprocess.DEVNULL, capture_output=True,
            text=True, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, f"{done.stdout[-SHOWN:]}\n{done.stderr[-SHOWN:]}"
        self.out = done.stdout
        return self

    def _steno(self, *arguments):
        return subprocess.run(
            [STENO, *arguments, "--home", self._home], stdout=subprocess.PIPE, check=True
        ).stdout

    def sessions(self):
        """Return the sessions as `steno ls` tells them, by id."""
        rows = [json.loads(line) for line in self._steno("ls", "--json").splitlines()]
        return {row["session_id"]: row for row in rows}

    def events(self, session, type_):
        """Return the events of one type, as `steno show` tells them."""
        lines = [json.loads(line) for line in self._steno("show", session, "--json").splitlines()]
        return [line for line in lines if line["type"] == type_]

    def parent(self, session):
        """Return the session that began a session."""
        return self.events(session, "session")[0].get("parent")

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
        return [json.loads(line) for line in self._steno("sql", query, "--json").splitlines()]

    def holding(self, secret):
        """Return the files of the home that hold a secret."""
        files = [path for path in self._home.rglob("*") if path.is_file()]
        assert files
        return [path for path in files if secret.encode() in path.read_bytes()]


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
