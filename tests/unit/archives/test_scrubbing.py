"""What nobody may keep is taken out of free text."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steno.archives.scrubbing import WINDOW, scrub

KEY = "Zq9vTx7wLm2pRs4k"


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer {}", "authorization=Basic {}", "{{'Authorization': 'Bearer {}'}}",
        '{{"authorization":"{}"}}', "[(b'authorization', b'Bearer {}')]", "x-api-key: {}",
        "X-Goog-Api-Key: {}", "OPENAI_API_KEY={}", "api key: {}", "Cookie: a=1; session={}; b=2",
        "Set-Cookie: id={}; Path=/", '"cookie": "token={}"', "GET /v1?key={}&x=1",
        "https://h/x?access_token={}", "https://user:{}@host/x", "password: {}", "passwd='{}'",
        '{{"password":"a\\"{}"}}', '{{\\"api_key\\":\\"{}\\"}}', "client_secret={}", "sk-{}",
        "Bearer {}", "token ghp_{}", "-----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY",
        "AGE-SECRET-KEY-1{}", "refresh_token => {}", "Proxy-Authorization: Basic {}",
    ],
)  # fmt: skip
@pytest.mark.parametrize("around", ["{}", "Traceback:\n  File x\n{}\n  more", "a" * WINDOW + " {}"])
def test_secrets(text, around):
    """Credentials go from text, from JSON and from tracebacks, however far in they stand."""
    key = KEY.upper() if "AGE" in text else KEY
    scrubbed = scrub(around.replace("{}", text.format(key)))

    assert key not in scrubbed
    assert "[secret]" in scrubbed


@given(
    st.text(max_size=200), st.text(max_size=200),
    st.integers(WINDOW - 60, WINDOW + 20), st.sampled_from(["x-api-key: ", "Bearer ", "password="]),
)  # fmt: skip
def test_secrets_anywhere(before, after, place, name):
    """A credential goes whatever stands around it, also where two windows meet."""
    text = f"{before}{'word ' * (place // 5)}\n{name}{KEY}\n{after}"

    assert KEY not in scrub(text)
    assert KEY not in scrub(f"{before}\n{name}{KEY} {after}")


@pytest.mark.parametrize(
    "text",
    [
        "max_tokens=100, total_tokens: 5",
        "the key is in the door",
        "a secretary said: hello",
        "https://host/path?page=2&sort=asc",
        "author: Jane",
        "tokens: 12",
        "",
        'OpenRouter payload: {"usage":{"prompt_tokens":5}}',
    ],
)
def test_harmless_text_stays(text):
    """What is no credential stays as it is."""
    assert scrub(text) == text


@given(st.text(alphabet="abcdefghij \n.,", max_size=500))
def test_plain_words_stay(text):
    """Text without any sign of a credential is not changed."""
    assert scrub(text) == text


def test_files_are_reduced():
    """Of a file in a data URL, its size and digest stay, wherever the URL stands."""
    scrubbed = scrub('{"image_url":"data:image/png;base64,' + "QUJD" * 100 + '"} and more')

    assert scrubbed.startswith('{"image_url":"data:image/png;base64,[300 bytes, sha256 ')
    assert scrubbed.endswith(']"} and more')
    assert "QUJD" not in scrubbed


def test_long_texts_take_little_time():
    """Megabytes are no reason to search for long, and others are let go on in between."""
    pauses = []
    for text in ("x" * 3_000_000 + " bearer abcdef", "data:x/y;base64," + "A" * 3_000_000,
                 "key=" * 500_000, "data:" * 500_000 + ";base64,"):  # fmt: skip
        begun = time.perf_counter()
        scrub(text, lambda: pauses.append(1))
        assert time.perf_counter() - begun < 5

    assert len(pauses) > 50


@given(
    st.text(alphabet=st.sampled_from("bearerpasswordcookie:=\"'\\ \n;&?-_{}[](),sk"), max_size=80)
)
def test_scrubbing_again_changes_little(text):
    """Nothing breaks on fragments, and no text grows without end."""
    once = scrub(text)

    assert len(scrub(once)) <= len(once) + 64
