"""Bar 6: how long an import and the smallest command take over a bare interpreter."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.measuring import Result, alternate, seconds

_ROUNDS = 15


def _time(*command: str) -> float:
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
    return seconds(
        lambda: subprocess.run(command, check=True, capture_output=True, env=environment)
    )


def run() -> list[Result]:
    """Time whole processes, in turn."""
    steno = shutil.which("steno", path=str(Path(sys.executable).parent)) or "steno"
    _time(steno, "--version")  # writes the byte code
    bare, imported, version = alternate(
        _ROUNDS,
        lambda: _time(sys.executable, "-c", "pass"),
        lambda: _time(sys.executable, "-c", "import steno"),
        lambda: _time(steno, "--version"),
    )
    import_ms, version_ms = (imported - bare) * 1000, (version - bare) * 1000
    return [
        Result("6 import steno", "<= 60 ms over bare", f"{import_ms:.0f} ms", import_ms <= 60,
               f"bare interpreter {bare * 1000:.0f} ms"),
        Result("6 steno --version", "<= 120 ms over bare", f"{version_ms:.0f} ms",
               version_ms <= 120, "whole process"),
    ]  # fmt: skip
