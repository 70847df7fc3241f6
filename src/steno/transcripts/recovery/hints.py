"""What the first words of a conversation let suspect; nobody is ever named by it.

A conversation mentions other conversations: the keys of those that it began, of those that it
looked up, of those that somebody pasted. So a hint is shown to a person and decides nothing.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterator

_MOST = 8
_TIME = re.compile(r"\[[A-Z][a-z]{2} [^\]\n]{8,40}\] ?")
_MENTIONS = re.compile(r"\bagent:[a-z0-9][a-z0-9_-]{0,63}:[A-Za-z0-9@!._:+-]{1,200}")
_SIGNS = (
    ("subagent", re.compile(r"\[Subagent Context\]")),
    ("heartbeat", re.compile(r"\[OpenClaw heartbeat poll\]|Read HEARTBEAT\.md")),
    ("chat_id", re.compile(r"\"?chat_id\"?:? *\"([^\"\n]{1,200})\"")),
    ("channel", re.compile(r"\b([A-Z][a-z]+\[[^\]\n]{1,64}\] DM from [^\s:]{1,128})")),
    ("sender", re.compile(r"Sender \(untrusted metadata\):[^{]{0,20}\{[^}]{0,400}"
                          r"\"(?:id|label)\": *\"([^\"\n]{1,200})\"")),
)  # fmt: skip


class Hint(Struct, frozen=True):
    """Something that a text lets suspect.

    Attributes:
        kind: ``subagent``, ``heartbeat``, ``chat_id``, ``channel``, ``sender``, ``mention`` of a
            key, or ``candidate`` for one.
        value: What was found.
    """

    kind: str
    value: str


def is_subagent(text: str | None) -> bool:
    """Tell whether a conversation begins as a sub-agent's does, perhaps behind a time."""
    if text is None:
        return False
    time = _TIME.match(text)
    return text.startswith("[Subagent Context]", time.end() if time else 0)


def find_hints(text: str | None) -> Iterator[Hint]:
    """Yield what the first thing that a user said lets suspect."""
    if text is None:
        return
    for kind, pattern in _SIGNS:
        found = pattern.search(text)
        if found is not None:
            yield Hint(kind, found[found.lastindex or 0])
    mentioned = dict.fromkeys(match[0].rstrip(".:") for match in _MENTIONS.finditer(text))
    for key in list(mentioned)[:_MOST]:
        yield Hint("mention", key)
