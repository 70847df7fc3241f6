"""Take what nobody may keep out of free text: credentials, and files that were sent along. Pure.

Strategy: log messages are no headers, so a credential is known by the word before it
(``authorization: Bearer ...``, ``x-api-key=...``, ``?token=...``) or by its own form (``sk-...``).
The word stays, the value goes. A text that holds none of the words is not searched, and a long one
is searched a window at a time, so that a message of megabytes never keeps the interpreter for
itself; a match that touches the window's end is looked for again in a window that begins with it.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus

from steno.wire.secrets import HIDDEN, hide_forms, is_secret

if TYPE_CHECKING:
    from collections.abc import Callable

WINDOW = 32 * 1024
_OVERLAP = 1024

_NAME = (
    r"authorization|api[-_ ]?key|cookie2?"
    r"|(?:access|refresh|auth|id|bearer|session|security)[-_ ]?token"
    r"|client[-_]?secret|secret[-_]?(?:access[-_]?)?key|private[-_]?key|access[-_]?key(?:[-_]?id)?"
    r"|passwo?r?d|passphrase|secret|credentials?"
)
_BETWEEN = r"(?:(?:\\?[\"'])?\s{0,8}(?:=>|[:=])|\\?[\"']\s{0,8},)\s{0,8}(?!\[secret\])"
_BARE = r"[^\s\"',;&}\])\\]+"
# The last is JSON inside JSON, where an escape is itself escaped.
_QUOTED = (
    r"b?\"(?:[^\"\\\n]|\\.)*+\"|b?'(?:[^'\\\n]|\\.)*+'"
    r"|\\\"(?:[^\"\\\n]|\\\\(?:\\[\"\\]|[^\\])|\\[^\"\\])*+\\\""
)


def _nested(depth: int) -> str:
    """Make what matches a list or an object; nothing in it is tried in two ways."""
    inner = f"|{_nested(depth - 1)}" if depth else ""
    return rf"[\[{{](?:[^\[\]{{}}\"'\\]|\\[nrt]|{_QUOTED}{inner})*+[\]}}]"


# One that has no end, because it was cut off, or is nested too deep.
_OPEN = rf"[\[{{](?:[\s,:\[{{]|\\[nrt]|{_QUOTED})*+(?:\\?[\"']?{_BARE})?"
_NAMED = re.compile(
    rf"((?:{_NAME}){_BETWEEN})"
    rf"({_nested(4)}|{_OPEN}|{_QUOTED}"
    rf"|\\?[\"']?(?:bearer|basic|token|digest|negotiate|apikey)\s+{_BARE}|b?\\?[\"']?{_BARE})",
    re.IGNORECASE,
)
# Models have tokens of their own, so the word alone says something only before an equals sign.
_TOKEN = re.compile(
    r"((?:(?<![A-Za-z0-9_])(?<![A-Za-z0-9]-)"
    r"|(?<![A-Za-z0-9])(?:api|bot|csrf|gh|github|gitlab|hf|jwt|oauth|slack|user|xsrf)[-_])"
    r"token\s{0,2}=(?!=)\s{0,2}(?!\[secret\]|(?:none|null|true|false)\b))"
    rf"({_QUOTED}|b?\\?[\"']?{_BARE})",
    re.IGNORECASE,
)
_KEY_QUOTE = re.compile(r"(\\?[\"'])\s*(?:=>|[:=])\s*\Z")
# A cookie's value has parts of its own; it ends with the line, or with the quotation.
_COOKIE = re.compile(rf"(cookie2?{_BETWEEN}b?(?:\\?[\"'])?)([^\"'\r\n\\]+)", re.IGNORECASE)
_FIELD = re.compile(r"([?&;])([A-Za-z0-9_.%\-\[\]]{1,64})=([^&;\s\"'<>#\\]+)")
_LOGIN = re.compile(r"([A-Za-z][A-Za-z0-9+.-]{1,20}://)([^\s/@\"'<>]{1,512})@")
_KEY_BLOCK = re.compile(
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----[^-]*(?:-----END [A-Z0-9 ]{0,40}KEY-----)?"
    r"|AGE-SECRET-KEY-1[0-9A-Z]+"
)
_BASE64 = re.compile(r"(?:[A-Za-z0-9+/=_-]|%2[BbFf]|%3[Dd])+")

_PREFIXES = (
    "bearer", "basic", "sk-", "sk_", "pk-", "pk_", "rk-", "rk_", "xai", "gsk", "ghp", "gho", "ghs",
    "glpat", "hf-", "hf_", "aiza", "akia", "xox", "eyj",
)  # fmt: skip
_WORDS = (
    "authorization", "api-key", "api_key", "apikey", "api key", "secret", "passwd", "password",
    "passphrase", "credential", "cookie", "private", "access", "refresh", "auth", "idtoken",
    "id-token", "id_token", "id token", "bearer", "session", "security",
)  # fmt: skip


def scrub(text: str, pause: Callable[[], object] = bool) -> str:
    """Remove credentials from a text, and leave of files that were sent along their size.

    Args:
        text: Any text.
        pause: Called between the windows of a long text: other threads may want to go on.
    """
    low = text.lower()
    if ";base64," in low:
        text = _shorten_data(text, pause)
        low = text.lower()
    if "private key-----" in low or "age-secret-key" in low:
        text = _replace(_KEY_BLOCK, lambda _: HIDDEN, text, pause)
    if "://" in low and "@" in low:
        text = _replace(_LOGIN, lambda found: f"{found[1]}{HIDDEN}@", text, pause)
    if any(word in low for word in _WORDS):
        if "cookie" in low:
            text = _replace(_COOKIE, _hide_value, text, pause)
        text = _replace(_NAMED, _hide_value, text, pause)
    if "token" in low and "=" in low:
        text = _replace(_TOKEN, _hide_value, text, pause)
    if "=" in low and ("?" in low or "&" in low or ";" in low):
        text = _replace(_FIELD, _hide_field, text, pause)
    if any(prefix in low for prefix in _PREFIXES):
        text = _hide_forms(text, pause)
    return text


def _hide_value(found: re.Match[str]) -> str:
    value = found[2].removeprefix("b")
    quote = value[:2] if value.startswith("\\") else value[:1] if value[:1] in "\"'" else ""
    closed = quote if len(value) > len(quote) and value.endswith(quote) else ""
    if not quote:
        # In JSON a number, a list or an object gives way to a text, by which it stays JSON.
        key = _KEY_QUOTE.search(found[1])
        quote = closed = key[1] if key else ""
    return f"{found[1]}{quote}{HIDDEN}{closed}"


def _hide_field(found: re.Match[str]) -> str:
    if is_secret(unquote_plus(found[2])):
        return f"{found[1]}{found[2]}={HIDDEN}"
    return found[0]


def _hide_forms(text: str, pause: Callable[[], object]) -> str:
    if len(text) <= WINDOW:
        return hide_forms(text)
    pieces = []
    at = 0
    while at < len(text):
        pause()
        cut = _cut(text, at)
        pieces.append(hide_forms(text[at:cut]))
        at = cut
    return "".join(pieces)


def _cut(text: str, at: int) -> int:
    """Find where a window may end: before a word, and not between "Bearer" and what follows it."""
    limit = at + WINDOW
    if limit >= len(text):
        return len(text)
    last = max(text.rfind(each, at + 1, limit) for each in " \n\"',")
    if last <= at:
        return limit
    before = text[max(at, last - _OVERLAP) : last].rstrip()
    if before[-6:].lower().endswith(("bearer", "basic")):
        # The spaces after it, and the word itself, begin the next window.
        last -= len(text[max(at, last - _OVERLAP) : last]) - len(before) + len("bearer")
    return max(last, at + 1)


def _replace(
    pattern: re.Pattern[str],
    put: Callable[[re.Match[str]], str],
    text: str,
    pause: Callable[[], object],
) -> str:
    """Replace as `re.sub` does, a window at a time."""
    if len(text) <= WINDOW:
        return pattern.sub(put, text)
    pieces = []
    kept = at = 0
    while at < len(text):
        end = min(len(text), at + WINDOW)
        found = pattern.search(text, at, end)
        if found is None:
            pause()
            # What began near the end of the window is looked for again in the next.
            at = end if end == len(text) else end - _OVERLAP
            continue
        if found.start() > at and end < len(text):
            # The window may have cut it, and what is left of it may match in another way.
            at = found.start()
            continue
        stop = found.end()
        if stop == end and end < len(text):
            # Longer than a window: all that hangs together goes.
            rest = _REST.match(text, stop)
            stop = rest.end() if rest else stop
        pieces += [text[kept : found.start()], put(found)]
        kept = at = max(stop, at + 1)
    return "".join([*pieces, text[kept:]])


_REST = re.compile(r"[^\s\"']*")


def _shorten_data(text: str, pause: Callable[[], object]) -> str:
    """Put size and digest in the place of what follows ``data:...;base64,``."""
    pieces = []
    kept = at = 0
    while True:
        # Found by its middle: a search for the beginning would try at each "data:".
        middle = text.find(";base64,", at)
        if middle < 0:
            middle = text.lower().find(";base64,", at)
            if middle < 0:
                break
        stop = middle + len(";base64,")
        begin = text.rfind("data:", max(kept, middle - 160), middle)
        at = stop
        if begin < 0 and text[max(kept, middle - 160) : middle].lower().rfind("data:") < 0:
            continue
        end = stop
        while True:
            found = _BASE64.match(text, end, min(len(text), end + WINDOW))
            if found is None:
                break
            pause()
            end = found.end()
        payload = text[stop:end]
        if payload:
            digest = hashlib.sha256(payload.encode("ascii")).hexdigest()[:16]
            size = len(payload.rstrip("=")) * 3 // 4
            pieces += [text[kept:stop], f"[{size} bytes, sha256 {digest}]"]
            kept = at = end
    return "".join([*pieces, text[kept:]])
