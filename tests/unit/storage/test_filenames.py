"""Names for what was collected: the known behaviour, and what hostile names come to."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from steno.storage.filenames import (
    MAX_BYTES,
    cut_bytes,
    document_stem,
    generate_timestamp,
    numbered,
    query_part,
    safe_filename,
    sanitize_filename,
)


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("payments-svc", "payments-svc"),
        ("a_b-C9", "a_b-C9"),
        ("app/web:8080", "app_web_8080"),
        ("rate(http_requests_total[5m])", "rate_http_requests_total_5m"),
        ("a!!!b", "a_b"),
        ("a__b___c", "a_b_c"),
        ("__a__", "a"),
        ("..", "unnamed"),
        ("", "unnamed"),
        ("___", "unnamed"),
        ("../../etc/passwd", "etc_passwd"),
        ("a\x00b", "a_b"),
        ("\ud800x", "x"),
        ("服务-1", "服务-1"),
        ("café", "café"),
        ("e\u0301", "e"),
        ("🚀", "unnamed"),
        ("a\nb\tc", "a_b_c"),
        ("x" * 60, "x" * 50),
        ("x" * 49 + "_y", "x" * 49),
        ("_" + "x" * 60, "x" * 49),
    ],
)
def test_sanitize(name, safe):
    """Letters, digits, - and _ stay, the rest becomes one _; it is cut first and stripped then."""
    assert sanitize_filename(name) == safe


def test_sanitize_length():
    """The length is in characters and can be chosen."""
    assert sanitize_filename("a" * 100, max_length=10) == "a" * 10
    assert sanitize_filename("服" * 100, 3) == "服服服"


def test_timestamp():
    """The time in a name is local, to the second, without colons."""
    stamp = generate_timestamp()

    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d", stamp)
    parsed = datetime.strptime(stamp, "%Y-%m-%dT%H-%M-%S").astimezone()
    assert abs(datetime.now(UTC) - parsed) < timedelta(seconds=5)


@pytest.mark.parametrize(
    ("parts", "head"),
    [
        (("kubernetes", "payments-svc", "production"), "kubernetes_payments-svc_production_"),
        (("jaeger",), "jaeger_"),
        (("cloud watch", "/ecs/app"), "cloud_watch_ecs_app_"),
        (("kubernetes", "p" * 90, "production"), f"kubernetes_{'p' * 50}_production_"),
    ],
)
def test_document(parts, head):
    """A document is named by its source, what it is of, and the time; no part hides another."""
    assert re.fullmatch(re.escape(head) + r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d", document_stem(*parts))


def test_document_in_bytes():
    """A name of letters that take four bytes is cut by its bytes; the time stays whole."""
    stem = document_stem("𐌰" * 60, "𐌰" * 60, "𐌰" * 60)

    assert MAX_BYTES - 4 <= len(stem.encode()) <= MAX_BYTES
    assert re.search(r"𐌰_\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\Z", stem)


def test_query():
    """Of a query of 500 characters, 40 stand in the name."""
    assert query_part("sum(" + "x" * 496) == "sum_" + "x" * 36


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("report.pdf", "report.pdf"),
        ("/tmp/heap dump.hprof", "heap_dump.hprof"),
        ("C:\\logs\\app.log", "app.log"),
        ("../../x.txt", "x.txt"),
        (".bashrc", "bashrc"),
        ("...", "unnamed"),
        ("", "unnamed"),
        ("/", "unnamed"),
        ("archive.tar.gz", "archive.tar.gz"),
        ("a.", "a"),
        ("con", "_con"),
        ("NUL.txt", "_NUL.txt"),
        ("console.txt", "console.txt"),
        ("a\x00b.txt", "a_b.txt"),
        ("x." + "y" * 40, "x." + "y" * 40),
        ("\ud800.txt", "_.txt"),
    ],
)
def test_own_names(name, safe):
    """A file keeps its own name as far as that is safe, and what says its format."""
    assert safe_filename(name) == safe


def test_own_names_in_bytes():
    """A long name of a file is cut by its bytes; what says its format stays."""
    name = safe_filename("服" * 300 + ".json")

    assert len(name.encode()) <= MAX_BYTES
    assert name.endswith("服.json")


def test_numbers():
    """The second file of a name has a number before what says its format."""
    assert [numbered("a.json", number) for number in (1, 2, 13)] == [
        "a.json", "a-2.json", "a-13.json"
    ]  # fmt: skip
    assert numbered("a", 2) == "a-2"


def test_cut():
    """A text is cut between two characters, never within one."""
    assert cut_bytes("aé服", 3) == "aé"
    assert cut_bytes("aé服", 5) == "aé"
    assert cut_bytes("aé服", 6) == "aé服"
