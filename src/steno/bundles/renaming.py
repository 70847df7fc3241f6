"""A session under another id, beside one that has its own.

Strategy: the id stands in the header and in every line, so a copy of the transcript is written in
which both say the new one, and the header tells in its ``source`` where it comes from: the id and
the digest of the transcript as it was. Recorder and number identify an event everywhere, so the
recorder's name changes too; what a line tells is taken over byte for byte. The new id is made from
the old one and the digest: to import the same bundle again makes the same session.
"""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, Any

import msgspec

from steno.storage.files import FILE_MODE
from steno.storage.lines import read_lines

if TYPE_CHECKING:
    from pathlib import Path

_BUFFER = 1 << 20
_decode = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode = msgspec.json.Encoder().encode


def new_id(session_id: str, sha256: str) -> str:
    """Make the id under which a session lies beside another one of its own id."""
    return f"{session_id}-{sha256[:12]}"


def rename_transcript(source: Path, target: Path, old: str, new: str, sha256: str) -> None:
    """Write a transcript anew under another id.

    Lines that can't be read are taken over as they are.

    Args:
        source: The transcript.
        target: The file to write; nothing may be there.
        old: The id that it has.
        new: The id that it gets.
        sha256: The digest of the transcript.

    Raises:
        OSError: It can't be written.
    """
    origin = {"format": "steno-bundle", "id": old, "sha256": sha256}
    names: dict[bytes, bytes] = {}
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    with (
        source.open("rb") as file,
        os.fdopen(os.open(target, flags, FILE_MODE), "wb", buffering=_BUFFER) as out,
    ):
        for line in read_lines(file):
            out.write(_rename(line.data, _encode(old), _encode(new), origin, names))
            if line.whole:
                out.write(b"\n")
        out.flush()
        os.fsync(out.fileno())


def _rename(
    line: bytes, old: bytes, new: bytes, origin: dict[str, Any], names: dict[bytes, bytes]
) -> bytes:
    try:
        fields: dict[str, Any] = dict(_decode(line))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return line
    is_header = bytes(fields.get("type", b"")) == b'"session"'
    for name in ("session_id", "id") if is_header else ("session_id",):
        if name in fields and bytes(fields[name]) == old:
            fields[name] = msgspec.Raw(new)
    if is_header:
        before = fields.get("source")
        fields["source"] = origin if before is None else {**origin, "source": before}
    elif "recorder" in fields:
        recorder = bytes(fields["recorder"])
        if recorder not in names:
            digest = hashlib.sha256(new + b"\n" + recorder).hexdigest()
            names[recorder] = _encode(f"bundle-{digest[:20]}")
        fields["recorder"] = msgspec.Raw(names[recorder])
    return _encode(fields)
