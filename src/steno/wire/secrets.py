"""Secrets never reach an event: which headers and which parts of a URL are left out. Pure.

Headers whose name says that they carry a credential are left out altogether, as are values that
look like one. Of a query only the values are replaced, so that a reader sees what was asked for.
"""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus

if TYPE_CHECKING:
    from collections.abc import Iterable

HIDDEN = "[secret]"

_NAMES = re.compile(
    r"auth|cookie|token|secret|passw|credential|signature|api[-_]?key|access[-_]?key|[-_]key\b"
    r"|(?:^|[-_])jwt(?:$|[-_])|^key$",
    re.IGNORECASE,
)
_HARMLESS = re.compile(
    r"^(?:x-ratelimit-|anthropic-ratelimit-|ratelimit-|x-openclaw-session-key$|idempotency-key$"
    r"|x-steno-key$|www-authenticate$|max[-_].*tokens?$|.*[-_]tokens$)",
    re.IGNORECASE,
)
_VALUES = re.compile(
    r"\b(?:bearer|basic)\s+\S+"
    r"|\b(?:sk|pk|rk|xai|gsk|ghp|gho|ghs|glpat|hf|AIza|AKIA|xox[abp])[-_][A-Za-z0-9_-]{12,}"
    r"|\bAKIA[A-Z0-9]{16}\b|\bAIza[A-Za-z0-9_-]{30,}"
    r"|\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*",
    re.IGNORECASE,
)
_DULL = frozenset(
    {
        "accept", "accept-encoding", "accept-language", "connection", "content-length",
        "content-type", "host", "keep-alive", "te", "transfer-encoding", "upgrade", "user-agent",
        "sec-fetch-mode", "expect", "priority",
    }
)  # fmt: skip
"""Headers that say nothing about a session, or that stand elsewhere in its events."""


@functools.lru_cache(maxsize=1024)
def is_secret(name: str) -> bool:
    """Tell whether a header, or a field of a query, carries a credential by its name."""
    return _NAMES.search(name) is not None and _HARMLESS.match(name) is None


def hide_forms(text: str) -> str:
    """Replace what looks like a credential in a text of any length."""
    return _VALUES.sub(HIDDEN, text)


@functools.lru_cache(maxsize=4096)
def hide_secrets(text: str) -> str:
    """Replace what looks like a credential in a short text that comes again, such as a header's.

    What was looked at is remembered, so long texts are not for this: see `hide_forms`.
    """
    return hide_forms(text)


def public_headers(headers: Iterable[tuple[str, str]], *, dull: bool = False) -> dict[str, str]:
    """Keep the headers that may be recorded, with names in lower case.

    Args:
        headers: Names and values; of several with one name, all values are kept.
        dull: Keep also those that say nothing about a session.
    """
    kept: dict[str, str] = {}
    for given, value in headers:
        name = given.lower()
        if is_secret(name) or (not dull and name in _DULL):
            continue
        value = hide_secrets(value)  # noqa: PLW2901 - the value as it may be kept
        kept[name] = f"{kept[name]}, {value}" if name in kept else value
    return kept


def public_target(target: str) -> str:
    """Hide the credentials in the path and query of a request."""
    path, mark, query = target.partition("?")
    if not mark:
        return hide_secrets(path)
    fields = []
    for field in query.split("&"):
        name, equals, value = field.partition("=")
        if equals and (is_secret(unquote_plus(name)) or _VALUES.search(unquote_plus(value))):
            value = HIDDEN
        fields.append(f"{name}{equals}{value}")
    return f"{hide_secrets(path)}?{'&'.join(fields)}"


def public_url(url: str) -> str:
    """Hide the credentials in a URL, those before its host included."""
    scheme, mark, rest = url.partition("://")
    if not mark:
        return public_target(url)
    host, slash, target = rest.partition("/")
    _, _, host = host.rpartition("@")
    return f"{scheme}://{host}{slash}{public_target(target)}"
