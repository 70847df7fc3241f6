"""Imports a bundle again and again, and is killed at each step that changes the disk.

Run as ``importing_child.py FOLDER``: in it are ``b.steno`` and ``work``, into which it is imported.
Prints a line of JSON for each kill: at which call, and what the home is like when somebody has come
after: ``before`` or ``after``, or what else is in it.
"""

import json
import os
import random
import shutil
import signal
import sqlite3
import sys
from pathlib import Path

from steno.bundles.importing import import_bundle
from steno.bundles.places import Places
from steno.bundles.placing import recover_if_needed

CALLS = ("rename", "replace", "link", "unlink", "mkdir", "rmdir", "fsync", "open")
ROOT = Path(sys.argv[1])
HOME = ROOT / "work"
INDEX = HOME / "sessions.db"
PLACES = Places(HOME, HOME / "sessions", HOME / "artefacts", HOME / "archives", HOME / "holds")


def look():
    """Tell every file and folder, what is in each, and what the index knows."""
    found = {
        str(path.relative_to(HOME)): path.read_bytes().hex() if path.is_file() else None
        for path in sorted(HOME.rglob("*"))
        if not path.name.startswith("sessions.db") and "holds" not in path.parts
    }
    connection = sqlite3.connect(INDEX)
    rows = connection.execute("SELECT session_id, response_text FROM sessions ORDER BY 1")
    found["index"] = [list(row) for row in rows]
    connection.close()
    return found


def die_at(number):
    """Kill this process at its n-th call that changes the disk."""
    left = [number]

    def wrap(call):
        def wrapped(*arguments, **named):
            left[0] -= 1
            if not left[0]:
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*arguments, **named)

        return wrapped

    for name in CALLS:
        setattr(os, name, wrap(getattr(os, name)))


def run(number, work):
    """Do something in a child that is killed at its n-th call; True where it came to its end."""
    child = os.fork()
    if not child:
        die_at(number)
        work()
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def take():
    """Import."""
    import_bundle(ROOT / "b.steno", PLACES, index=INDEX, on_clash="replace")


def come_after():
    """Do what the next import does first."""
    recover_if_needed(PLACES, INDEX)


def fresh():
    """Begin with the home as it was."""
    shutil.rmtree(HOME, ignore_errors=True)
    shutil.copytree(ROOT / "kept", HOME)


def differ(found, wanted):
    """Tell in what two homes differ."""
    names = sorted(name for name in found.keys() | wanted if found.get(name) != wanted.get(name))
    return [names, found["index"], wanted["index"]]


def main():
    """Kill at each call; and some that come after, too."""
    chance = random.Random(6)
    HOME.rename(ROOT / "kept")
    fresh()
    before = look()
    take()
    after = look()
    assert before != after
    number = 0
    finished = False
    while not finished:
        number += 1
        fresh()
        finished = run(number, take)
        at_once = look()
        if chance.random() < 0.5:
            run(chance.randrange(1, 25), come_after)
        come_after()
        found = look()
        state = "after" if found == after else "before" if found == before else differ(found, after)
        print(json.dumps([number, state, at_once == before]), flush=True)


main()
