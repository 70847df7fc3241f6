"""The configuration."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from steno.config import KEYS, describe, load_config
from steno.errors import ConfigError

SPECIFIED = """
session_recording:
  # Master switch - disables everything if false
  enabled: true

  # JSONL writer (full session data)
  jsonl:
    enabled: true
    directory: "~/.lunaroute/sessions"

  # SQLite writer (queryable metadata)
  sqlite:
    enabled: true
    path: "~/.lunaroute/sessions.db"
    max_connections: 5

  # Background worker settings
  worker:
    batch_size: 100           # Events to buffer before flush
    batch_timeout_ms: 100     # Max time to wait before flush
    channel_buffer_size: 10000  # Max events in channel (backpressure)
"""


@pytest.fixture
def load(tmp_path):
    """Load a configuration from text."""

    def load(text=None, environ=None, **more):
        path = None
        if text is not None:
            path = tmp_path / "steno.yaml"
            path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return load_config(path, home=tmp_path / "home", environ=environ or {}, **more)

    return load


def test_the_specifications_file(load):
    """The file of the specification is read as it stands."""
    config = load(SPECIFIED)

    assert config.jsonl.directory == Path("~/.lunaroute/sessions").expanduser()
    assert config.sqlite.path == Path("~/.lunaroute/sessions.db").expanduser()
    assert config.sources["session_recording.worker.batch_size"] == "steno.yaml:19"


def test_defaults(load, tmp_path):
    """Without a file, the defaults of the specification are in force, under the home."""
    config = load()

    assert config.enabled
    assert config.jsonl.directory == tmp_path / "home" / "sessions"
    assert config.sqlite.path == tmp_path / "home" / "sessions.db"
    assert config.sqlite.max_connections == 5
    assert config.worker.batch_size == 100
    assert config.worker.batch_timeout_ms == 100
    assert config.worker.channel_buffer_size == 10_000
    assert set(config.sources.values()) == {"default"}


@pytest.mark.parametrize("jsonl", ["true", "false"])
@pytest.mark.parametrize("sqlite", ["true", "false"])
def test_all_combinations_of_writers(load, jsonl, sqlite):
    """Each writer can be switched on and off on its own."""
    config = load(
        f"session_recording: {{jsonl: {{enabled: {jsonl}}}, sqlite: {{enabled: {sqlite}}}}}"
    )

    assert config.jsonl.enabled == (jsonl == "true")
    assert config.sqlite.enabled == (sqlite == "true")


@pytest.mark.parametrize("text", ["", "# nothing\n", "session_recording:\n", "---\n"])
def test_empty_files(load, text):
    """An empty file or section means the defaults."""
    assert load(text).worker.batch_size == 100


def test_a_section_in_part_keeps_the_other_defaults(load):
    """A section that is given in part keeps the defaults of the rest."""
    config = load("session_recording:\n  worker:\n    batch_size: 7\n")

    assert (config.worker.batch_size, config.worker.batch_timeout_ms) == (7, 100)


def test_precedence(load):
    """An argument goes before the environment, the environment before the file."""
    text = "session_recording:\n  worker: {batch_size: 1, batch_timeout_ms: 1, overflow: block}\n"
    environ = {"STENO_WORKER_BATCH_SIZE": "2", "STENO_WORKER_BATCH_TIMEOUT_MS": "2"}

    config = load(text, environ, overrides={"worker.batch_size": 3})

    assert config.worker.batch_size == 3
    assert config.worker.batch_timeout_ms == 2
    assert config.worker.overflow == "block"
    sources = [
        config.sources[f"session_recording.worker.{key}"]
        for key in ("batch_size", "batch_timeout_ms", "overflow")
    ]
    assert sources == ["argument", "environment STENO_WORKER_BATCH_TIMEOUT_MS", "steno.yaml:2"]


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("session_recording:\n  worker:\n    batchsize: 5\n", "unknown key 'batchsize' (steno.yaml:3)", "did you mean 'batch_size'?"),
        ("session_recordin:\n  enabled: true\n", "unknown key 'session_recordin' (steno.yaml:1)", "session_recording"),
        ("session_recording:\n  worker:\n    batch_size: ten\n", "session_recording.worker.batch_size is 'ten' (steno.yaml:3)", "a whole number from 1 to 100000"),
        ("session_recording:\n  worker:\n    batch_size: 0\n", "is 0", "from 1"),
        ("session_recording:\n  worker:\n    batch_size: '5'\n", "is '5'", "a whole number"),
        ("session_recording:\n  worker:\n    batch_size: true\n", "is True", "a whole number"),
        ("session_recording:\n  enabled: 1\n", "session_recording.enabled is 1", "true or false"),
        ("session_recording:\n  jsonl: [a]\n", "session_recording.jsonl is a list", "section"),
        ("session_recording:\n  jsonl:\n    durability: paper\n", "is 'paper'", "os, fsync"),
        ('session_recording:\n  jsonl:\n    directory: "a\\0b"\n', "directory is", "a path"),
        ("session_recording:\n  enabled: true\n  enabled: false\n", "given twice (steno.yaml:3)", "keep one"),
        ("session_recording: &a\n  jsonl: *a\n", "aliases are not allowed", "write the value out"),
        ("a: [\n", "is not YAML", "example"),
        ("a: 1\n---\nb: 2\n", "is not YAML", ""),
        ("[" * 3000, "too deep", ""),
        (b"\xff\xfe", "is not UTF-8", "UTF-8"),
        ("- a\n", "the configuration is a list", "section"),
    ],
)  # fmt: skip
def test_errors_name_the_place(load, text, message, hint):
    """Every error names the key, the value, the line and what is allowed."""
    with pytest.raises(ConfigError) as caught:
        load(text)

    assert message in caught.value.message
    assert hint in caught.value.hint


def test_a_missing_file_is_an_error(tmp_path):
    """A file that was named and isn't there is an error, never a silent default."""
    with pytest.raises(ConfigError, match="cannot read the configuration"):
        load_config(tmp_path / "nowhere.yaml", environ={})


@pytest.mark.parametrize("text", ["1", "yes", "ON", "true"])
def test_words_for_true(load, text):
    """The environment knows several words for true."""
    assert load(None, {"STENO_JSONL_ENABLED": text}).jsonl.enabled


def test_a_misspelt_variable(load):
    """A variable that looks like a setting and is none is an error with a suggestion."""
    with pytest.raises(ConfigError) as caught:
        load(None, {"STENO_WORKER_BATCHSIZE": "5"})

    assert "STENO_WORKER_BATCH_SIZE" in caught.value.hint
    load(None, {"STENO_SOMETHING_ELSE": "is not our business"})


def test_unknown_override(load):
    """An argument for a setting that doesn't exist is an error."""
    with pytest.raises(ConfigError, match="no setting"):
        load(None, overrides={"worker.batch": 1})


def test_relative_paths(load, tmp_path):
    """A relative path in a file is relative to the file's folder."""
    assert load("session_recording: {jsonl: {directory: t}}").jsonl.directory == tmp_path / "t"


def test_describe_lists_every_key(load):
    """Every key is shown, with its value and source."""
    shown = describe(load())

    assert [setting.key for setting in shown] == [key.name for key in KEYS if "*" not in key.name]
    assert all(setting.meaning for setting in shown)


PROXY = """
proxy:
  listeners:
    main: {address: "127.0.0.1:8788"}
    claude: {address: "127.0.0.1:8789", upstream: anthropic}
  upstreams:
    local: {url: "http://127.0.0.1:8000", provider: openai}
  token: very-secret
  send_chat_id: true
"""


def test_listeners_and_upstreams(tmp_path):
    """Listeners and upstreams have names of the user's choice, and known keys below them."""
    (tmp_path / "steno.yaml").write_text(PROXY)

    proxy = load_config(home=tmp_path, environ={}).proxy

    assert proxy.listeners["main"].address == "127.0.0.1:8788"
    assert proxy.listeners["main"].upstream is None
    assert proxy.listeners["claude"].upstream == "anthropic"
    assert proxy.upstreams["local"].provider == "openai"
    assert proxy.send_chat_id
    assert not proxy.send_session_id


def test_unknown_key_of_a_listener(tmp_path):
    """A wrong key below a name of the user's choice is an error with a suggestion."""
    (tmp_path / "steno.yaml").write_text("proxy:\n  listeners:\n    main: {adress: x}\n")

    with pytest.raises(ConfigError, match="adress") as caught:
        load_config(home=tmp_path, environ={})

    assert "did you mean 'address'" in caught.value.hint


def test_token_is_not_shown(tmp_path):
    """The token is in force and never printed."""
    (tmp_path / "steno.yaml").write_text(PROXY)
    config = load_config(home=tmp_path, environ={})

    shown = {setting.key: setting.value for setting in describe(config)}

    assert config.proxy.token == "very-secret"
    assert shown["proxy.token"] == "(set)"
    assert shown["proxy.listeners.claude.upstream"] == "anthropic"


def test_token_from_the_environment(tmp_path):
    """The token can come from the environment; a value of a wrong kind is not repeated."""
    config = load_config(home=tmp_path, environ={"STENO_PROXY_TOKEN": "t1"})
    (tmp_path / "steno.yaml").write_text("proxy:\n  token: 12345678\n")

    with pytest.raises(ConfigError) as caught:
        load_config(home=tmp_path, environ={})

    assert config.proxy.token == "t1"
    assert "12345678" not in str(caught.value)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.binary(max_size=200)
    | st.text(alphabet="session_recording: \n{}[]&*-?|>'\"\\!%@`#,.a1").map(str.encode)
)
def test_any_file(load, data):
    """Any content is a configuration or a `ConfigError`, and nothing else."""
    try:
        load(data)
    except ConfigError:
        pass


def test_archive_valves(tmp_path):
    """The archive's settings come from the variables named as the valves, and from the file."""
    file = tmp_path / "steno.yaml"
    file.write_text(
        "archive:\n  compresslevel: null\n  recipients:\n    - age1abc\n    - age1def\n"
        "  format: text\n"
    )
    config = load_config(
        file,
        home=tmp_path,
        environ={
            "SESSION_LOG_STORE_ENABLED": "true",
            "SESSION_LOG_DIR": "/var/log/chats",
            "SESSION_LOG_ZIP_PASSWORD": "correct horse",
            "SESSION_LOG_MAX_LINES": "100",
            "SESSION_LOG_FORMAT": "jsonl",
            "SESSION_LOG_ASSEMBLER_BATCH_SIZE": "25",
        },
    ).archive

    assert config.enabled
    assert str(config.directory) == "/var/log/chats"
    assert config.password == "correct horse"
    assert config.recipients == ("age1abc", "age1def")
    assert (config.max_lines, config.format, config.compresslevel) == (100, "jsonl", None)
    assert (config.compression, config.retention_days) == ("deflated", 90)


def test_recipients_of_a_variable(tmp_path):
    """Several recipients stand in one variable, separated by commas."""
    config = load_config(home=tmp_path, environ={"STENO_ARCHIVE_RECIPIENTS": "age1a, age1b,"})

    assert config.archive.recipients == ("age1a", "age1b")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("archive:\n  recipients: age1abc\n", "archive.recipients is 'age1abc' (steno.yaml:2)"),
        ("archive:\n  recipients: [a, [b]]\n", "archive.recipients is 'a list' (steno.yaml:2)"),
        ("archive:\n  recipients: ['']\n", "archive.recipients is [''] (steno.yaml:2)"),
        ("archive:\n  compresslevel: 10\n", "archive.compresslevel is 10 (steno.yaml:2)"),
    ],
)
def test_archive_settings_that_are_wrong(tmp_path, text, problem):
    """A value that an archive can't use is an error that names the line."""
    file = tmp_path / "steno.yaml"
    file.write_text(text)

    with pytest.raises(ConfigError) as caught:
        load_config(file, home=tmp_path, environ={})

    assert caught.value.message == problem


def test_retention_is_off(tmp_path):
    """Nothing is deleted or compressed unless it is configured, whichever other key is given."""
    retention = load_config(
        home=tmp_path, environ={"STENO_JSONL_RETENTION_CLEANUP_INTERVAL_MINUTES": "5"}
    ).jsonl.retention

    assert retention.max_age_days is None
    assert retention.max_total_size_gb is None
    assert retention.compress_after_days is None
    assert retention.cleanup_interval_minutes == 5


@pytest.mark.parametrize(
    ("age", "after", "allowed"),
    [("7", "7", False), ("7", "6", True), ("", "9", True), ("null", "9", True)],
)
def test_compressed_before_deleted(tmp_path, age, after, allowed):
    """Transcripts can't be compressed on the day when they are deleted, or later."""
    environ = {
        "STENO_JSONL_RETENTION_MAX_AGE_DAYS": age,
        "STENO_JSONL_RETENTION_COMPRESS_AFTER_DAYS": after,
    }
    if allowed:
        assert load_config(home=tmp_path, environ=environ).jsonl.retention.compress_after_days
        return
    with pytest.raises(ConfigError) as caught:
        load_config(home=tmp_path, environ=environ)

    assert caught.value.hint == "compress_after_days must be less than max_age_days"


@pytest.mark.parametrize("name", ["MAX_AGE_DAYS", "MAX_TOTAL_SIZE_GB", "COMPRESS_AFTER_DAYS"])
def test_retention_of_zero(tmp_path, name):
    """A limit of zero is an error, not a home that is emptied."""
    with pytest.raises(ConfigError) as caught:
        load_config(home=tmp_path, environ={f"STENO_JSONL_RETENTION_{name}": "0"})

    assert caught.value.hint.startswith("allowed: a whole number from 1 to ")


@pytest.mark.parametrize(
    "key", [key for key in KEYS if key.variable], ids=lambda each: each.variable
)
def test_empty_variables(tmp_path, key):
    """A variable that is set and empty counts as not set."""
    given = load_config(home=tmp_path, environ={key.variable: " "})

    assert given == load_config(home=tmp_path, environ={})


def test_a_secret_key_is_no_recipient(tmp_path):
    """A secret key where a public one belongs is refused, and told to nobody."""
    with pytest.raises(ConfigError) as caught:
        load_config(home=tmp_path, environ={"STENO_ARCHIVE_RECIPIENTS": "age1x,AGE-SECRET-KEY-1QQ"})

    assert "holds a secret key" in caught.value.message
    assert "1QQ" not in caught.value.message + caught.value.hint
