"""Bars 1 and 3 of logging: what a line costs in a scope and outside, and what a thousand keep."""

import io
import logging
import logging.handlers
import queue
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import steno
from benchmarks.measuring import Result

_CALLS = 500
"""Calls of a round; short, so that all see the same weather."""
_ROUNDS = 120
_KNOWN_US = 12.4
"""What the known implementation takes for a record, on a machine like this one."""

_SCRIPT = """
import contextvars, logging, sys, tracemalloc
import steno

scopes, lines, max_bytes = 1000, 100, int(sys.argv[1])
steno.configure_logging()
logger = logging.getLogger("bench")
kept = [steno.log_scope(level="DEBUG", max_lines=lines, max_bytes=max_bytes) for _ in range(scopes)]
contexts = [contextvars.copy_context() for _ in kept]
for scope, context in zip(kept, contexts):
    context.run(scope.__enter__)
text = "x" * 390
tracemalloc.start()
before = tracemalloc.get_traced_memory()[0]
for number in range(2 * lines):  # twice as many as are kept
    for context in contexts:
        context.run(logger.debug, "%s %s", number, text)
used = tracemalloc.get_traced_memory()[0] - before
assert all(len(scope.buffer) + scope.buffer.dropped == 2 * lines for scope in kept)
print(used, sum(scope.buffer.size for scope in kept), sum(len(scope.buffer) for scope in kept))
"""


class _Silent(logging.Handler):
    def handle(self, record) -> bool:
        return True


def _make_logger(name: str, level: int, handler: logging.Handler | None = None) -> logging.Logger:
    logger = logging.getLogger(f"bench.{name}")
    logger.propagate = False
    logger.setLevel(level)
    logger.handlers = [handler or logging.NullHandler()]
    return logger


def _per_call(call: Callable[..., None], calls: int = _CALLS) -> float:
    """Time a round; returns microseconds of a call."""
    begun = time.perf_counter()
    for number in range(calls):
        call("token %s of %s", number, "a stream")
    return (time.perf_counter() - begun) / calls * 1e6


def _in_turn(plain: Callable[[], float], ours: Callable[[], float]) -> tuple[float, float, float]:
    """Measure two in turn, the order changing; returns the median ratio and both minima."""
    pairs = []
    for number in range(_ROUNDS):
        if number % 2:
            one = plain()
            pairs.append((one, ours()))
        else:
            other = ours()
            pairs.append((plain(), other))
    ratio = statistics.median(other / one for one, other in pairs)
    return ratio, min(one for one, _ in pairs), min(other for _, other in pairs)


def _queue_handler() -> float:
    """The standard library's way to log without waiting; without a listener, which costs more."""
    steno.restore_logging()
    waiting: queue.Queue[object] = queue.Queue(-1)
    return _per_call(
        _make_logger("queue", logging.DEBUG, logging.handlers.QueueHandler(waiting)).debug
    )


def _in_scope() -> float:
    steno.configure_logging()
    logger = _make_logger("scope", logging.WARNING)
    with steno.log_scope(level="DEBUG", callback=len):
        return _per_call(logger.debug)


def _outside(
    method: str, level: int, make: Callable[[], logging.Handler]
) -> tuple[Callable[[], float], Callable[[], float]]:
    """Make the two measures of one call outside all scopes: without steno, and with it."""

    def plain() -> float:
        steno.restore_logging()
        return _per_call(getattr(_make_logger("plain", level, make()), method))

    def configured() -> float:
        steno.configure_logging()
        return _per_call(getattr(_make_logger("plain", level, make()), method))

    return plain, configured


def _memory() -> Result:
    bound = 80 * 1024
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT, str(bound)], check=True, capture_output=True, text=True
    )
    used, counted, lines = map(int, done.stdout.split())
    met = used <= counted <= 1000 * bound
    return Result(
        "3 1,000 scopes x 100 records", "<= the bounds; no more than is counted",
        f"{used / 1e6:.1f} MB", met,
        f"{lines:,} lines of 400 bytes kept of 200,000; counted as {counted / 1e6:.1f} MB, "
        f"bounded to {1000 * bound / 1e6:.1f} MB",
    )  # fmt: skip


def run() -> list[Result]:
    """Measure each pair in turn."""
    try:
        ratio, peer, ours = _in_turn(_queue_handler, _in_scope)
        memory = lambda: logging.StreamHandler(io.StringIO())  # noqa: E731 - a name for a factory
        shown = _in_turn(*_outside("info", logging.INFO, memory))
        silent = _in_turn(*_outside("info", logging.INFO, _Silent))
        disabled = _in_turn(*_outside("debug", logging.INFO, _Silent))
    finally:
        steno.restore_logging()
    note = "; ".join(
        f"{name}: {before * 1000:.0f} -> {after * 1000:.0f} ns"
        for name, (_, before, after) in (
            ("a handler that does nothing", silent), ("a disabled debug call", disabled),
        )
    )  # fmt: skip
    return [
        Result("1 DEBUG line in a scope", "<= 0.7x of QueueHandler", f"{ratio:.2f}x",
               ratio <= 0.7, f"QueueHandler without a listener: {peer:.2f} us, at best"),
        Result("1 DEBUG line in a scope", f"<= {_KNOWN_US / 2} us", f"{ours:.2f} us",
               ours <= _KNOWN_US / 2, "kept and formatted; the host hears nothing of it"),
        Result("1 INFO line outside all scopes", "<= 1.10x of a plain logger", f"{shown[0]:.2f}x",
               shown[0] <= 1.1,
               f"StreamHandler to memory: {shown[1]:.2f} -> {shown[2]:.2f} us; {note}"),
        _memory(),
    ]  # fmt: skip
