"""`steno env`: a proxy in the background, and the variables that lead to it."""

import json
import os
import subprocess
import sys

import pytest

SHELL = """
steno() {{ {python} -m steno "$@"; }}
eval "$(steno env)" 2>/dev/null
echo "1 $OPENAI_BASE_URL"
eval "$(steno env)" 2>/dev/null
echo "2 $OPENAI_BASE_URL"
steno env --json 2>/dev/null
{python} -c "
import os, urllib.request
urllib.request.urlopen(urllib.request.Request(os.environ['OPENAI_BASE_URL'] + '/chat/completions', b'{{}}')).read()"
eval "$(steno env --stop)"
echo "3 [$OPENAI_BASE_URL]"
steno env --stop > /dev/null
"""


def test_in_a_shell(home, served):
    """Two lines in a shell begin and end recording; what was set before is the upstream."""
    done = subprocess.run(
        ["/bin/sh", "-c", SHELL.format(python=sys.executable)],
        env={**os.environ, "STENO_HOME": str(home), "OPENAI_BASE_URL": f"{served.url}/v1"},
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    first, second, variables, third = done.stdout.splitlines()

    assert first.split()[1] == second.split()[1]
    assert first.split()[1].endswith("/openai/v1")
    assert json.loads(variables)["OPENAI_BASE_URL"] == first.split()[1]
    assert third == "3 []"
    assert "no proxy runs" in done.stderr
    assert served.requests[0].path == "/v1/chat/completions"
    assert list(home.rglob("*.jsonl"))


@pytest.mark.parametrize(
    ("shell", "line"), [("sh", "unset OPENAI_BASE_URL;"), ("fish", "set -e OPENAI_BASE_URL;")]
)
def test_shells(run, home, shell, line):
    """The lines are of the shell that is asked for."""
    code, out, _ = run("env", "--stop", "--shell", shell, "--home", home)

    assert code == 0
    assert line in out.splitlines()
