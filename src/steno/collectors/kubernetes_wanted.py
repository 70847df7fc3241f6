"""What is asked for when pod logs are collected, and whether it makes sense."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from msgspec import Struct, structs

from steno.collectors.kubernetes_pods import ALL_NAMESPACES
from steno.collectors.windows import Moment, parse_duration
from steno.errors import CollectError

if TYPE_CHECKING:
    from datetime import datetime

    from steno.collectors.windows import Window


class Wanted(Struct, frozen=True, kw_only=True):
    """What is asked for; see `steno.collectors.kubernetes.collect_pod_logs`."""

    pod: str | None = None
    selector: str | None = None
    field_selector: str | None = None
    namespace: str | None = None
    container: str | None = None
    since: Moment | None = None
    until: Moment | None = None
    previous: bool = False
    tail: int | None = None
    follow: bool = False
    duration: timedelta | float | str | None = None
    join_multiline: bool = True
    limit_lines: int | None = None
    limit_bytes: int | None = None
    timeout_s: float = 30.0
    retries: int = 3
    context: str | None = None

    def check(self) -> None:
        """Refuse what makes no sense.

        Raises:
            CollectError: It makes none.
        """
        selected = self.selector is not None or self.field_selector is not None
        numbers = {
            "tail": self.tail, "limit_lines": self.limit_lines, "limit_bytes": self.limit_bytes
        }  # fmt: skip
        for wrong, why in (
            (not self.pod and not selected, "name a pod, or give a selector"),
            (self.pod is not None and selected, "give a pod or a selector, not both"),
            # In an address they would be steps of the path, which no escape prevents.
            ({self.pod, self.namespace} & {".", ".."}, "dots alone are no name"),
            (
                self.pod is not None and self.namespace == ALL_NAMESPACES,
                "a pod is named within one namespace",
            ),
            (self.follow and self.previous, "a previous log has ended: it can't be followed"),
            (self.duration is not None and not self.follow, "a duration is for following"),
            (
                not 0 < self.timeout_s < float("inf") or self.retries < 0,
                "timeout_s must be more than nothing, retries at least nothing",
            ),
            *(
                (value is not None and value < (name != "tail"), f"{name} is too small: {value}")
                for name, value in numbers.items()
            ),
        ):
            if wrong:
                raise CollectError(why, reason="query")

    def described(self, namespace: str) -> dict[str, Any]:
        """Return what was asked for, as a program can ask for it again."""
        given = structs.asdict(self)
        for name in ("since", "until", "timeout_s", "retries", "context"):
            del given[name]
        default = structs.asdict(Wanted())
        asked = {name: value for name, value in given.items() if value != default[name]}
        if isinstance(self.duration, timedelta):
            asked["duration"] = f"{self.duration.total_seconds():g}s"
        return asked | {"namespace": namespace}


def end_of(wanted: Wanted, window: Window, now: datetime) -> float | None:
    """Tell when to stop following, by the clock that never goes back."""
    ends: list[float] = []
    if wanted.duration is not None:
        ends.append(parse_duration(wanted.duration).total_seconds())
    if wanted.follow and window.end is not None:
        ends.append(max(0.0, (window.end - now).total_seconds()) + 1.0)  # for what is on its way
    return time.monotonic() + min(ends) if ends else None
