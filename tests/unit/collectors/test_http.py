"""Asking over HTTP: bounded, repeated where that helps, and read-only."""

import asyncio
import gzip
import random
import socket
import ssl
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest

from steno.collectors import retrying
from steno.collectors.http import (
    Ask,
    Manner,
    Stopped,
    carry_out,
    carry_out_async,
    on_thread,
)
from steno.collectors.services import PROMETHEUS, Service
from steno.errors import CollectError


@pytest.fixture(autouse=True)
def _hurry(monkeypatch):
    """Wait less between tries."""
    monkeypatch.setattr(retrying, "_FIRST_WAIT_S", 0.001)


@pytest.fixture(params=["sync", "async"])
def ask(request, scripted):
    """Ask one question by either driver; returns the answer."""

    def ask(question=None, service=None, **manner):
        answers = []

        def questions():
            answers.append((yield question or Ask("/x", (("q", "a b"),))))

        service = service or Service(PROMETHEUS, scripted.url, "Bearer secret")
        if request.param == "sync":
            carry_out(questions(), service, Manner(**manner))
        else:
            asyncio.run(carry_out_async(questions(), service, Manner(**manner)))
        return answers[0]

    return ask


def test_asking(ask, scripted):
    """A question is a GET with its parameters and what lets one in; the answer comes whole."""
    scripted.answer = lambda asked: (200, b"well", {"retry-after": "7"})

    answer = ask()

    assert (answer.status, answer.body, answer.retry_after) == (200, b"well", "7")
    (asked,) = scripted.asked
    assert (asked.method, asked.path, asked.params) == ("GET", "/x", {"q": "a b"})
    assert asked.headers["authorization"] == "Bearer secret"
    assert asked.headers["user-agent"].startswith("steno/")


def test_only_reading(ask, scripted):
    """POST is for the two paths that only read, and nothing else leaves."""
    scripted.answer = lambda asked: (200, b"{}")
    ask(Ask("/api/v1/query", (("query", "up"),), by_post=True))

    (asked,) = scripted.asked
    assert (asked.method, asked.params) == ("POST", {"query": "up"})
    with pytest.raises(AssertionError, match="only read"):
        ask(Ask("/api/v1/admin/tsdb/delete_series", by_post=True))
    assert len(scripted.asked) == 1


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_trouble(ask, scripted, status):
    """A server in trouble is asked again, so often and no more."""
    scripted.answer = lambda asked: (200, b"") if len(scripted.asked) > 2 else (status, b"")
    assert ask(retries=2).status == 200
    assert len(scripted.asked) == 3

    scripted.asked.clear()
    assert ask(retries=1).status == status
    assert len(scripted.asked) == 2


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_final_statuses(ask, scripted, status):
    """What asking again would not change is taken as it is."""
    scripted.answer = lambda asked: (status, b"no")

    assert ask().status == status
    assert len(scripted.asked) == 1


def test_final_answers(ask, scripted):
    """An answer that the asker knows to be final is not asked for again."""
    scripted.answer = lambda asked: (503, b"timed out")

    assert ask(Ask("/x", final=lambda answer: b"timed out" in answer.body)).status == 503
    assert len(scripted.asked) == 1


def test_retry_after(ask, scripted, monkeypatch):
    """The server says when to ask again, within bounds."""
    monkeypatch.setattr(retrying, "_FIRST_WAIT_S", 1000)
    headers = {"retry-after": "0"}
    scripted.answer = lambda asked: (200, b"") if len(scripted.asked) > 1 else (429, b"", headers)

    assert ask(timeout_s=20).status == 200


def test_random_numbers(ask, scripted):
    """The numbers that the program draws are not disturbed: a seed gives what it always gives."""
    scripted.answer = lambda asked: (200, b"") if len(scripted.asked) > 1 else (503, b"")
    before = random.getstate()

    assert ask().status == 200
    assert random.getstate() == before


def test_broken_connections(ask, scripted):
    """A connection that breaks is made again."""
    scripted.answer = lambda asked: (200, b"") if len(scripted.asked) > 2 else None

    assert ask(retries=2).status == 200


def test_nobody_there(ask):
    """Where nobody listens, the error names the address and how often it was tried."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"

    with pytest.raises(CollectError, match=r"3 times") as caught:
        ask(service=Service(PROMETHEUS, address), retries=2)

    assert caught.value.reason == "unreachable"
    assert address in caught.value.message


def test_silence(ask, scripted):
    """A server that says nothing is left when its time is over, and not asked again."""
    ended = threading.Event()
    scripted.answer = lambda asked: ended.wait(30) and None
    try:
        with pytest.raises(CollectError, match=r"within 0.2 s") as caught:
            ask(timeout_s=0.2)
    finally:
        ended.set()

    assert caught.value.reason == "timeout"
    assert len(scripted.asked) == 1


def test_too_large(ask, scripted):
    """An answer beyond the limit ends the collection, also where it was small on the way."""
    packed = gzip.compress(b"x" * 1_000_000)
    scripted.answer = lambda asked: (200, packed, {"content-encoding": "gzip"})

    with pytest.raises(CollectError, match="100000 bytes") as caught:
        ask(max_bytes=100_000)

    assert len(packed) < 100_000
    assert caught.value.reason == "limit"
    assert "max_bytes" in caught.value.hint
    assert len(ask(max_bytes=1_000_000).body) == 1_000_000


def test_damaged(ask, scripted):
    """An answer that can't be uncompressed is a clear error."""
    scripted.answer = lambda asked: (200, b"no gzip", {"content-encoding": "gzip"})

    with pytest.raises(CollectError, match="could not be asked"):
        ask(retries=0)


def test_redirects(ask, scripted):
    """A redirect on the same host is followed, and its parameters are the address's."""

    def answer(asked):
        if asked.path == "/x":
            return 307, b"", {"location": "/prefix/x?q=moved"}
        return 200, b"there"

    scripted.answer = answer

    assert ask().body == b"there"
    assert scripted.asked[1].params == {"q": "moved"}
    assert scripted.asked[1].headers["authorization"] == "Bearer secret"


def test_redirects_to_other_hosts(ask, scripted, other_host):
    """A redirect to another host is not followed: that host hears nothing, and no secret."""
    target = other_host.url.replace("://", "://u:pw@")
    scripted.answer = lambda asked: (302, b"", {"location": f"{target}/login?token=1"})

    with pytest.raises(CollectError, match="sends to") as caught:
        ask()

    assert other_host.asked == []
    assert "credentials" in caught.value.hint
    assert "pw" not in caught.value.message
    assert "token" not in caught.value.message


def test_redirects_in_a_circle(ask, scripted):
    """A redirect to itself ends."""
    scripted.answer = lambda asked: (302, b"", {"location": "/x"})

    with pytest.raises(CollectError, match="itself for ever"):
        ask()


def test_cancel(ask, scripted):
    """Who sets `cancel` is heard before a question, and while waiting to ask again."""
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(Stopped):
        ask(cancel=cancel)
    assert scripted.asked == []

    cancel.clear()

    def answer(asked):
        cancel.set()
        return 503, b"", {"retry-after": "30"}

    scripted.answer = answer
    with pytest.raises(Stopped):
        ask(cancel=cancel)
    assert len(scripted.asked) == 1


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """Make a certificate that nobody but who is told trusts, and its key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("tls")
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return folder


def test_encrypted(ask, scripted, certificate):
    """A server is trusted by the certificates that the environment names, and by no others."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    server = scripted._server
    server.socket = context.wrap_socket(server.socket, server_side=True)
    scripted.answer = lambda asked: (200, b"secret words")
    url = f"https://localhost:{server.server_port}"

    trusting = Service(PROMETHEUS, url, "Bearer t", str(certificate / "cert.pem"))
    assert ask(service=trusting).body == b"secret words"
    with pytest.raises(CollectError, match=r"(?i)certificate"):
        ask(service=Service(PROMETHEUS, url, "Bearer t"), retries=0)
    assert len(scripted.asked) == 1


def test_certificates(ask, tmp_path, scripted):
    """A file of certificates that is none is an error that names the variable."""
    (tmp_path / "ca.pem").write_text("nothing")
    service = Service(PROMETHEUS, scripted.url, None, str(tmp_path / "ca.pem"))

    with pytest.raises(CollectError, match="PROMETHEUS_CA_FILE"):
        ask(service=service)


@pytest.mark.parametrize(
    "manner",
    [{"timeout_s": 0}, {"timeout_s": float("inf")}, {"timeout_s": float("nan")}, {"retries": -1},
     {"max_bytes": 0}],
)  # fmt: skip
def test_manner(manner):
    """Numbers that make no sense are refused."""
    with pytest.raises(CollectError):
        Manner(**manner).check()


def test_missing_extra():
    """Without httpx2, the error names the extra that brings it."""
    script = (
        "import sys; sys.modules['httpx2'] = None\n"
        "from steno.collectors.prometheus import collect_metrics\n"
        "try: collect_metrics('up', url='http://127.0.0.1:9')\n"
        "except Exception as error: print(error.hint)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )

    assert done.stdout == "pip install 'steno[collectors]'\n"


def test_event_loop(scripted):
    """With an event loop, answers are read on another thread: large ones would hold it up."""
    scripted.answer = lambda asked: (200, b"")
    threads = []

    def questions():
        for path in ("/a", "/b"):
            yield Ask(path)
            threads.append(threading.current_thread())

    asyncio.run(carry_out_async(questions(), Service(PROMETHEUS, scripted.url), Manner()))

    assert len(threads) == 2
    assert threading.main_thread() not in threads


def test_on_thread():
    """Who cancels what runs on a thread gets control back when it has ended."""
    begun, ended = threading.Event(), []

    def work():
        begun.set()
        time.sleep(0.2)
        ended.append(True)

    async def main():
        task = asyncio.ensure_future(on_thread(work))
        await asyncio.to_thread(begun.wait)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return list(ended)

    assert asyncio.run(main()) == [True]
