"""What was found in a conversation, and what its transcript holds already."""

from __future__ import annotations

from collections import Counter

from msgspec import Struct, field


class Known(Struct):
    """What of a session its transcript holds already.

    Attributes:
        entries: Keys of its entries, with the requests that they belong to.
        told: What its events tell: their type, request, and tool call where there is one.
    """

    entries: dict[str, str] = field(default_factory=dict)
    told: set[tuple[str, str, str]] = field(default_factory=set)


class Tally(Struct):
    """What was found in a conversation, new or not.

    Attributes:
        entries: All entries.
        new: Entries that the transcript did not hold.
        duplicates: Entries that stand twice in the file and were taken once.
        replayed: Entries that are copies of another session's; they count there.
        kinds: Entries by kind.
        unknown: Entries of kinds that the format does not know, by kind; they are kept.
        messages: What was said, by role; the model's replies are the ``assistant``'s.
        tool_calls: Calls of tools.
        tool_results: Results of tools.
        input_tokens: Input tokens of the replies that count here.
        output_tokens: Output tokens of the replies that count here.
        uncounted: Replies of which the source tells no counts.
        guessed: What the source does not say but was concluded, by what.
    """

    entries: int = 0
    new: int = 0
    duplicates: int = 0
    replayed: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)
    messages: Counter[str] = field(default_factory=Counter)
    tool_calls: int = 0
    tool_results: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    uncounted: int = 0
    guessed: Counter[str] = field(default_factory=Counter)

    def add(self, other: Tally) -> None:
        """Add what was found in another conversation."""
        for name in self.__struct_fields__:
            value = getattr(other, name)
            if isinstance(value, Counter):
                getattr(self, name).update(value)
            else:
                setattr(self, name, getattr(self, name) + value)
