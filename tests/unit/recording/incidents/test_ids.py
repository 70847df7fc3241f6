"""Short ids."""

import re
import subprocess
import sys
import threading

import pytest

import steno
from steno.errors import IdentityError
from steno.identity import is_plain
from steno.recording.incidents import ids
from steno.recording.incidents.ids import choose_length, reserve_id
from steno.storage.home import Home, find_home

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def test_form(tmp_path):
    """An id is the prefix and four characters that nobody takes for one another; it is a name."""
    home = Home(tmp_path)

    for prefix in ("INC", "OPS2"):
        found = reserve_id(home, prefix)
        assert re.fullmatch(f"{prefix}-[{ALPHABET}]{{4}}", found)
        assert is_plain(found)
        assert (home.artefacts / found).is_dir()
        assert (home.artefacts / found).stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("prefix", ["", "a-b", "../x", "INC ", "x" * 17, "\u0130NC", "INC\n", 5])
def test_prefixes(tmp_path, prefix):
    """A prefix that could not stand in a name is refused with what is allowed."""
    with pytest.raises(IdentityError) as caught:
        reserve_id(Home(tmp_path), prefix)

    assert "letters and digits" in caught.value.hint
    assert not (tmp_path / "artefacts").exists()


def test_longer_before_they_run_short():
    """When more than one in 64 ids is taken, new ones are a character longer, and so on."""
    few = [f"INC-{number:04}" for number in range(100)]
    many = [f"INC-{number:04x}" for number in range(32**4 // 64 + 1)]
    others = [name.replace("INC", "OPS") for name in many]

    assert choose_length([], "INC") == 4
    assert choose_length(few + others, "INC") == 4
    assert choose_length(many, "INC") == 5
    assert choose_length(many, "OPS") == 4


def test_collisions(tmp_path, monkeypatch):
    """Ids that are taken by chance make the next ones longer; none is given twice."""
    home = Home(tmp_path)
    monkeypatch.setattr(ids, "random_letters", lambda length: "0" * length)

    found = [reserve_id(home, "INC") for _ in range(13)]

    assert found == [f"INC-{'0' * length}" for length in range(4, 17)]
    with pytest.raises(IdentityError, match="no free id"):
        reserve_id(home, "INC")


def test_ordinary_sessions(tmp_path, monkeypatch):
    """An id that an ordinary session goes by is not given to an incident."""
    monkeypatch.setattr(ids, "random_letters", lambda length: "0" * length)
    with steno.open(tmp_path) as recorder, recorder.session("INC-0000"):
        pass

    assert reserve_id(find_home(tmp_path), "INC") == "INC-00000"


def test_processes(tmp_path):
    """Twenty processes that create at once, and threads in each, get ids that are all different."""
    script = (
        "import sys, threading\n"
        "from steno.recording.incidents import ids\n"
        "from steno.storage.home import find_home\n"
        # A space of a few hundred ids, so that they do collide.
        "draw = ids.random_letters\n"
        "ids.random_letters = lambda length: draw(1) + draw(1) + '0' * (length - 2)\n"
        "def work():\n"
        "    for _ in range(3): print(ids.reserve_id(find_home(sys.argv[1]), 'INC') + '\\n', end='')\n"
        "threads = [threading.Thread(target=work) for _ in range(4)]\n"
        "for each in threads: each.start()\n"
        "for each in threads: each.join()\n"
    )
    children = [
        subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE)
        for _ in range(20)
    ]
    found = [line for child in children for line in child.communicate()[0].decode().split()]

    assert len(found) == 240
    assert len(set(found)) == 240


def test_threads(tmp_path):
    """Threads that create at once get ids that are all different."""
    home, found = Home(tmp_path), []

    def work():
        found.extend(reserve_id(home, "INC") for _ in range(20))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()

    assert len(set(found)) == 160
