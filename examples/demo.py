"""Record a small program with `steno record`, then look at what it said and heard.

Run by ``make demo``. With OPENAI_API_KEY or ANTHROPIC_API_KEY set, the real provider answers;
without a key a provider on loopback does, which echoes. What is printed afterwards was measured and
read back from disk.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from steno.testing import provider

HERE = Path(__file__).parent


def run(*arguments: str, environ: dict[str, str]) -> int:
    """Run a command as a user types it, and show it."""
    print(f"\n$ steno {shlex.join(arguments)}", flush=True)
    command = [sys.executable, "-m", "steno", *arguments]
    return subprocess.run(command, env=environ, check=False).returncode  # noqa: S603 - our own command


def choose(environ: dict[str, str], stack: contextlib.ExitStack) -> str:
    """Choose who answers, and say so; returns the program to record."""
    if environ.get("OPENAI_API_KEY"):
        print("OPENAI_API_KEY is set: OpenAI answers, and a few tokens will be paid for.")
        return "app.py"
    if environ.get("ANTHROPIC_API_KEY"):
        print("ANTHROPIC_API_KEY is set: Anthropic answers, and a few tokens will be paid for.")
        return "claude_app.py"
    served = stack.enter_context(provider.serve())
    environ.update(OPENAI_API_KEY="none", OPENAI_BASE_URL=f"{served.url}/v1")
    print("No key is set: a provider on this machine answers; it echoes what it is asked.")
    return "app.py"


def main() -> int:
    """Record, then look."""
    with contextlib.ExitStack() as stack:
        home = stack.enter_context(tempfile.TemporaryDirectory(prefix="steno-demo-"))
        environ = {**os.environ, "STENO_HOME": home}
        program = os.path.relpath(HERE / choose(environ, stack))
        code = run(
            "record", "--key", "agent:demo:main", "--", "python", program,
            environ={**environ, "PATH": f"{Path(sys.executable).parent}:{environ['PATH']}"},
        )  # fmt: skip
        run("ls", environ=environ)
        run("show", "latest", environ=environ)
        return code


if __name__ == "__main__":
    sys.exit(main())
