"""The repository keeps its own rules: mirrored tests, one fact per test, one version."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

from steno.version import VERSION

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "steno"
TESTS = ROOT / "tests"
UNMIRRORED = {"__init__.py", "__main__.py"}


def mirror(module: Path) -> Path:
    """Name the test file that belongs to a module."""
    place = module.relative_to(SOURCE)
    return TESTS / "unit" / place.with_name(f"test_{place.name}")


def undocumented(path: Path) -> list[str]:
    """List the test functions in a file that do not say what they show."""
    return [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
        for node in ast.walk(ast.parse(path.read_bytes(), str(path)))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
        and not ast.get_docstring(node)
    ]


def test_mirrored():
    """Every module has a test file of its own, in the same folder under tests/unit."""
    modules = [path for path in sorted(SOURCE.rglob("*.py")) if path.name not in UNMIRRORED]
    missing = [str(mirror(path).relative_to(ROOT)) for path in modules if not mirror(path).exists()]

    assert modules
    assert not missing, "these test files are missing:\n" + "\n".join(missing)


def test_documented():
    """Every test says in its docstring what it shows."""
    found = [entry for path in sorted(TESTS.rglob("*.py")) for entry in undocumented(path)]

    assert not found, "these tests have no docstring:\n" + "\n".join(found)


def test_version():
    """The newest release in the changelog is the version that is built."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    releases = re.findall(r"^## \[?(\d[^\]\s]*)", changelog, re.MULTILINE)

    assert project["tool"]["hatch"]["version"]["path"] == "src/steno/version.py"
    assert releases[0] == VERSION


def test_public_names():
    """Every public name can be loaded, and `import steno` loads nothing of it before."""
    script = (
        "import sys, steno\n"
        "early = [name for name in sys.modules if name.startswith('steno.')]\n"
        "assert set(early) <= {'steno.errors', 'steno.version'}, early\n"
        "print(*[name for name in steno.__all__ if getattr(steno, name) is None])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "", "")
