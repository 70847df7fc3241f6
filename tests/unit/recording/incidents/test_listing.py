"""Listing incidents."""

import os

import steno


def test_list(create, home):
    """All incidents are listed without a password, the newest first; a sealed one keeps its name."""
    assert steno.Session.list(home=home) == []
    plain = create(name="payments")
    sealed = create("p", name="secret")
    other = create(None, "OPS")

    found = steno.Session.list(home=home)

    assert [each.session_id for each in found] == [
        other.session_id, sealed.session_id, plain.session_id,
    ]  # fmt: skip
    assert [(each.sealed, each.name, each.status) for each in found] == [
        (False, "", "active"), (True, None, None), (False, "payments", "active"),
    ]  # fmt: skip
    assert all(each.size_bytes > 0 and each.updated.endswith("Z") for each in found)
    assert [each.session_id for each in steno.Session.list(home=home, prefix="OPS")] == [
        other.session_id
    ]


def test_others_are_not_listed(create, home):
    """Folders of ordinary sessions, and what else lies there, are no incidents."""
    create()
    with steno.open(home) as recorder, recorder.session("s") as session:
        session.save_logs([1])
    (home / "artefacts" / "file").touch()
    (home / "artefacts" / "INC-EMPTY").mkdir()

    assert len(steno.Session.list(home=home)) == 1


def test_damaged(closed, home):
    """One whose session.json is damaged is listed with what is wrong with it."""
    (closed.data_dir / "session.json").write_text("{")

    (info,) = steno.Session.list(home=home)

    assert info.session_id == closed.session_id
    assert "session.json" in info.error
    assert info.path == os.fspath(closed.data_dir)


def test_id_of_another(closed, home):
    """One that says it is another one is listed under its folder's name, with what is wrong."""
    path = closed.data_dir / "session.json"
    path.write_text(path.read_text().replace(closed.session_id, "../../evil"))

    (info,) = steno.Session.list(home=home)

    assert info.session_id == closed.session_id
    assert "says that it is ../../evil" in info.error
