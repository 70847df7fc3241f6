"""Where the Kubernetes API is, and who asks: the usual places, in the order in which kubectl looks.

Strategy: the files that ``KUBECONFIG`` names (several are merged, the first that sets a thing
wins), else ``~/.kube/config``, else the service account of the pod that the program runs in.
lightkube reads them and makes of them what a connection needs: certificates, tokens that rotate,
programs that hand out tokens. What it would stumble over is set right before: paths are taken
relative to the file that they stand in, and the first stable version of the protocol of such
programs, which is worded as the one before it, is spoken too.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from steno.errors import CollectError

if TYPE_CHECKING:
    from collections.abc import Mapping

SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
"""Where a pod finds the account that it runs under."""

_DEFAULT = "~/.kube/config"
_FILES = {
    "cluster": ("certificate-authority",),
    "user": ("client-certificate", "client-key", "tokenFile"),
}
"""Settings that name files, beside the file that they stand in."""

_EXEC_VERSION = "client.authentication.k8s.io/v1"


class Access(Struct, frozen=True):
    """How to reach an API server.

    Attributes:
        connection: What `httpx2.AsyncClient` is made with: address, certificates, credentials.
        namespace: The one that is meant where none is named.
        origin: Where this comes from, to be named in errors.
    """

    connection: dict[str, Any]
    namespace: str
    origin: str

    @property
    def server(self) -> str:
        """The server's address, without the password that may stand in it."""
        parts = urlsplit(str(self.connection["base_url"]))
        return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def load_lightkube() -> Any:
    """Import lightkube.

    Raises:
        CollectError: It is not installed.
    """
    try:
        import lightkube.config.client_adapter
        import lightkube.config.kubeconfig
    except ImportError as error:
        raise CollectError(
            f"pod logs need lightkube, and {error.name} is not installed",
            hint="pip install 'steno[collectors]'",
            reason="configuration",
        ) from error
    return lightkube


def find_access(
    context: str | None = None,
    *,
    client: Any = None,
    environ: Mapping[str, str] = os.environ,
    service_account: str = SERVICE_ACCOUNT,
) -> Access:
    """Find out how to reach the API server.

    Args:
        context: A context of the kubeconfig; its current one when it is not given.
        client: A `lightkube.Client` or ``AsyncClient`` whose address and credentials are taken
            instead of looking anywhere.
        environ: The environment.
        service_account: The folder of a pod's account.

    Raises:
        CollectError: lightkube is not installed, there is nothing in any of the places, or what is
            there can't be used; the message says what was tried.
    """
    lightkube = load_lightkube()
    if client is not None:
        return _connect(lightkube, client.config, "the client that was given", client.namespace)
    paths = [path for path in environ.get("KUBECONFIG", "").split(os.pathsep) if path]
    named = bool(paths)
    paths = [os.path.expanduser(path) for path in paths or [_DEFAULT]]
    # kubectl passes over those that are not there, too: a list may serve several machines.
    found = [path for path in paths if os.path.isfile(path)]
    if found:
        origin = os.pathsep.join(found)
        config = _choose(lightkube, _merge(found), context, origin)
        return _connect(lightkube, config, f"{origin} (context {config.context_name})")
    tried = (
        "KUBECONFIG (" + ", ".join(paths) + ")" if named else f"KUBECONFIG (not set), {paths[0]}"
    )
    if context is not None:
        raise CollectError(
            f"there is no context {context!r}, for there is no kubeconfig: tried {tried}",
            hint="set KUBECONFIG to its path",
            reason="configuration",
        )
    if named:
        raise CollectError(
            f"there is no kubeconfig: tried {tried}",
            hint="set KUBECONFIG to its path, or unset it",
            reason="configuration",
        )
    if not environ.get("KUBERNETES_SERVICE_HOST"):
        raise CollectError(
            f"no Kubernetes API server is known: tried {tried}, and this is no pod "
            "(KUBERNETES_SERVICE_HOST is not set)",
            hint="set KUBECONFIG to the path of a kubeconfig; `kubectl config view` shows yours",
            reason="configuration",
        )
    return _in_cluster(lightkube, environ, service_account, tried)


def _merge(paths: list[str]) -> dict[str, Any]:
    """Read kubeconfigs into one: of two things of one name, the first is meant."""
    merged: dict[str, Any] = {}
    named: dict[str, dict[str, Any]] = {"clusters": {}, "users": {}, "contexts": {}}
    for path in paths:
        document = _read(path)
        if current := document.get("current-context"):
            merged.setdefault("current-context", current)
        for kind, entries in named.items():
            for entry in document.get(kind) or ():
                try:
                    name, value = entry["name"], dict(entry[kind[:-1]] or {})
                except (TypeError, KeyError, ValueError) as error:
                    raise _unusable(path, f"an entry of {kind} without name or contents") from error
                for setting in _FILES.get(kind[:-1], ()):
                    if isinstance(value.get(setting), str):
                        value[setting] = _beside(path, value[setting])
                entries.setdefault(name, {"name": name, kind[:-1]: value})
    for entry in named["users"].values():
        if isinstance(program := entry["user"].get("exec"), dict):
            _speak_stable_version(program)
    return merged | {kind: list(entries.values()) for kind, entries in named.items()}


def _read(path: str) -> dict[str, Any]:
    import yaml  # only who collects from a cluster waits for it

    try:
        with open(path, encoding="utf-8") as file:
            document = yaml.safe_load(file)
    except yaml.MarkedYAMLError as error:  # whose text quotes the file, which holds secrets
        line = error.problem_mark.line + 1 if error.problem_mark else "?"
        raise _unusable(path, f"line {line}: {error.problem}") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise _unusable(path, str(error)) from None
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise _unusable(path, "it is no mapping")
    return document


def _beside(path: str, named: str) -> str:
    return os.path.join(os.path.dirname(os.path.abspath(path)), named)


def _speak_stable_version(program: dict[str, Any]) -> None:
    """Ask a program for a token as kubectl does; lightkube knows the versions before v1."""
    version = program.get("apiVersion")
    request = {
        "apiVersion": version, "kind": "ExecCredential", "spec": {"interactive": False},
    }  # fmt: skip
    variables = [each for each in program.get("env") or () if isinstance(each, dict)]
    if not any(each.get("name") == "KUBERNETES_EXEC_INFO" for each in variables):
        text = msgspec.json.encode(request).decode()
        program["env"] = [*variables, {"name": "KUBERNETES_EXEC_INFO", "value": text}]
    if version == _EXEC_VERSION:
        program["apiVersion"] = f"{_EXEC_VERSION}beta1"


def _choose(lightkube: Any, document: dict[str, Any], context: str | None, origin: str) -> Any:
    known = [entry["name"] for entry in document["contexts"]]
    wanted = context or document.get("current-context")
    if wanted not in known:
        listed = ", ".join(sorted(map(str, known))) or "none"
        raise CollectError(
            f"{origin} has no context {wanted!r}" if wanted else f"{origin} has no current context",
            hint=f"choose one with --context; there are: {listed}",
            reason="configuration",
        )
    try:
        return lightkube.KubeConfig.from_dict(document).get(wanted)
    except KeyError as error:
        raise _unusable(origin, f"context {wanted!r} names {error}, which is not there") from error
    except (msgspec.ValidationError, TypeError) as error:
        raise _unusable(origin, str(error)) from error


def _in_cluster(
    lightkube: Any, environ: Mapping[str, str], service_account: str, tried: str
) -> Access:
    try:
        with open(os.path.join(service_account, "namespace"), encoding="utf-8") as file:
            namespace = file.read().strip()
        token_file = os.path.join(service_account, "token")
        os.stat(token_file)
    except OSError as error:
        raise CollectError(
            f"no Kubernetes API server is known: tried {tried}, and the service account of this "
            f"pod can't be read ({error})",
            hint="set KUBECONFIG, or mount a service account (automountServiceAccountToken)",
            reason="configuration",
        ) from error
    host = environ["KUBERNETES_SERVICE_HOST"]
    port = environ.get("KUBERNETES_SERVICE_PORT", "443")
    models = lightkube.config.models
    config = lightkube.KubeConfig.from_one(
        cluster=models.Cluster(
            server=f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}",
            certificate_auth=os.path.join(service_account, "ca.crt"),
        ),
        user=models.User(token_file=token_file),
        namespace=namespace,
    ).get()
    return _connect(lightkube, config, f"the service account in {service_account}")


def _connect(lightkube: Any, config: Any, origin: str, namespace: str | None = None) -> Access:
    """Make of a context what a connection needs; reads the certificates."""
    adapter = lightkube.config.client_adapter
    if config.user is None:  # a server that asks nobody who he is
        config = config._replace(user=lightkube.config.models.User())
    try:
        connection = adapter.ConnectionParams(timeout=None).httpx_params(config)
    except (OSError, ValueError, lightkube.ConfigError) as error:
        raise _unusable(origin, str(error) or type(error).__name__) from error
    return Access(connection, namespace or config.namespace, origin)


def _unusable(origin: str, why: str) -> CollectError:
    return CollectError(
        f"{origin} can't be used: {why}",
        hint="`kubectl config view` shows what it says",
        reason="configuration",
    )
