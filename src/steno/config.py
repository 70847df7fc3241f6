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
from typing import Any, Literal

from msgspec import Struct

from steno.config_file import Found, read_settings
from steno.errors import ConfigError

Kind = Literal["bool", "int", "path", "choice"]


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
    """

    name: str
    kind: Kind
    default: Any
    variable: str
    meaning: str
    low: int = 0
    high: int = 0
    choices: tuple[str, ...] = ()

    @property
    def allowed(self) -> str:
        """Say what values are allowed."""
        if self.kind == "bool":
            return "true or false"
        if self.kind == "int":
            return f"a whole number from {self.low} to {self.high}"
        return ", ".join(self.choices) if self.kind == "choice" else "a path"


_ROOT = "session_recording"


def _key(name: str, kind: Kind, default: Any, meaning: str, **limits: Any) -> Key:
    variable = "STENO_" + name.upper().replace(".", "_")
    if name == "enabled":
        variable = "STENO_SESSION_RECORDING_ENABLED"
    return Key(f"{_ROOT}.{name}", kind, default, variable, meaning, **limits)


KEYS = (
    _key("enabled", "bool", True, "master switch; false records nothing"),
    _key("jsonl.enabled", "bool", True, "write transcripts"),
    _key("jsonl.directory", "path", "sessions", "folder of the transcripts"),
    _key(
        "jsonl.durability", "choice", "os", choices=("os", "fsync"),
        meaning="what was written survives: os, a killed process; fsync, the loss of power",
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
)  # fmt: skip
"""Every key, in the order in which it is shown."""

_BY_NAME = {key.name: key for key in KEYS}
_FAMILIES = ("STENO_SESSION_RECORDING_", "STENO_JSONL_", "STENO_SQLITE_", "STENO_WORKER_")
_TRUE = frozenset({"true", "1", "yes", "on"})
_FALSE = frozenset({"false", "0", "no", "off"})


class JsonlConfig(Struct, frozen=True):
    """Settings of the transcripts."""

    enabled: bool
    directory: Path
    durability: str


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


class Config(Struct, frozen=True):
    """All settings in force.

    Attributes:
        home: The folder from which defaults are derived.
        enabled: The master switch.
        jsonl: Settings of the transcripts.
        sqlite: Settings of the index.
        worker: Settings of the worker.
        sources: Where the value of each key comes from, by its dotted name.
    """

    home: Path
    enabled: bool
    jsonl: JsonlConfig
    sqlite: SqliteConfig
    worker: WorkerConfig
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
        values[key.name] = folder / key.default if key.kind == "path" else key.default
        sources[key.name] = "default"
    file = folder / "steno.yaml" if path is None else Path(path).expanduser()
    if path is not None or file.exists():
        for found in read_settings(file, _ROOT, tuple(_BY_NAME)):
            key = _BY_NAME[found.key]
            values[key.name] = _from_file(key, found, file.absolute().parent)
            sources[key.name] = found.place
    for key, text in _variables(environ):
        values[key.name] = _from_text(key, text)
        sources[key.name] = f"environment {key.variable}"
    for name, value in (overrides or {}).items():
        key = _BY_NAME.get(name) or _BY_NAME.get(f"{_ROOT}.{name}")  # type: ignore[assignment]
        if key is None:
            raise ConfigError(f"there is no setting {name!r}", hint=suggest(name, _BY_NAME))
        values[key.name] = _check(key, value, "argument", Path.cwd())
        sources[key.name] = "argument"
    return _build(folder, values, sources)


def _build(home: Path, values: Mapping[str, Any], sources: Mapping[str, str]) -> Config:
    def section(name: str) -> dict[str, Any]:
        start = f"{_ROOT}.{name}."
        return {key.removeprefix(start): values[key] for key in values if key.startswith(start)}

    return Config(
        home,
        values[f"{_ROOT}.enabled"],
        JsonlConfig(**section("jsonl")),
        SqliteConfig(**section("sqlite")),
        WorkerConfig(**section("worker")),
        dict(sources),
    )


def describe(config: Config) -> list[Setting]:
    """List every setting in force and where its value comes from."""
    settings = []
    for key in KEYS:
        value: Any = config
        for part in key.name.split(".")[1:]:
            value = getattr(value, part)
        source = config.sources.get(key.name, "default")
        settings.append(Setting(key.name, value, source, key.meaning, key.variable))
    return settings


def suggest(name: str, known: Mapping[str, object] | tuple[str, ...]) -> str:
    """Say which known name was probably meant, and which there are."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    meant = f"did you mean {close[0]!r}? " if close else ""
    return f"{meant}allowed: {', '.join(names)}"


def _variables(environ: Mapping[str, str]) -> list[tuple[Key, str]]:
    by_variable = {key.variable: key for key in KEYS}
    found = []
    for name in sorted(environ):
        key = by_variable.get(name)
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
    elif key.kind == "int":
        try:
            value = int(text)
        except ValueError:
            value = text
    return _check(key, value, place, Path.cwd())


def _from_file(key: Key, found: Found, folder: Path) -> Any:
    return _check(key, found.value, found.place, folder)


def _check(key: Key, value: Any, place: str, folder: Path) -> Any:
    if key.kind == "bool" and isinstance(value, bool):
        return value
    if key.kind == "int" and type(value) is int and key.low <= value <= key.high:
        return value
    if key.kind == "choice" and isinstance(value, str) and value in key.choices:
        return value
    fit = isinstance(value, (str, Path)) and str(value).strip() and "\x00" not in str(value)
    if key.kind == "path" and fit:
        try:
            return Path(os.path.abspath(folder / Path(value).expanduser()))
        except RuntimeError as error:  # ~somebody who does not exist
            raise ConfigError(f"{key.name} is {str(value)!r} ({place}): {error}") from None
    raise ConfigError(f"{key.name} is {value!r} ({place})", hint=f"allowed: {key.allowed}")
