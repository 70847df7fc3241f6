"""Homes with sessions of all kinds, and bundles that are forged."""

import hashlib
import io
import zipfile

import pytest

import steno
from steno.bundles.exporting import export_bundle
from steno.bundles.importing import import_bundle
from steno.bundles.manifest import BundledSession, Manifest, encode_manifest
from steno.bundles.places import Places
from steno.bundles.writing import BundleWriter
from steno.events.codec import encode_header
from steno.events.header import make_header

DAY = "2026-11-20"


class Home:
    """A home to export from or to import into.

    Attributes:
        path: Where it is.
        places: Its folders.
        index: Its index.
    """

    def __init__(self, path):
        """Begin with nothing."""
        self.path = path
        self.index = path / "sessions.db"
        self.places = Places(
            home=path, sessions=path / "sessions", artefacts=path / "artefacts",
            archives=path / "archives", holds=path / "holds",
        )  # fmt: skip

    def record(self, session_id="s", text="hello", **identity):
        """Record a session with one request; returns its transcript."""
        with steno.open(self.path) as recorder:
            with recorder.session(session_id, **identity) as session:
                with session.request(model="m", text=text) as request:
                    request.response(text=text, tokens=steno.Tokens(input=1, output=2))
        return next(self.places.sessions.glob(f"*/{steno.identity.safe_name(session_id)}.jsonl"))

    def collect(self, name="logs/k.json", data=b"{}\n" * 100, session_id="s"):
        """Write an artefact."""
        path = self.places.artefacts / session_id / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    def archive(self, name="u1/c1/m1.zip", text="a line"):
        """Write an archive."""
        path = self.places.archives / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(path, "w") as file:
            file.writestr("logs.txt", text)
            file.comment = b"steno archive 1"
        return path

    def full(self):
        """Have a session with artefacts and archives."""
        self.record("s", key="agent:main:main", user_id="u1", chat_id="c1", message_id="m1")
        self.collect()
        self.collect("metrics/größe.json.zst", b"\x28\xb5\x2f\xfd")
        self.archive()
        return self

    def seal(self, session_id="INC-7F3K"):
        """Have a session of which everything is sealed."""
        self.collect("session.json", b'{"id":"%s","sealed":true}' % session_id.encode(), session_id)
        self.collect("transcript.sealed", b"\x00secret" * 50, session_id)
        self.collect("logs/0123456789abcdef.sealed", b"\x01secret", session_id)
        return self

    def export(self, *sessions, name="b.steno", **options):
        """Make a bundle beside the home."""
        path = self.path.parent / name
        export_bundle(sessions or ("s",), path, self.places, **options)
        return path

    def take(self, bundle, **options):
        """Import a bundle; returns what became of each session."""
        done = import_bundle(bundle, self.places, index=self.index, **options)
        return [(each.placed_as, each.outcome) for each in done.decided]

    def look(self):
        """Tell every file and folder, and what is in each file but the index."""
        return {
            str(path.relative_to(self.path)): path.read_bytes() if path.is_file() else None
            for path in sorted(self.path.rglob("*"))
            if not path.name.startswith("sessions.db")
        }


@pytest.fixture
def full(tmp_path):
    """Have a home with a session that has everything."""
    return Home(tmp_path / "full").full()


@pytest.fixture
def other(tmp_path):
    """Have a home with nothing in it."""
    return Home(tmp_path / "other")


@pytest.fixture
def new_home(tmp_path):
    """Make homes by their names."""
    return lambda name: Home(tmp_path / name)


@pytest.fixture
def transcript():
    """Make the bytes of a transcript."""

    def make(session_id="s", **identity):
        from datetime import UTC, datetime

        began = datetime(2026, 11, 20, tzinfo=UTC)
        line = f'{{"type":"completed","session_id":"{session_id}","request_id":"r","timestamp":'
        line += '"2026-11-20T12:00:00.000000Z","success":true,"recorder":"a","seq":1}\n'
        header = encode_header(make_header(session_id, began, **identity))
        return header + b"\n" + line.encode()

    return make


@pytest.fixture
def forge(tmp_path, transcript):
    """Make a bundle with any members, and a manifest that says anything of them."""

    def make(members=None, sessions=None, change=None, name="forged.steno"):
        from datetime import UTC, datetime

        if members is None:
            members = {"sessions/s/transcript.jsonl": transcript()}
        if sessions is None:
            began = datetime(2026, 11, 20, tzinfo=UTC)
            sessions = [BundledSession(session_id="s", sealed=False, day=DAY, began=began)]
        sink = io.BytesIO()
        writer = BundleWriter(sink)
        for member, data in members.items():
            writer.add(member, [data], packed=member.endswith(".jsonl"))
        manifest = Manifest(sessions=tuple(sessions), members=tuple(writer.members), created="now")
        data = encode_manifest(manifest)
        writer.finish(data if change is None else change(data))
        path = tmp_path / name
        path.write_bytes(sink.getvalue())
        return path

    return make


@pytest.fixture
def sha():
    """Hash bytes."""
    return lambda data: hashlib.sha256(data).hexdigest()
