"""Every setting that exists: one table by which configuration is read, checked and described."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct

Kind = Literal["bool", "int", "path", "choice", "text", "secret", "texts"]
"""``texts`` is a list of texts; in a variable, they are separated by commas."""

RECORDING = "session_recording"


class Key(Struct, frozen=True):
    """One setting that exists.

    Attributes:
        name: Its dotted name in the file.
        kind: What its values are.
        default: Its default; paths are relative to the home.
        variable: The environment variable that overrides the file.
        meaning: What it does, for ``steno config show``.
        low: The smallest number that is allowed.
        high: The greatest number that is allowed.
        choices: The words that are allowed.
        example: What a text looks like.
        optional: There may be no value: null, in the file and in the variable.
    """

    name: str
    kind: Kind
    default: Any
    variable: str
    meaning: str
    low: int = 0
    high: int = 0
    choices: tuple[str, ...] = ()
    example: str = ""
    optional: bool = False

    @property
    def allowed(self) -> str:
        """Say what values are allowed."""
        none = " or null" if self.optional else ""
        if self.kind == "bool":
            return "true or false"
        if self.kind == "int":
            return f"a whole number from {self.low} to {self.high}{none}"
        if self.kind == "choice":
            return ", ".join(self.choices)
        return self.example or {"path": "a path", "texts": "a list of texts"}.get(
            self.kind, "a text"
        )


def _key(name: str, kind: Kind, default: Any, meaning: str, **limits: Any) -> Key:
    variable = "STENO_" + name.upper().replace(".", "_")
    if name == "enabled":
        variable = "STENO_SESSION_RECORDING_ENABLED"
    return Key(f"{RECORDING}.{name}", kind, default, variable, meaning, **limits)


def _archive(
    name: str, kind: Kind, default: Any, meaning: str, *, valve: str = "", **limits: Any
) -> Key:
    variable = f"SESSION_LOG_{valve}" if valve else "STENO_ARCHIVE_" + name.upper()
    return Key(f"archive.{name}", kind, default, variable, meaning, **limits)


def _proxy(name: str, kind: Kind, default: Any, meaning: str, **limits: Any) -> Key:
    variable = "" if "*" in name else "STENO_PROXY_" + name.upper()
    return Key(f"proxy.{name}", kind, default, variable, meaning, **limits)


KEYS = (
    _key("enabled", "bool", True, "master switch; false records nothing"),
    _key("jsonl.enabled", "bool", True, "write transcripts"),
    _key("jsonl.directory", "path", "sessions", "folder of the transcripts"),
    _key(
        "jsonl.durability", "choice", "os", choices=("os", "fsync"),
        meaning="what was written survives: os, a killed process; fsync, the loss of power",
    ),
    _key(
        "jsonl.retention.max_age_days", "int", None, low=1, high=36_500, optional=True,
        meaning="days after its last event when a transcript is deleted; null keeps it for ever",
    ),
    _key(
        "jsonl.retention.max_total_size_gb", "int", None, low=1, high=1_000_000, optional=True,
        meaning="GiB of transcripts beyond which the oldest are deleted; null sets no limit",
    ),
    _key(
        "jsonl.retention.compress_after_days", "int", None, low=1, high=36_500, optional=True,
        meaning="days after its last event when a transcript is compressed; null never does",
    ),
    _key(
        "jsonl.retention.cleanup_interval_minutes", "int", 60, low=1, high=525_600,
        meaning="minutes between two rounds of the above",
    ),
    _key("sqlite.enabled", "bool", True, "keep the index"),
    _key("sqlite.path", "path", "sessions.db", "database of the index"),
    _key(
        "sqlite.max_connections", "int", 5, low=1, high=1000,
        meaning="connections to the index that one process may open; recording needs one",
    ),
    _key(
        "worker.batch_size", "int", 100, low=1, high=100_000,
        meaning="events after which a batch is written",
    ),
    _key(
        "worker.batch_timeout_ms", "int", 100, low=1, high=60_000,
        meaning="milliseconds after which an accepted event is on disk",
    ),
    _key(
        "worker.channel_buffer_size", "int", 10_000, low=1, high=10_000_000,
        meaning="events that may be in memory; beyond that, see overflow",
    ),
    _key(
        "worker.overflow", "choice", "drop", choices=("drop", "block"),
        meaning="when the buffer is full: drop and count the event, or block the caller",
    ),
    _key(
        "worker.block_timeout_ms", "int", 1000, low=1, high=600_000,
        meaning="milliseconds that block waits before it drops after all",
    ),
    _key(
        "worker.max_event_bytes", "int", 16 * 1024 * 1024, low=1024, high=1 << 30,
        meaning="bytes of a line beyond which an event's texts are cut, with size and digest",
    ),
    _proxy(
        "listeners.*.address", "text", None, example="127.0.0.1:8788",
        meaning="where the proxy listens",
    ),
    _proxy(
        "listeners.*.upstream", "text", None, example="openai",
        meaning="the upstream to which everything goes; without it, the path names the upstream",
    ),
    _proxy(
        "upstreams.*.url", "text", None, example="https://llm.example.com",
        meaning="where an upstream is; paths of requests are appended",
    ),
    _proxy(
        "upstreams.*.provider", "text", None, example="openai",
        meaning="the provider that events name; the upstream's own name without it",
    ),
    _proxy("token", "secret", None, "what clients must send to a listener off loopback"),
    _proxy(
        "upstream_timeout_s", "int", 600, low=1, high=86_400,
        meaning="seconds without a byte from the upstream after which a request is given up",
    ),
    _proxy(
        "grace_s", "int", 30, low=0, high=3600,
        meaning="seconds for which a shutdown waits for open streams",
    ),
    _proxy("record_other", "bool", False, "record also requests of which no protocol is known"),
    _proxy("send_end_user_id", "bool", False, "set `user` and metadata.user_id for OpenRouter"),
    _proxy("send_session_id", "bool", False, "set metadata.session_id for OpenRouter"),
    _proxy("send_chat_id", "bool", False, "set metadata.chat_id for OpenRouter"),
    _proxy("send_message_id", "bool", False, "set metadata.message_id for OpenRouter"),
    _archive(
        "enabled", "bool", False, valve="STORE_ENABLED",
        meaning="seal the log lines of each message in an encrypted archive",
    ),
    _archive("directory", "path", "archives", valve="DIR", meaning="folder of the archives"),
    _archive(
        "password", "secret", None, valve="ZIP_PASSWORD", meaning="what opens the archives",
    ),
    _archive(
        "recipients", "texts", (), example="a list of age public keys (age1...)",
        meaning="public keys to which archives are sealed, instead of a password",
    ),
    _archive(
        "retention_days", "int", 90, low=1, high=36_500, valve="RETENTION_DAYS",
        meaning="days after which an archive is deleted",
    ),
    _archive(
        "cleanup_interval_seconds", "int", 3600, low=60, high=31_536_000,
        valve="CLEANUP_INTERVAL_SECONDS", meaning="seconds between two rounds of the above",
    ),
    _archive(
        "compression", "choice", "deflated", choices=("stored", "deflated", "bzip2", "lzma"),
        valve="ZIP_COMPRESSION", meaning="how archives are compressed",
    ),
    _archive(
        "compresslevel", "int", None, low=0, high=9, optional=True, valve="ZIP_COMPRESSLEVEL",
        meaning="how hard deflated and bzip2 try; null is their own default",
    ),
    _archive(
        "max_lines", "int", 20_000, low=100, high=200_000, valve="MAX_LINES",
        meaning="log lines kept of one request; the oldest go first, and are counted",
    ),
    _archive(
        "format", "choice", "both", choices=("text", "jsonl", "both"), valve="FORMAT",
        meaning="what an archive holds: logs.txt, logs.jsonl or both",
    ),
    _archive(
        "api_calls", "bool", False, valve="ARCHIVE_API_CALLS",
        meaning="seal also calls that belong to no chat, under <user>/api",
    ),
    _archive(
        "stale_seconds", "int", 43_200, low=300, high=31_536_000, valve="STALE_FINALIZE_SECONDS",
        meaning="seconds without a line after which an unfinished request is sealed as interrupted",
    ),
)  # fmt: skip
"""Every key, in the order in which it is shown."""
