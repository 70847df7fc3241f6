"""Five hundred hostile bundles: each is refused with a reason, and nothing of it is written."""

import collections
import io
import os
import random
import struct
import zipfile
import zlib
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

import steno
from steno.bundles import form
from steno.bundles.exporting import export_bundle
from steno.bundles.importing import import_bundle
from steno.bundles.manifest import BundledSession, Manifest, encode_manifest
from steno.bundles.places import Places
from steno.bundles.writing import BundleWriter
from steno.errors import StenoError
from steno.events.codec import encode_header
from steno.events.header import make_header

BEGAN = datetime(2026, 11, 20, tzinfo=UTC)
HEADER = encode_header(make_header("s", BEGAN)) + b"\n"
TRANSCRIPT = HEADER + b'{"type":"unknown","session_id":"s"}\n' * 20
SESSION = BundledSession(session_id="s", sealed=False, day="2026-11-20", began=BEGAN)
NAME = "sessions/s/transcript.jsonl"
SEALED = BundledSession(session_id="s", sealed=True)

PATHS = [
    "../evil", "/etc/evil", "sessions/../../evil", "sessions/s/../../../evil", "C:/evil", "C:evil",
    "sessions\\s\\evil", "sessions/s/artefacts/../../../evil", "sessions/s/artefacts/..\\evil",
    "sessions/s/artefacts/%2E%2E/evil", "sessions/s/artefacts/%2F..%2Fevil", "//evil", "./evil",
    "sessions/s/artefacts/%2e%2e", "sessions/s/artefacts/%00evil", "sessions/s/artefacts/a/",
    "sessions/s/artefacts//a", "sessions/s/artefacts/.", "sessions/s/artefacts/con",
    "sessions/s/artefacts/NUL.txt", "sessions/s/artefacts/com1", "sessions/s/artefacts/.hidden",
    "sessions/s/artefacts/a\x00b", "sessions/s/artefacts/a\nb", "sessions/s/artefacts/a b",
    "sessions/s/artefacts/~root", "sessions/s/artefacts/$HOME", "sessions/s/artefacts/a:b",
    "sessions/s/artefacts/" + "a" * 300, "sessions/s/artefacts/" + "a/" * 20 + "b",
    "sessions/s/artefacts/a%", "sessions/s/artefacts/a%4", "sessions/s/artefacts/trailing.",
    "archives/u/c/evil.sh", "archives/u/evil.zip", "archives/../c/evil.zip", "archives/u/c/d/e.zip",
    "archives/.spool/c/evil.zip", "archives/u/c/m.zip", "sessions.db", "steno.yaml", "holds/a.json",
    "sessions/.recorders/a.lease", ".importing/a/journal.json", "sessions/other/transcript.jsonl",
    "sessions/s/evil", "sessions/s", "manifest.json/evil", "sessions/s/artefacts/%C0%AE%C0%AE/evil",
    "sessions/s/artefacts/transcript.sealed", "sessions/s/transcript.jsonl/evil", "sessions/s/artefacts/%FF",
]  # fmt: skip
"""Names that no member has."""

IDS = [
    "", "../s", "/etc/passwd", "s\x00", "S", "a" * 5000, "..", ".", "other", "s/", "con", "\u202es",
    "s\n", "--0123456789abcdef",
]  # fmt: skip
DAYS = [None, "", "..", "2026-13-01", "2026-11-20/..", "/tmp", "2026-02-30", "9999-99-99", "today"]


def write(members, sessions=(SESSION,), change=None, level=3):
    """Write a bundle with any members, and a manifest that says anything of them."""
    sink = io.BytesIO()
    writer = BundleWriter(sink, level=level)
    for name, data in members:
        writer.add(name, [data], packed=name.endswith(".jsonl"))
    manifest = Manifest(sessions=tuple(sessions), members=tuple(writer.members), created="now")
    data = encode_manifest(manifest)
    writer.finish(data if change is None else change(data))
    return sink.getvalue()


def change_manifest(*way, value):
    """Make what changes one value of a manifest."""

    def change(data):
        document = msgspec.json.decode(data)
        at = document
        for key in way[:-1]:
            at = at[key]
        if value is DELETE:
            del at[way[-1]]
        else:
            at[way[-1]] = value(at[way[-1]]) if callable(value) else value
        return msgspec.json.encode(document)

    return change


DELETE = object()
GOOD = [(NAME, TRANSCRIPT), ("sessions/s/artefacts/logs/a.json", b"{}" * 50)]


def mutated(chance, good):
    """Change single bytes anywhere, so that at least one differs."""
    data = bytearray(good)
    for _ in range(chance.choice((1, 1, 1, 2, 5, 50))):
        at = chance.randrange(len(data))
        data[at] ^= 1 << chance.randrange(8)
    return bytes(data) if bytes(data) != good else good[:-1]


def cut(chance, good):
    """Cut, drop, repeat or add bytes."""
    at, size = chance.randrange(len(good)), chance.randrange(1, 64)
    return chance.choice(
        (good[:at], good[at + 1 :], good[:at] + good[at + size :], good + chance.randbytes(size),
         chance.randbytes(size) + good, good[:at] + chance.randbytes(size) + good[at:],
         good[:at] + good[at : at + size] + good[at:])
    )  # fmt: skip


def paths(chance, _):
    """Have a member where none may lie."""
    name = chance.choice(PATHS)
    return write([*GOOD, (name, b"evil")])


def foreign(chance, _):
    """Write a zip file by another program, with links, devices, passwords and other methods."""
    sink = io.BytesIO()
    kind = chance.choice((0o120777, 0o020666, 0o060666, 0o010666, 0o040777, 0o100777, 0o104755))
    method = chance.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2))
    with zipfile.ZipFile(sink, "w", method) as file:
        for name, data in GOOD:
            info = zipfile.ZipInfo(name)
            info.external_attr = kind << 16
            info.compress_type = method
            file.writestr(info, data if chance.random() < 0.5 else b"/etc/passwd")
        file.comment = chance.choice((b"", form.COMMENT))
    return sink.getvalue()


def attributes(chance, good):
    """Make a member of a bundle of ours a link, a device, a program; or encrypted; or other."""
    data = bytearray(good)
    at = data.find(b"PK\x01\x02")
    field, value = chance.choice(
        ((38, struct.pack("<L", 0o120777 << 16)), (38, struct.pack("<L", 0o060666 << 16)),
         (38, struct.pack("<L", 0o104755 << 16)), (8, b"\x09\x00"), (8, b"\x08\x08"), (10, b"\x08\x00"),
         (10, b"\x00\x00"), (4, b"\x14\x00"), (34, b"\x01\x00"), (32, b"\x01\x00"), (12, b"\x01\x01"))
    )  # fmt: skip
    data[at + field : at + field + len(value)] = value
    return bytes(data)


def bombs(chance, _):
    """Become more than is told, or more than anybody wants."""
    kind = chance.randrange(4)
    if kind == 0:  # tells the truth, and is a bomb
        size = (1 << 28) + chance.randrange(1 << 20)
        return declared(size, 100)
    if kind == 1:  # tells more than there can be
        return declared(1 << chance.randrange(40, 63), 100)
    if kind == 2:  # tells less than there is
        return lying(chance.randrange(1, len(TRANSCRIPT)))
    return lying(len(TRANSCRIPT) + chance.randrange(1, 1000))


def declared(size, data_size):
    """Write a bundle with a member that is told to be so large; directory and manifest agree."""
    good = write([(NAME, b"\x00" * data_size)])
    return retell(good, size)


def lying(size):
    """Write a bundle of which everything agrees on the wrong size."""
    return retell(write([(NAME, TRANSCRIPT)]), size)


def retell(good, size):
    """Write the directory, the descriptor and the manifest anew, with another size."""
    count, start, length = form.parse_ending(good[-form.END_SIZE :], len(good))
    first, manifest = form.parse_directory(good[start : start + length], count, start)
    text = good[manifest.begin : manifest.begin + manifest.size]
    text = change_manifest("members", 0, "size", value=size)(text)
    first = msgspec.structs.replace(first, size=size)
    out = good[: first.end - form.DESCRIPTOR_SIZE] + form.descriptor(first)
    last = form.Member("manifest.json", 0, zlib.crc32(text), len(text), len(text), len(out))
    out += form.local_header("manifest.json", 0) + text + form.descriptor(last)
    directory = form.entry(first) + form.entry(last)
    return out + directory + form.ending(2, len(out), len(directory))


def twice(chance, _):
    """Have members whose names are one to some system, or that lie upon each other."""
    kind = chance.randrange(4)
    name = "sessions/s/artefacts/logs/a.json"
    if kind == 0:
        return write([*GOOD, (name, b"again")])
    if kind == 1:
        return write([*GOOD, (name.replace("a.json", "A.JSON"), b"again")])
    if kind == 2:
        return write([*GOOD, (name.replace("a.json", "%61.json"), b"again")])
    return write([*GOOD, (f"{name}/below", b"a file in a file")])


def overlapping(chance, good):
    """Have a directory whose members lie upon each other, or apart."""
    count, start, length = form.parse_ending(good[-form.END_SIZE :], len(good))
    members = form.parse_directory(good[start : start + length], count, start)
    at = chance.randrange(count)
    offset = chance.choice((0, members[at].offset + 1, members[at - 1].offset, start, len(good)))
    if offset == members[at].offset:
        offset += 7
    members[at] = msgspec.structs.replace(members[at], offset=offset)
    directory = b"".join(map(form.entry, members))
    return good[:start] + directory + form.ending(count, start, len(directory))


def lies(chance, _):
    """Have a manifest that is not that of its members."""
    other = "0" * 64
    change = chance.choice((
        change_manifest("members", 0, "sha256", value=other),
        change_manifest("members", 1, "sha256", value=other),
        change_manifest("members", 0, "packed_sha256", value=other),
        change_manifest("members", 0, "sha256", value="x"),
        change_manifest("members", 0, "size", value=lambda size: size + 1),
        change_manifest("members", 0, "size", value=-1),
        change_manifest("members", 0, "size", value=1.5),
        change_manifest("members", 1, "packed_size", value=lambda size: size - 1),
        change_manifest("members", 0, value=DELETE),
        change_manifest("members", value=lambda members: [*members, members[0]]),
        change_manifest("members", value=lambda members: members[::-1]),
        change_manifest("members", 0, "path", value="../evil"),
        change_manifest("members", 0, value=lambda old: {**old, "link": "/etc"}),
        change_manifest("format", value="zip"),
        change_manifest("version", value=2),
        change_manifest("version", value=0),
        change_manifest("sessions", value=[]),
        change_manifest("sessions", value=lambda old: old * 2),
        change_manifest("sessions", 0, "sealed", value=True),
        change_manifest("sessions", 0, "session_key", value="agent:other:main"),
        change_manifest("sessions", 0, "user_id", value="other"),
        change_manifest("sessions", 0, "began", value="2020-01-01T00:00:00Z"),
        change_manifest("sessions", 0, "archives", value=["archives/u/c/m.zip"]),
        change_manifest("sessions", 0, "archives", value=[NAME]),
        lambda data: data[:-10], lambda data: b"", lambda data: b"[" * 100_000,
        lambda data: data.replace(b'"s"', b'"s","s":1', 1), lambda data: b"\xff" + data,
    ))  # fmt: skip
    return write(GOOD, change=change)


def identities(chance, _):
    """Have a session whose id or day leads elsewhere, or is another's."""
    if chance.random() < 0.5:
        session = msgspec.structs.replace(SESSION, session_id=chance.choice(IDS))
        return write(GOOD, [session])
    return write(GOOD, [msgspec.structs.replace(SESSION, day=chance.choice(DAYS))])


def members(chance, _):
    """Leave members out, add some, or have contents that are another's."""
    stranger = encode_header(make_header("other", BEGAN)) + b"\n"
    archive = "archives/u/c/m.zip"
    with_archive = msgspec.structs.replace(SESSION, archives=(archive,))
    return chance.choice((
        lambda: write(GOOD[1:]),
        lambda: write([]),
        lambda: write([(NAME, stranger), GOOD[1]]),
        lambda: write([(NAME, b""), GOOD[1]]),
        lambda: write([(NAME, b"no header\n" * 100)]),
        lambda: write([(NAME, write(GOOD))]),
        lambda: write([*GOOD, (archive, b"PK")], [with_archive]),
        lambda: write([*GOOD, (archive, write(GOOD))]),
        lambda: write(GOOD, [SESSION, msgspec.structs.replace(SESSION, session_id="t")]),
        lambda: write(GOOD[1:], [SEALED]),
        lambda: write([*GOOD, ("sessions/s/artefacts/session.json", b'{"id":"t"}')]),
        lambda: write([*GOOD, ("sessions/s/artefacts/session.json", b"[" * 9999)]),
        lambda: write([("sessions/s/artefacts/transcript.sealed", b"x"),
                       ("sessions/s/artefacts/session.json", b'{"id":"t","sealed":true}')], [SEALED]),
    ))()  # fmt: skip


def ages(chance, good):
    """Be an age file that is none, or that was changed."""
    head = b"age-encryption.org/v1\n"
    return chance.choice((
        head, head + chance.randbytes(200), head + good,
        head + b"-> scrypt " + b"A" * 22 + b" 30\n" + b"A" * 43 + b"\n--- " + b"A" * 43 + b"\n" + good,
        head + b"-> scrypt " + b"A" * 22 + b" 1\n" + b"A" * 43 + b"\n--- " + b"A" * 43 + b"\n" + good,
    ))  # fmt: skip


MAKERS = [
    (mutated, 150), (cut, 60), (paths, 70), (foreign, 20), (attributes, 30), (bombs, 30), (twice, 15),
    (overlapping, 20), (lies, 55), (identities, 30), (members, 20), (ages, 10),
]  # fmt: skip


def look(folder):
    """Tell every file below a folder, with its bytes, mode and time of change."""
    found = {}
    for at, folders, files in os.walk(folder):
        for name in [*folders, *files]:
            path = os.path.join(at, name)
            status = os.lstat(path)
            data = Path(path).read_bytes() if name in files else None
            found[path] = (status.st_mode, status.st_mtime_ns if name in files else 0, data)
    return found


@pytest.fixture
def place(tmp_path):
    """Have a home with a session, and a folder around it."""
    home = tmp_path / "around" / "home"
    with steno.open(home) as recorder, recorder.session("here"):
        pass
    return Places(home, home / "sessions", home / "artefacts", home / "archives", home / "holds")


def test_the_bundle_that_is_attacked_is_good(place, tmp_path):
    """Without a change, the bundle is imported: what follows is refused for what was done to it."""
    path = tmp_path / "good.steno"
    path.write_bytes(write(GOOD))

    done = import_bundle(path, place, index=None)

    assert [each.outcome for each in done.decided] == ["imported"]
    assert (place.sessions / "2026-11-20" / "s.jsonl").read_bytes() == TRANSCRIPT


def test_hostile_bundles(place, tmp_path):
    """Of 500 hostile bundles every one is refused with a reason, and not a byte is written."""
    chance = random.Random(20261120)
    export_bundle(["here"], tmp_path / "real.steno", place)
    real = (tmp_path / "real.steno").read_bytes()
    goods = [write(GOOD), real]
    for good in goods[1:]:
        assert good.startswith(form.MAGIC)
    path = tmp_path / "around" / "hostile.steno"
    path.write_bytes(b"")
    before = look(tmp_path)
    before.pop(str(path))
    count = 0
    reasons: collections.Counter[str] = collections.Counter()
    for make, times in MAKERS:
        for _ in range(times):
            data = make(chance, chance.choice(goods) if make in {mutated, cut} else goods[0])
            assert data not in goods, make
            path.write_bytes(data)
            count += 1
            try:
                import_bundle(path, place, index=None, on_clash="replace", ask=lambda: "secret")
            except StenoError as error:
                reasons[error.message] += 1
            else:
                pytest.fail(f"number {count}, by {make.__name__}, was taken")
            if count % 10 == 0:
                after = look(tmp_path)
                after.pop(str(path))
                after = {name: fact for name, fact in after.items() if "/holds" not in name}
                assert after == before, make
    assert count >= 500
    assert reasons.total() == count
    assert all(str(path) in reason for reason in reasons)  # and what is wrong stands behind it
    assert len(reasons) > 50
