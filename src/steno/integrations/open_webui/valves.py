"""The valves: what an operator sets in Open WebUI's settings, and a user in theirs.

Defaults are what ``steno.yaml`` or the variables of the valves' names say, such as
``SESSION_LOG_DIR``; where they say nothing, the folder is the one that operators of such pipes
know. The host shares one instance of the valves between all turns and replaces it whenever it
likes: read it once, at the beginning of a turn.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field

from steno.archives.settings import ArchiveSettings
from steno.config import Config, load_config
from steno.errors import ConfigError
from steno.integrations.open_webui.resources import prepare
from steno.notices import say

Level = Literal["INHERIT", "DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]
_DIRECTORY = "session_logs"


def _configured() -> Config:
    """Read the configuration for the defaults; what is wrong in it is said, and left out."""
    try:
        return load_config()
    except ConfigError as error:
        say("open-webui-config", f"WARN {error.message}; the valve's default is steno's own")
    sane = {name: text for name, text in os.environ.items() if _is_sane(name, text)}
    return load_config(home=os.devnull, environ=sane)


def _is_sane(name: str, text: str) -> bool:
    try:
        load_config(home=os.devnull, environ={name: text})
    except ConfigError:
        return False
    return True


_loaded = _configured()
_config: Any = _loaded.archive
if _loaded.sources["archive.directory"] != "default":
    _DIRECTORY = str(_config.directory)


class LogValves(BaseModel):
    """What an operator sets; a Pipe's own ``Valves`` derive from it."""

    LOG_LEVEL: Level = Field(
        default="INHERIT",
        description="Lowest level that is shown, on stdout and in the chat. "
        "INHERIT: the variable GLOBAL_LOG_LEVEL, else INFO. Archives hold DEBUG whatever is shown.",
    )
    LOG_CITATION: bool = Field(
        default=True, description='Show the log lines of a turn as the source "Logs".'
    )
    SESSION_LOG_STORE_ENABLED: bool = Field(
        default=_config.enabled,
        description="Seal the log lines of each message in an encrypted archive.",
    )
    SESSION_LOG_DIR: str = Field(
        default=_DIRECTORY,
        description="Folder of the archives: <user>/<chat>/<message>.zip.",
    )
    SESSION_LOG_ZIP_PASSWORD: str = Field(
        default=_config.password or "",
        description="What opens the archives. Without it, or recipients, nothing is stored.",
        json_schema_extra={"input": {"type": "password"}},
    )
    SESSION_LOG_RECIPIENTS: str = Field(
        default=",".join(_config.recipients),
        description="age public keys, separated by commas, to which archives are sealed instead: "
        "then this server can't read them.",
    )
    SESSION_LOG_RETENTION_DAYS: int = Field(
        default=_config.retention_days, ge=1, description="Days after which archives are deleted."
    )
    SESSION_LOG_CLEANUP_INTERVAL_SECONDS: int = Field(
        default=_config.cleanup_interval_seconds, ge=60, description="Seconds between two rounds."
    )
    SESSION_LOG_ZIP_COMPRESSION: Literal["stored", "deflated", "bzip2", "lzma"] = Field(
        default=_config.compression, description="How archives are compressed."
    )
    SESSION_LOG_ZIP_COMPRESSLEVEL: int | None = Field(
        default=_config.compresslevel, ge=0, le=9, description="For deflated and bzip2."
    )
    SESSION_LOG_MAX_LINES: int = Field(
        default=_config.max_lines,
        ge=100,
        le=200_000,
        description="Log lines kept of one request; the oldest go first, and are counted.",
    )
    SESSION_LOG_FORMAT: Literal["text", "jsonl", "both"] = Field(
        default=_config.format, description="What archives hold."
    )
    SESSION_LOG_ARCHIVE_API_CALLS: bool = Field(
        default=_config.api_calls, description="Seal also calls that belong to no chat."
    )
    SESSION_LOG_STALE_FINALIZE_SECONDS: int = Field(
        default=_config.stale_seconds,
        ge=300,
        description="Seconds without a line after which an unfinished turn is sealed.",
    )
    STENO_RECORD: bool = Field(
        default=True, description="Record requests and replies in steno's transcripts."
    )
    STENO_HOME: str = Field(
        default="", description="Folder of the transcripts; empty: STENO_HOME or ~/.steno."
    )

    def model_post_init(self, context: Any, /) -> None:  # noqa: ARG002 - as pydantic has it
        """Seal what killed workers left, and delete what is old, without waiting for a turn.

        The host makes the valves of a function when it loads it: there is no other sign of a start.
        """
        settings = archive_settings(self)
        if settings.enabled:
            prepare(settings, self.STENO_HOME)


class LogUserValves(BaseModel):
    """What a user sets; a Pipe's own ``UserValves`` derive from it."""

    LOG_LEVEL: Level = Field(default="INHERIT", description="Lowest level that is shown to you.")


def archive_settings(valves: object) -> ArchiveSettings:
    """Read the archive's settings from valves; what they lack has its default."""

    def get(name: str, default: Any) -> Any:
        return getattr(valves, f"SESSION_LOG_{name}", default)

    recipients = str(get("RECIPIENTS", "") or "")
    return ArchiveSettings(
        enabled=bool(get("STORE_ENABLED", False)),
        directory=Path(str(get("DIR", _DIRECTORY) or "")),
        password=get("ZIP_PASSWORD", "") or None,
        recipients=tuple(each.strip() for each in recipients.split(",") if each.strip()),
        retention_days=get("RETENTION_DAYS", _config.retention_days),
        cleanup_interval_seconds=get("CLEANUP_INTERVAL_SECONDS", _config.cleanup_interval_seconds),
        compression=get("ZIP_COMPRESSION", _config.compression),
        compresslevel=get("ZIP_COMPRESSLEVEL", _config.compresslevel),
        max_lines=get("MAX_LINES", _config.max_lines),
        format=get("FORMAT", _config.format),
        api_calls=bool(get("ARCHIVE_API_CALLS", False)),
        stale_seconds=get("STALE_FINALIZE_SECONDS", _config.stale_seconds),
    )
