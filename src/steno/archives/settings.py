"""The settings of the archives, as the archivist uses them.

Strategy: hosts hand over what stands in their own forms, where a field that was left empty is an
empty text. It means the same as one that was never set, so it is made so here and nowhere else.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from steno.config import ArchiveConfig


def clean_password(text: str | None) -> str | None:
    """Leave out the blanks around a password; None where nothing else is in it.

    Whoever seals and whoever opens must do the same: a blank that one of them keeps locks all out.
    """
    return (text or "").strip() or None


class ArchiveSettings(msgspec.Struct, frozen=True):
    """Where archives go, who can open them, and how much of a request they hold.

    Attributes:
        enabled: The master switch.
        directory: The folder of all archives; None, or a blank one, is none.
        password: What opens them; blank is none.
        recipients: age public keys to seal to, instead of a password.
        retention_days: Days after which an archive is deleted.
        cleanup_interval_seconds: Seconds between two rounds of that.
        compression: ``stored``, ``deflated``, ``bzip2`` or ``lzma``.
        compresslevel: How hard deflated and bzip2 try; None is their own default.
        max_lines: The newest lines of a request that are kept.
        max_bytes: Bytes that a request may have on disk before it is sealed.
        format: ``text``, ``jsonl`` or ``both``.
        api_calls: Keep also calls that belong to no message.
        stale_seconds: Seconds without a line after which a request counts as interrupted.
        batch_timeout_ms: Milliseconds after which a line is on disk.
    """

    enabled: bool = False
    directory: Path | None = Path("session_logs")
    password: str | None = None
    recipients: tuple[str, ...] = ()
    retention_days: int = 90
    cleanup_interval_seconds: int = 3600
    compression: str = "deflated"
    compresslevel: int | None = None
    max_lines: int = 20_000
    max_bytes: int = 64 * 1024 * 1024
    format: str = "both"
    api_calls: bool = False
    stale_seconds: int = 43_200
    batch_timeout_ms: int = 100

    def __post_init__(self) -> None:
        """Make blank values none at all."""
        change = msgspec.structs.force_setattr
        given = "" if self.directory is None else str(self.directory).strip()
        # An empty text is the current folder to pathlib, and no folder to whoever left it empty.
        change(self, "directory", Path(given).expanduser() if given not in {"", "."} else None)
        change(self, "password", clean_password(self.password))
        kept = tuple(key.strip() for key in self.recipients if key.strip())
        change(self, "recipients", kept)

    @classmethod
    def from_config(cls, config: ArchiveConfig) -> ArchiveSettings:
        """Take over the section ``archive`` of the configuration."""
        return cls(**msgspec.structs.asdict(config))
