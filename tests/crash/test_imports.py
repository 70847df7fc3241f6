"""An import of a bundle is killed at every step: half of it never remains."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import steno
from steno.bundles.exporting import export_bundle
from steno.bundles.places import Places

CHILD = Path(__file__).with_name("importing_child.py")


def make(home, text, *sessions):
    """Record sessions with artefacts and an archive."""
    with steno.open(home) as recorder:
        for name in sessions:
            ids = {"user_id": "u", "chat_id": f"c-{name}", "message_id": "m"}
            with recorder.session(name, **ids) as session:
                with session.request(model="m") as request:
                    request.response(text=text)
            folder = home / "artefacts" / name / "logs"
            folder.mkdir(parents=True)
            (folder / "a.json").write_text(text)
            folder = home / "archives" / "u" / f"c-{name}"
            folder.mkdir(parents=True)
            with zipfile.ZipFile(folder / "m.zip", "w") as file:
                file.writestr("logs.txt", text)
                file.comment = b"steno archive 1"
    return Places(home, home / "sessions", home / "artefacts", home / "archives", home / "holds")


def test_killed_at_every_step(tmp_path):
    """Wherever it is killed, the next one completes the import or clears it away."""
    places = make(tmp_path / "from", "new", "old", "added")
    export_bundle(["old", "added"], tmp_path / "b.steno", places)
    make(tmp_path / "work", "what was here", "old", "kept")

    done = subprocess.run(
        [sys.executable, str(CHILD), str(tmp_path)], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    kills = [json.loads(line) for line in done.stdout.splitlines()]
    states = [state for _, state, _ in kills]
    odd = [kill for kill in kills if kill[1] not in ("before", "after")]
    assert not odd, odd
    assert states == sorted(states, reverse=True)  # decided at one moment, and for good
    assert states.count("before") > 20
    assert states.count("after") > 20
    assert any(state == "after" and not untouched for _, state, untouched in kills)
