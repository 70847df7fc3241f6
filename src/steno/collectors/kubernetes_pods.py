"""Which pods and containers are meant, and what the API says of them.

Strategy: a pod is kept as the JSON that the server gave, and only what is needed is taken from it:
models of one version of the API would refuse, or forget, what another version says.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from msgspec import Struct, field

from steno.collectors.kubernetes_api import EXPIRED
from steno.collectors.kubernetes_refusals import RefusedError
from steno.errors import CollectError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from steno.collectors.kubernetes_api import KubernetesApi

ENDED = ("Succeeded", "Failed")
"""Phases of a pod whose containers do not run any more."""

ALL_NAMESPACES = "*"
"""Stands for every namespace, where pods are chosen by a selector."""

_GROUPS = (
    ("initContainers", "initContainerStatuses"),
    ("containers", "containerStatuses"),
    ("ephemeralContainers", "ephemeralContainerStatuses"),
)

_GLANCE_S = 0.5

_RULES = {"ephemeralContainers": "Never"}
"""When containers of a group are started again; else as the pod says."""


class Container(Struct, frozen=True):
    """A container of a pod.

    Attributes:
        name: Its name.
        state: ``running``, ``waiting``, ``terminated``, or "" where nothing is known.
        why: The reason of that state, such as ``CrashLoopBackOff``, or "".
        restarts: How often it was started again.
        again: It has ended, and will run once more.
    """

    name: str
    state: str
    why: str = ""
    restarts: int = 0
    again: bool = False


class Pod(Struct, frozen=True):
    """A pod, as much of it as is needed.

    Attributes:
        name: Its name.
        namespace: Its namespace.
        uid: Its id; another pod of the same name has another one.
        node: Where it runs, or "".
        phase: ``Running``, ``Pending``, ...
        containers: Init containers first, ephemeral ones last.
    """

    name: str
    namespace: str
    uid: str = ""
    node: str = ""
    phase: str = ""
    containers: list[Container] = field(default_factory=list)

    @property
    def path(self) -> str:
        """Where it is, relative to the server's address."""
        return _path(self.namespace, self.name)

    def find(self, name: str) -> Container | None:
        """Return the container of this name."""
        return next((each for each in self.containers if each.name == name), None)


def read_pod(raw: dict[str, Any], namespace: str = "") -> Pod:
    """Take what is needed from a pod as the API gives it.

    Args:
        raw: The object.
        namespace: The one that it was asked for in.
    """
    meta, spec, status = (_mapping(raw.get(key)) for key in ("metadata", "spec", "status"))
    policy = str(spec.get("restartPolicy", "Always"))
    if status.get("phase") in ENDED:
        policy = "Never"
    containers: list[Container] = []
    for group, statuses in _GROUPS:
        known = {each.get("name"): each for each in _list(status.get(statuses))}
        for each in _list(spec.get(group)):
            name = str(each.get("name", ""))
            rule = _RULES.get(group) or policy
            if group == "initContainers" and policy != "Never":
                rule = str(each.get("restartPolicy", "OnFailure"))  # Always, of a sidecar
            containers.append(_container(name, known.get(name, {}), rule))
    return Pod(
        name=str(meta.get("name", "")),
        namespace=str(meta.get("namespace") or namespace),
        uid=str(meta.get("uid", "")),
        node=str(spec.get("nodeName", "")),
        phase=str(status.get("phase", "")),
        containers=containers,
    )


def _container(name: str, status: dict[str, Any], rule: str) -> Container:
    states = _mapping(status.get("state"))
    state = next((each for each in ("running", "terminated", "waiting") if each in states), "")
    facts = _mapping(states.get(state))
    why = str(facts.get("reason") or "")
    failed = facts.get("exitCode") != 0
    again = state == "terminated" and (rule == "Always" or (rule == "OnFailure" and failed))
    restarts = status.get("restartCount")
    return Container(name, state, why, restarts if isinstance(restarts, int) else 0, again)


async def fetch_pod(api: KubernetesApi, namespace: str, name: str) -> Pod:
    """Ask for one pod.

    Raises:
        CollectError: There is none of this name, or the API refuses.
    """
    return read_pod(await api.get(_path(namespace, name)), namespace)


class Selection:
    """The pods that selectors choose: those that there are, and those that come later."""

    def __init__(self, namespace: str, labels: str | None, fields: str | None) -> None:
        """Name them; nothing is asked yet."""
        self._namespace = namespace
        self._path = "api/v1/pods"
        if namespace != ALL_NAMESPACES:
            self._path = f"api/v1/namespaces/{quote(namespace, safe='')}/pods"
        self._query = {"labelSelector": labels, "fieldSelector": fields}
        self._version = ""

    async def existing(self, api: KubernetesApi) -> list[Pod]:
        """Ask for all that there are, in the order of their names.

        Raises:
            CollectError: There is none, the API refuses, or a selector can't be read.
        """
        pods = await self._fetch(api)
        if not pods:
            where = f"namespace {self._namespace!r}"
            if self._namespace == ALL_NAMESPACES:
                where = "any namespace"
            chosen = " and ".join(each for each in self._query.values() if each)
            raise CollectError(
                f"no pod in {where} matches {chosen or 'everything'!r}",
                hint="`kubectl get pods --show-labels` shows what there is",
                reason="missing",
            )
        return pods

    async def _fetch(self, api: KubernetesApi) -> list[Pod]:
        items, self._version = await api.list_all(self._path, self._query)
        pods = [read_pod(each, self._namespace) for each in items]
        return sorted(pods, key=lambda pod: (pod.namespace, pod.name))

    async def later(self, api: KubernetesApi) -> AsyncIterator[Pod]:
        """Give those that come after `existing`, and again when something of them changes; no end.

        Where the API has forgotten what came, all that there are come once more.

        Raises:
            CollectError: The API refuses, or is away for long.
        """
        while True:
            try:
                async for raw in api.watch(self._path, self._query, self._version):
                    yield read_pod(raw, self._namespace)
            except RefusedError as error:
                if error.status != EXPIRED:
                    raise
                await asyncio.sleep(_GLANCE_S)  # where it forgets at once, too
                for pod in await self._fetch(api):
                    yield pod


def choose_containers(pod: Pod, wanted: str | None) -> list[Container]:
    """Return the containers of a pod that are meant: one by its name, or all.

    Raises:
        CollectError: The pod has none of this name.
    """
    if wanted is None:
        return pod.containers
    container = pod.find(wanted)
    if container is None:
        names = ", ".join(each.name for each in pod.containers)
        raise CollectError(
            f"pod {pod.name!r} has no container {wanted!r}",
            hint=f"it has: {names}",
            reason="missing",
        )
    return [container]


def _path(namespace: str, name: str) -> str:
    return f"api/v1/namespaces/{quote(namespace, safe='')}/pods/{quote(name, safe='')}"


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
