"""The configuration: defaults, ``steno.yaml``, the environment and arguments, as one frozen value.

Strategy: one table holds every key with its type, default, range, variable and meaning; reading,
checking, overriding and describing all go by it. Nothing is ever guessed: a key that is not in the
table, a value of the wrong type or a file that can't be read is an error that names the place. A
section that is given in part keeps the defaults of the rest.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct

from steno.config_file import Found, fits, read_settings
from steno.config_keys import KEYS, RECORDING, Key
from steno.errors import ConfigError

_BY_NAME = {key.name: key for key in KEYS}
_FAMILIES = (
    "STENO_SESSION_RECORDING_", "STENO_JSONL_", "STENO_SQLITE_", "STENO_WORKER_", "STENO_PROXY_",
    "STENO_ARCHIVE_",
)  # fmt: skip
_SECRET_KEY = "AGE-SECRET-KEY-"  # noqa: S105 - how such keys begin
_TRUE = frozenset({"true", "1", "yes", "on"})
_FALSE = frozenset({"false", "0", "no", "off"})


class RetentionConfig(Struct, frozen=True):
    """When transcripts are let go; see `KEYS`."""

    max_age_days: int | None
    max_total_size_gb: int | None
    compress_after_days: int | None
    cleanup_interval_minutes: int


class JsonlConfig(Struct, frozen=True):
    """Settings of the transcripts."""

    enabled: bool
    directory: Path
    durability: str
    retention: RetentionConfig


class SqliteConfig(Struct, frozen=True):
    """Settings of the index."""

    enabled: bool
    path: Path
    max_connections: int


class WorkerConfig(Struct, frozen=True):
    """Settings of the recorder's worker."""

    batch_size: int
    batch_timeout_ms: int
    channel_buffer_size: int
    overflow: str
    block_timeout_ms: int
    max_event_bytes: int


class ListenerConfig(Struct, frozen=True):
    """Where the proxy listens, and for whom; see `KEYS`."""

    address: str = ""
    upstream: str | None = None


class UpstreamConfig(Struct, frozen=True):
    """A provider's place; see `KEYS`."""

    url: str = ""
    provider: str | None = None


class ProxyConfig(Struct, frozen=True):
    """Settings of the proxy; listeners and upstreams by their names."""

    listeners: Mapping[str, ListenerConfig]
    upstreams: Mapping[str, UpstreamConfig]
    token: str | None
    upstream_timeout_s: int
    grace_s: int
    record_other: bool
    send_end_user_id: bool
    send_session_id: bool
    send_chat_id: bool
    send_message_id: bool


class ArchiveConfig(Struct, frozen=True):
    """Settings of the sealed archives; see `KEYS`."""

    enabled: bool
    directory: Path
    password: str | None
    recipients: tuple[str, ...]
    retention_days: int
    cleanup_interval_seconds: int
    compression: str
    compresslevel: int | None
    max_lines: int
    format: str
    api_calls: bool
    stale_seconds: int


class Config(Struct, frozen=True):
    """All settings in force.

    Attributes:
        home: The folder from which defaults are derived.
        enabled: The master switch.
        jsonl: Settings of the transcripts.
        sqlite: Settings of the index.
        worker: Settings of the worker.
        proxy: Settings of the proxy.
        archive: Settings of the sealed archives.
        sources: Where the value of each key comes from, by its dotted name.
    """

    home: Path
    enabled: bool
    jsonl: JsonlConfig
    sqlite: SqliteConfig
    worker: WorkerConfig
    proxy: ProxyConfig
    archive: ArchiveConfig
    sources: Mapping[str, str]


class Setting(Struct, frozen=True):
    """One line of ``steno config show``."""

    key: str
    value: Any
    source: str
    meaning: str
    variable: str


def load_config(
    path: str | os.PathLike[str] | None = None,
    *,
    home: str | os.PathLike[str] | None = None,
    environ: Mapping[str, str] | None = None,
    overrides: Mapping[str, object] | None = None,
) -> Config:
    """Read the configuration: arguments before the environment before the file before defaults.

    Args:
        path: The file; ``steno.yaml`` in the home, if there is one, when it is not given.
            Relative paths in a file are relative to its folder.
        home: The home; ``STENO_HOME`` or ``~/.steno`` when it is not given.
        environ: The environment; the process's own when it is not given.
        overrides: Values by dotted key.

    Raises:
        ConfigError: Something can't be used; it names the key, the value, the place and what is
            allowed.
    """
    environ = os.environ if environ is None else environ
    folder = Path(
        os.path.abspath(Path(home or environ.get("STENO_HOME") or "~/.steno").expanduser())
    )
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for key in KEYS:
        if "*" not in key.name:
            values[key.name] = folder / key.default if key.kind == "path" else key.default
            sources[key.name] = "default"
    file = folder / "steno.yaml" if path is None else Path(path).expanduser()
    if path is not None or file.exists():
        for found in read_settings(file, tuple(_BY_NAME)):
            key = _find(found.key)
            values[found.key] = _from_file(key, found, file.absolute().parent)
            sources[found.key] = found.place
    for key, text in _variables(environ):
        values[key.name] = _from_text(key, text)
        sources[key.name] = f"environment {key.variable}"
    for name, value in (overrides or {}).items():
        key = _BY_NAME.get(name) or _BY_NAME.get(f"{RECORDING}.{name}")  # type: ignore[assignment]
        if key is None:
            raise ConfigError(f"there is no setting {name!r}", hint=suggest(name, _BY_NAME))
        values[key.name] = _check(key, value, "argument", Path.cwd())
        sources[key.name] = "argument"
    return _build(folder, values, sources)


def _find(name: str) -> Key:
    key = _BY_NAME.get(name)
    return key or next(each for each in KEYS if fits(name, each.name))


def _build(home: Path, values: Mapping[str, Any], sources: Mapping[str, str]) -> Config:
    def section(name: str, root: str = f"{RECORDING}.") -> dict[str, Any]:
        start = f"{root}{name}."
        return {key.removeprefix(start): values[key] for key in values if key.startswith(start)}

    def plain(name: str, root: str = f"{RECORDING}.") -> dict[str, Any]:
        return {key: value for key, value in section(name, root).items() if "." not in key}

    def named(name: str, kind: type[Any]) -> dict[str, Any]:
        found: dict[str, dict[str, Any]] = {}
        for key, value in section(name, "proxy.").items():
            each, _, field = key.partition(".")
            found.setdefault(each, {})[field] = value
        return {each: kind(**fields) for each, fields in found.items()}

    retention = RetentionConfig(**section("jsonl.retention"))
    _check_retention(retention, sources)
    return Config(
        home,
        values[f"{RECORDING}.enabled"],
        JsonlConfig(retention=retention, **plain("jsonl")),
        SqliteConfig(**section("sqlite")),
        WorkerConfig(**section("worker")),
        ProxyConfig(
            listeners=named("listeners", ListenerConfig),
            upstreams=named("upstreams", UpstreamConfig),
            **plain("proxy", ""),
        ),
        ArchiveConfig(**section("archive", "")),
        dict(sources),
    )


def _check_retention(retention: RetentionConfig, sources: Mapping[str, str]) -> None:
    """Refuse to compress what is deleted before."""
    after, age = retention.compress_after_days, retention.max_age_days
    if after is not None and age is not None and after >= age:
        name = f"{RECORDING}.jsonl.retention.compress_after_days"
        raise ConfigError(
            f"{name} is {after} ({sources[name]}), and transcripts are deleted after {age} days",
            hint="compress_after_days must be less than max_age_days",
        )


def describe(config: Config) -> list[Setting]:
    """List every setting in force and where its value comes from."""
    settings = []
    for key in KEYS:
        for name in _named(key.name, config.sources):
            value: Any = config
            for part in name.removeprefix(f"{RECORDING}.").split("."):
                value = value[part] if isinstance(value, dict) else getattr(value, part)
            if key.kind == "secret" and value is not None:
                value = "(set)"
            source = config.sources.get(name, "default")
            settings.append(Setting(name, value, source, key.meaning, key.variable))
    return settings


def _named(pattern: str, sources: Mapping[str, str]) -> list[str]:
    return [name for name in sources if fits(name, pattern)] if "*" in pattern else [pattern]


def suggest(name: str, known: Mapping[str, object] | tuple[str, ...]) -> str:
    """Say which known name was probably meant, and which there are."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    meant = f"did you mean {close[0]!r}? " if close else ""
    return f"{meant}allowed: {', '.join(names)}"


def _variables(environ: Mapping[str, str]) -> list[tuple[Key, str]]:
    by_variable = {key.variable: key for key in KEYS if key.variable}
    found = []
    for name in sorted(environ):
        key = by_variable.get(name)
        if key is not None and not environ[name].strip():
            continue  # as compose files write a variable that is not set
        if key is not None:
            found.append((key, environ[name]))
        elif name.startswith(_FAMILIES):
            raise ConfigError(
                f"there is no setting for the environment variable {name}",
                hint=suggest(name, by_variable),
            )
    return found


def _from_text(key: Key, text: str) -> Any:
    place = f"environment {key.variable}"
    value: Any = text
    word = text.strip().lower()
    if key.kind == "bool" and word in _TRUE | _FALSE:
        value = word in _TRUE
    elif key.optional and word in {"null", "none"}:
        value = None
    elif key.kind == "texts":
        value = [part.strip() for part in text.split(",") if part.strip()]
    elif key.kind == "int":
        try:
            value = int(text)
        except ValueError:
            value = text
    return _check(key, value, place, Path.cwd())


def _from_file(key: Key, found: Found, folder: Path) -> Any:
    return _check(key, found.value, found.place, folder)


def _read_texts(key: Key, value: Any, place: str) -> tuple[str, ...]:
    """Read a list of texts; () where it is none."""
    if not isinstance(value, (list, tuple)):
        return ()
    texts = tuple(each.strip() if isinstance(each, str) else "" for each in value)
    if any(each.upper().startswith(_SECRET_KEY) for each in texts):
        raise ConfigError(
            f"{key.name} holds a secret key ({place})",
            hint="give the public key, age1...; keep the secret one off this machine",
        )
    return texts if all(texts) else ()


def _check(key: Key, value: Any, place: str, folder: Path) -> Any:
    if value is None and key.optional:
        return None
    if key.kind == "bool" and isinstance(value, bool):
        return value
    if key.kind == "texts" and (texts := _read_texts(key, value, place)):
        return texts
    if key.kind == "texts" and value in ([], ()):
        return ()
    if key.kind == "int" and type(value) is int and key.low <= value <= key.high:
        return value
    if key.kind == "choice" and isinstance(value, str) and value in key.choices:
        return value
    if key.kind in {"text", "secret"} and isinstance(value, str) and value.strip():
        return value.strip()
    fit = isinstance(value, (str, Path)) and str(value).strip() and "\x00" not in str(value)
    if key.kind == "path" and fit:
        try:
            return Path(os.path.abspath(folder / Path(value).expanduser()))
        except RuntimeError as error:  # ~somebody who does not exist
            raise ConfigError(f"{key.name} is {str(value)!r} ({place}): {error}") from None
    shown = "not a text" if key.kind == "secret" else repr(value)
    raise ConfigError(f"{key.name} is {shown} ({place})", hint=f"allowed: {key.allowed}")
