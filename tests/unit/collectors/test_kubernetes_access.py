"""Where a cluster and its credentials are looked for."""

import json
import subprocess
import sys

import pytest

from steno.collectors.kubernetes_access import find_access
from steno.errors import CollectError


def config(path, *, name="test", server="http://h:1", user=None, context=None, **others):
    """Write a kubeconfig of one context."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({
        "current-context": name,
        "contexts": [{"name": name, "context": {"cluster": name, "user": name, **(context or {})}}],
        "clusters": [{"name": name, "cluster": {"server": server}}],
        "users": [{"name": name, "user": user or {"token": "t"}}],
    } | others))  # fmt: skip
    return path


def server(access):
    return access.connection["base_url"]


def test_named(tmp_path):
    """KUBECONFIG comes first, and its context names the namespace."""
    path = config(tmp_path / "k", context={"namespace": "production"})

    access = find_access(environ={"KUBECONFIG": str(path)})

    assert (server(access), access.namespace) == ("http://h:1", "production")
    assert access.origin == f"{path} (context test)"


def test_several(tmp_path):
    """Several files are one: the first that sets a thing wins, and missing ones are passed over."""
    first = config(tmp_path / "a", name="a", server="http://a")
    second = config(tmp_path / "b", name="b", server="http://b")
    environ = {"KUBECONFIG": f"{first}:{tmp_path / 'none'}:{second}"}

    assert server(find_access(environ=environ)) == "http://a"
    assert server(find_access("b", environ=environ)) == "http://b"


def test_home(tmp_path, monkeypatch):
    """Without KUBECONFIG, it is the file in the home; the namespace is default."""
    monkeypatch.setenv("HOME", str(tmp_path))
    config(tmp_path / ".kube" / "config")

    assert find_access(environ={}).namespace == "default"


def test_in_cluster(tmp_path):
    """In a pod without a kubeconfig, it is the pod's account; its token is read when it is used."""
    account = tmp_path / "account"
    account.mkdir()
    for name, text in (("token", "secret"), ("namespace", "mine")):
        (account / name).write_text(text)
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=x",
         "-keyout", tmp_path / "key", "-out", account / "ca.crt"], check=True, capture_output=True,
    )  # fmt: skip
    environ = {"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "6443"}

    access = find_access(environ=environ, service_account=str(account))

    assert (server(access), access.namespace) == ("https://[fd00::1]:6443", "mine")
    (account / "token").write_text("rotated")
    flow = access.connection["auth"].auth_flow(_Request())
    assert next(flow).headers["Authorization"] == "Bearer rotated"


class _Request:
    def __init__(self):
        self.headers = {}


def test_relative_files(tmp_path):
    """Files are meant relative to the kubeconfig that names them."""
    (tmp_path / "token").write_text("secret")
    path = config(tmp_path / "k", user={"tokenFile": "token"})

    access = find_access(environ={"KUBECONFIG": str(path)})

    flow = access.connection["auth"].auth_flow(_Request())
    assert next(flow).headers["Authorization"] == "Bearer secret"


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
def test_program(tmp_path, version):
    """A program that hands out tokens is asked as kubectl asks it, in the version it speaks."""
    program = tmp_path / "login"
    program.write_text(
        f"#!{sys.executable}\nimport json, os\n"
        "asked = json.loads(os.environ['KUBERNETES_EXEC_INFO'])\n"
        "print(json.dumps({'status': {'token': asked['apiVersion']}}))\n"
    )
    program.chmod(0o700)
    api = f"client.authentication.k8s.io/{version}"
    path = config(tmp_path / "k", user={"exec": {"apiVersion": api, "command": str(program)}})

    access = find_access(environ={"KUBECONFIG": str(path)})

    flow = access.connection["auth"].sync_auth_flow(_Request())
    assert next(flow).headers["Authorization"] == f"Bearer {api}"


def test_client(tmp_path):
    """A client of lightkube's can be given; its address and credentials are taken."""
    import lightkube
    from lightkube.config.models import Cluster, User

    config = lightkube.KubeConfig.from_one(
        cluster=Cluster("http://h:2"), user=User(token="t"), namespace="n"
    )
    with lightkube.Client(config) as client:
        access = find_access(client=client)

    assert (server(access), access.namespace) == ("http://h:2", "n")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: [", "line 1"),
        ("- a", "no mapping"),
        ("contexts: [{name: a}]", "an entry of contexts"),
        ('{"current-context": "a", "contexts": [{"name": "a", "context": {"cluster": "b"}}]}', "'b'"),
        ("current-context: prod", "no context 'prod'"),
        ("{}", "no current context"),
        ("current-context: a\ncontexts: [{name: a, context: {cluster: 3}}]", "Expected"),
        (
            """{current-context: a, contexts: [{name: a, context: {cluster: a}}],
            clusters: [{name: a, cluster: {certificate-authority: none.crt}}]}""",
            "No such file",
        ),
    ],
)  # fmt: skip
def test_damaged(tmp_path, text, words):
    """A kubeconfig that can't be used is an error that names it and says why."""
    path = tmp_path / "k"
    path.write_text(text)

    with pytest.raises(CollectError) as caught:
        find_access(environ={"KUBECONFIG": str(path)})

    assert str(path) in caught.value.message
    assert words in caught.value.message
    assert caught.value.reason == "configuration"


def test_secrets_stay(tmp_path):
    """A kubeconfig that can't be read is not quoted: secrets stand in it."""
    path = tmp_path / "k"
    path.write_text("users:\n- name: me\n  token: hunter2: [\n")

    with pytest.raises(CollectError) as caught:
        find_access(environ={"KUBECONFIG": str(path)})

    assert "line 3" in caught.value.message
    assert "hunter2" not in str(caught.value) + caught.value.hint


def test_nothing(tmp_path, monkeypatch):
    """Where there is nothing, the error says where it was looked."""
    monkeypatch.setenv("HOME", str(tmp_path))

    with pytest.raises(CollectError) as caught:
        find_access(environ={})
    with pytest.raises(CollectError) as named:
        find_access(environ={"KUBECONFIG": "/none"})
    with pytest.raises(CollectError) as in_pod:
        find_access(environ={"KUBERNETES_SERVICE_HOST": "h"}, service_account="/none")
    with pytest.raises(CollectError, match="no context 'x'"):
        find_access("x", environ={})

    for word in ("KUBECONFIG", f"{tmp_path}/.kube/config", "KUBERNETES_SERVICE_HOST"):
        assert word in caught.value.message
    assert "/none" in named.value.message
    assert "service account" in in_pod.value.message


def test_missing_extra():
    """Without lightkube, the error names the extra."""
    code = (
        "import sys; sys.modules['lightkube'] = None\n"
        "from steno.collectors.kubernetes_access import find_access\n"
        "from steno.errors import CollectError\n"
        "try: find_access()\nexcept CollectError as error: print(error.hint)"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "pip install 'steno[collectors]'\n"
