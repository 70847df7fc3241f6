"""Run all benchmarks and write the table, or run those that are named.

With ``--renew`` before the names, their rows of the table are put in the place of the old ones.
"""

import importlib
import os
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.measuring import Result

NAMES = (
    "call", "throughput", "loop", "memory", "startup", "logs",
    "proxy_latency", "proxy_throughput", "proxy_memory", "proxy_linear",
    "archives", "imports", "scanning", "listing", "finding", "artefacts", "bundles", "sealed",
)  # fmt: skip
REPORT = Path(__file__).parent.parent / "docs" / "benchmarks.md"

_INTRODUCTION = """# Benchmarks

Written by `make bench`. Each bar is a ratio or a difference against something that was measured in
the same run on the same machine, so the table says more than its absolute figures.
"""


def describe_machine() -> str:
    """Name the machine that was measured."""
    model = platform.processor() or platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    return (
        f"{model}, {os.cpu_count()} cores; {platform.system()} {platform.release()}; "
        f"CPython {platform.python_version()}; {datetime.now(UTC):%Y-%m-%d}"
    )


def write_report(results: list[Result]) -> None:
    """Write the table."""
    lines = [_INTRODUCTION, f"Machine: {describe_machine()}.", ""]
    lines += ["| bar | demanded | measured | met | how |", "| --- | --- | --- | --- | --- |"]
    REPORT.write_text("\n".join([*lines, *map(_row, results)]) + "\n")


def renew_report(results: list[Result], names: list[str]) -> None:
    """Put new rows in the place of those of the same bars, and say which were measured again."""
    lines = REPORT.read_text().splitlines()
    for row in map(_row, results):
        head = row.split("|")[1:3]
        at = next((at for at, line in enumerate(lines) if line.split("|")[1:3] == head), len(lines))
        lines[at : at + 1] = [row]
    machine = next(at for at, line in enumerate(lines) if line.startswith("Machine: "))
    again = f"Measured again, alone: {', '.join(names)}: {describe_machine()}."
    lines[machine + 1 : machine + 1] = ["", again]
    REPORT.write_text("\n".join(lines) + "\n")


def _row(result: Result) -> str:
    met = "yes" if result.met else "**no**"
    cells = (result.bar, result.demand, result.measured, met, result.note)
    return f"| {' | '.join(cells)} |"


def main() -> int:
    """Measure, print, write; 1 where a bar is missed."""
    renew = sys.argv[1:2] == ["--renew"]
    names = sys.argv[1 + renew :] or list(NAMES)
    results: list[Result] = []
    for name in names:
        found = importlib.import_module(f"benchmarks.{name}").run()
        for each in found:
            mark = "ok  " if each.met else "MISS"
            print(
                f"{mark} {each.bar:32} {each.demand:36} {each.measured:>10}  {each.note}",
                flush=True,
            )
        results += found
    if names == list(NAMES):
        write_report(results)
        print(f"written to {REPORT.relative_to(Path.cwd())}")
    elif renew:
        renew_report(results, names)
    return 0 if all(each.met for each in results) else 1


if __name__ == "__main__":
    sys.exit(main())
