"""Bar 1: what the caller pays for an event, beside three ways to log one."""

import logging
import logging.handlers
import queue
import statistics
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import steno
from benchmarks.measuring import Result, percentile

_COUNT = 4000
_ROUNDS = 5


def _paced(call) -> tuple[float, float]:
    """Time single calls in microseconds, with pauses in which a background thread can keep up."""
    clock = time.perf_counter_ns
    empty = statistics.median(-(clock() - clock()) for _ in range(1000))
    values = []
    for number in range(_COUNT):
        begun = clock()
        call(number)
        values.append((clock() - begun - empty) / 1000)
        if number % 200 == 0:
            time.sleep(0.02)
    return statistics.median(values), percentile(values, 0.99)


def _steno(folder: Path) -> tuple[float, float]:
    now = datetime.now
    with steno.open(folder / "steno") as recorder:
        record, started = recorder.record, steno.Started

        def call(_number: int) -> None:
            record(
                started(
                    session_id="s", request_id="r", timestamp=now(UTC), model_requested="gpt-5",
                    provider="openai", listener="sdk",
                )
            )  # fmt: skip

        return _paced(call)


def _queue_handler(folder: Path) -> tuple[float, float]:
    handler = logging.FileHandler(folder / "logging.log")
    waiting: queue.Queue[object] = queue.Queue(-1)
    listener = logging.handlers.QueueListener(waiting, handler)
    logger = logging.Logger("bench", logging.INFO)
    logger.addHandler(logging.handlers.QueueHandler(waiting))
    listener.start()
    result = _paced(lambda number: logger.info("started %s gpt-5 openai sdk", number))
    listener.stop()
    handler.close()
    return result


def _loguru(folder: Path) -> tuple[float, float]:
    from loguru import logger

    logger.remove()
    sink = logger.add(folder / "loguru.log", enqueue=True)
    result = _paced(lambda number: logger.info("started {} gpt-5 openai sdk", number))
    logger.remove(sink)
    return result


def _opentelemetry(folder: Path) -> tuple[float, float]:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter

    # As the other three, it ends up in a file.
    file = (folder / "spans.json").open("w")
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(ConsoleSpanExporter(out=file)))
    tracer = provider.get_tracer("bench")

    def call(number: int) -> None:
        with tracer.start_as_current_span(
            "chat gpt-5",
            attributes={
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": "openai",
                "gen_ai.request.model": "gpt-5",
                "gen_ai.conversation.id": "s",
                "request.id": number,
                "listener": "sdk",
            },
        ):
            pass

    result = _paced(call)
    provider.shutdown()
    file.close()
    return result


def run() -> list[Result]:
    """Measure all four, in turn."""
    medians: dict[str, list[float]] = {}
    tails: list[float] = []
    with tempfile.TemporaryDirectory() as name:
        for number in range(_ROUNDS):
            folder = Path(name) / str(number)
            folder.mkdir()
            ours = _steno(folder)
            tails.append(ours[1])
            for peer, (median, _) in {
                "steno": ours,
                "QueueHandler": _queue_handler(folder),
                "OpenTelemetry": _opentelemetry(folder),
                "loguru": _loguru(folder),
            }.items():
                medians.setdefault(peer, []).append(median)
    cost = {peer: statistics.median(values) for peer, values in medians.items()}
    tail = statistics.median(tails)
    results = [
        Result("1 record(), median", "<= 0.8 us", f"{cost['steno']:.2f} us", cost["steno"] <= 0.8,
               "a started event built and recorded, clock taken off"),
        Result("1 record(), p99", "<= 5 us", f"{tail:.2f} us", tail <= 5, "of single calls"),
    ]  # fmt: skip
    for peer, factor in (("QueueHandler", 15), ("OpenTelemetry", 80), ("loguru", 100)):
        ratio = cost[peer] / cost["steno"]
        results.append(
            Result(f"1 against {peer}", f">= {factor}x cheaper", f"{ratio:.0f}x", ratio >= factor,
                   f"{peer}: {cost[peer]:.1f} us a call")
        )  # fmt: skip
    return results
