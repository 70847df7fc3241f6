"""What nobody may keep is taken out of free text."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steno.wire.scrubbing import WINDOW, scrub

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


@pytest.mark.parametrize(
    "value",
    [
        ["Zq9v", "7wLm"], [], [["Zq9v", "a]b"], "7wLm"], {"value": "Zq9v", "more": ["7wLm"]}, 4711,
        None, True, "Zq9v", [{"key": 'Zq9v"\'['}, {"x": "7wLm"}], [{"a": [{"b": "Zq9v"}]}, "7wLm"],
    ],
)  # fmt: skip
@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("wrapped", [False, True])
def test_secrets_that_are_lists(value, indent, wrapped):
    """All of a value goes, also of a list or an object, and JSON stays JSON, however it stands."""
    text = json.dumps({"a": 1, "secret": value, "b": ["kept"]}, indent=indent)
    scrubbed = scrub(json.dumps(text) if wrapped else text)

    for part in ("Zq9v", "7wLm", "4711"):
        assert part not in scrubbed
    found = json.loads(json.loads(scrubbed) if wrapped else scrubbed)
    assert found["secret"] == "[secret]"
    assert (found["a"], found["b"]) == (1, ["kept"])


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("secrets: {'secret': ['Zq9v', '7wLm'], 'x': 1}", "secrets: {'secret': '[secret]', 'x': 1}"),
        ("secret=[Zq9v, 7wLm] and more", "secret=[secret] and more"),
        ('{"secret": ["Zq9v", "7wLm', '{"secret": "[secret]"'),
        ('{"secret": [\n "Zq9v",\n "7wLm",', '{"secret": "[secret]"'),
        ("with token=abc123 sent", "with token=[secret] sent"),
        ("token=abc123", "token=[secret]"), ("(token = 'abc 123')", "(token = '[secret]')"),
        ("api_key=abc123, x", "api_key=[secret], x"), ("password=abc123", "password=[secret]"),
        ("Token=abc123\nhf_token=abc123", "Token=[secret]\nhf_token=[secret]"),
    ],
)  # fmt: skip
def test_what_is_left(text, left):
    """The value goes whole, and what stands around it stays."""
    assert scrub(text) == left


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
        "tokens=12 max_tokens=100 max-tokens=5 completion_tokens=7",
        "max_token=100 next_token: x eos_token=2 pad_token=</s> stop_token=.",
        '{"token": " the", "logprob": -0.5}',
        "first token: the; is_token==1, if token == 5",
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
                 "secret:[" * 300_000, "secret:['" * 300_000, 'secret:["a",' * 200_000,
                 "secret:[" + '"a",' * 500_000, "token=" * 400_000, "_token=" * 400_000,
                 "secret:{{" * 200_000, 'secret:[["a"],' * 200_000, "token " * 400_000,
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
