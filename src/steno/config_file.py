"""Read ``steno.yaml`` into settings, each with the line on which it stands.

Strategy: the file is composed into YAML nodes, which know their lines, and only scalars under
known keys, and lists of scalars, are turned into values. Aliases are refused: a configuration needs
none, and nested ones can grow without bound.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from steno.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    import yaml

_MAX_BYTES = 1024 * 1024
_MAX_DEPTH = 50


class Found(Struct, frozen=True):
    """A setting that stands in the file.

    Attributes:
        key: Its dotted name.
        value: Its value: text, number, bool, None, or a list of these; a mapping, or a list of
            anything else, is given as text.
        place: The file's name and the line.
    """

    key: str
    value: Any
    place: str


def read_settings(path: Path, known: tuple[str, ...]) -> list[Found]:
    """Read the settings of a file.

    Args:
        path: The file.
        known: The dotted names of all keys; a part that is ``*`` stands for any name.

    Raises:
        ConfigError: The file can't be read, is no YAML, or holds what is not known.
    """
    node = _compose(path)
    if node is None:
        return []
    return list(_walk(node, "", path, known))


def _compose(path: Path) -> yaml.Node | None:
    # 15 ms of import that only those pay who have a configuration file
    import yaml

    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"cannot read the configuration {path}: {error.strerror}",
            hint="check the path and its permissions",
        ) from error
    if len(data) > _MAX_BYTES:
        raise ConfigError(f"{path} is no configuration: longer than {_MAX_BYTES} bytes")
    try:
        _check_tokens(path, yaml.scan(data.decode("utf-8"), Loader=yaml.SafeLoader))
        node: yaml.Node | None = yaml.compose(data.decode("utf-8"), Loader=yaml.SafeLoader)
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{path} is not UTF-8: byte {error.start}", hint="save it as UTF-8"
        ) from error
    except (yaml.YAMLError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark is not None else str(path)
        problem = getattr(error, "problem", None) or str(error)
        raise ConfigError(
            f"{place} is not YAML: {problem}", hint="see docs/configuration.md for an example"
        ) from error
    return node


def _check_tokens(path: Path, tokens: Iterable[yaml.Token]) -> None:
    """Refuse what could make the composer run away, before it is composed."""
    depth = 0
    for token in tokens:
        kind = type(token).__name__
        line = f"{path.name}:{token.start_mark.line + 1}"
        if kind == "AliasToken":
            raise ConfigError(f"{line}: aliases are not allowed", hint="write the value out")
        depth += kind.endswith("StartToken") and not kind.startswith(("Stream", "Document"))
        depth -= kind.endswith("EndToken") and not kind.startswith(("Stream", "Document"))
        if depth > _MAX_DEPTH:
            raise ConfigError(f"{line}: too deep for a configuration")


def _walk(node: yaml.Node, prefix: str, path: Path, known: tuple[str, ...]) -> Iterator[Found]:
    import yaml

    place = f"{path.name}:{node.start_mark.line + 1}"
    if isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:null":
        return  # an empty section means its defaults
    if not isinstance(node, yaml.MappingNode):
        raise ConfigError(
            f"{prefix or 'the configuration'} is {_text(node)} ({place})",
            hint="allowed: a section of keys and values",
        )
    seen: set[str] = set()
    for key_node, value_node in node.value:
        line = f"{path.name}:{key_node.start_mark.line + 1}"
        name = f"{prefix}.{_text(key_node)}".lstrip(".")
        if name in seen:
            raise ConfigError(f"{name} is given twice ({line})", hint="keep one of them")
        seen.add(name)
        if any(fits(name, other) for other in known):
            value_line = f"{path.name}:{value_node.start_mark.line + 1}"
            yield Found(name, _value(value_node), value_line)
        elif any(_is_above(name, other) for other in known):
            yield from _walk(value_node, name, path, known)
        else:
            raise _unknown(name, prefix, line, known)


def fits(name: str, pattern: str) -> bool:
    """Tell whether a dotted name is meant by one in which ``*`` stands for any part."""
    parts, others = name.split("."), pattern.split(".")
    return len(parts) == len(others) and _agree(parts, others)


def _is_above(name: str, pattern: str) -> bool:
    parts, others = name.split("."), pattern.split(".")
    return len(parts) < len(others) and _agree(parts, others)


def _agree(parts: list[str], others: list[str]) -> bool:
    return all(
        part == other or (other == "*" and part) for part, other in zip(parts, others, strict=False)
    )


def _unknown(name: str, prefix: str, line: str, known: tuple[str, ...]) -> ConfigError:
    start = f"{prefix}." if prefix else ""
    depth = start.count(".")
    allowed = sorted(
        {other.split(".")[depth] for other in known if not prefix or _is_above(prefix, other)}
    )
    last = name.removeprefix(start)
    close = difflib.get_close_matches(last, allowed, n=1, cutoff=0.5)
    meant = f"did you mean {close[0]!r}? " if close else ""
    where = f"in {prefix}" if prefix else "at the top"
    return ConfigError(
        f"unknown key {last!r} ({line})", hint=f"{meant}allowed {where}: {', '.join(allowed)}"
    )


def _value(node: yaml.Node) -> Any:
    import yaml

    if isinstance(node, yaml.SequenceNode) and all(
        isinstance(each, yaml.ScalarNode) for each in node.value
    ):
        return [_value(each) for each in node.value]
    if not isinstance(node, yaml.ScalarNode):
        return _text(node)
    try:
        return yaml.SafeLoader("").construct_object(node)
    except (yaml.YAMLError, ValueError, OverflowError):
        return node.value


def _text(node: yaml.Node) -> str:
    import yaml

    if isinstance(node, yaml.ScalarNode):
        return str(node.value)
    return "a list" if isinstance(node, yaml.SequenceNode) else "a section"
