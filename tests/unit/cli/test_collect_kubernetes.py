"""``steno collect kubernetes`` as it is called; what it collects is shown in tests/integration."""

import pytest


def test_help(run):
    """The help needs no cluster, and shows examples."""
    code, out, _ = run("collect", "kubernetes", "--help")

    assert code == 0
    assert "steno collect kubernetes payments-svc --namespace production --since 2h" in out


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ((), 1, "name a pod, or give a selector"),
        (("web", "-l", "a=b"), 1, "not both"),
        (("-l", "a=b", "-n", "x", "-A"), 2, "either --namespace, or --all-namespaces"),
        (("web", "--tail", "-1"), 2, "--tail"),
        (("web", "--since", "tomorrow"), 1, "'tomorrow' is no time"),
        (("web", "--for", "long"), 1, "'long' is no duration"),
        (("web",), 1, "no Kubernetes API server is known"),
    ],
)
def test_refused(run, monkeypatch, home, tmp_path, arguments, code, words):
    """What makes no sense, and a cluster that nobody knows, is said in one line."""
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    if code == 1 and "known" not in words:
        (tmp_path / "k").write_text(
            "{current-context: a, contexts: [{name: a, context: {cluster: a}}], "
            "clusters: [{name: a, cluster: {server: 'http://127.0.0.1:1'}}]}"
        )
        monkeypatch.setenv("KUBECONFIG", str(tmp_path / "k"))

    done, out, err = run("collect", "kubernetes", *arguments, "--home", home)

    assert (done, out) == (code, "")
    assert words in err
    assert not home.exists() or not list(home.glob("artefacts/*"))
