"""A function of Open WebUI as its host holds it: the source, one shared instance, the valves."""

from __future__ import annotations

import contextlib
import importlib.util
import inspect
import os
import sys
import tempfile
import types
import uuid
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Generator


class Function:
    """A pipe or a filter that is installed.

    Attributes:
        id: Its id.
        kind: ``pipe`` or ``filter``.
        active: It is switched on.
        everywhere: A filter is for all models.
        stored: Its valves, as they are stored.
        stored_for_user: The user's own valves, as they are stored.
    """

    def __init__(self, function_id: str, source: str) -> None:
        """Load it from its source.

        Raises:
            ValueError: There is neither a ``Pipe`` nor a ``Filter`` in it.
        """
        self.id = function_id
        self.kind = ""
        self.active = self.everywhere = False
        self.stored: dict[str, Any] = {}
        self.stored_for_user: dict[str, Any] = {}
        self._instance: Any = None
        self.load(source)

    def load(self, source: str) -> None:
        """Load it anew: as a module of a new name that nothing knows afterwards, its file gone."""
        module = types.ModuleType(f"function_{self.id}_{uuid.uuid4().hex}")
        handle, path = tempfile.mkstemp()
        os.close(handle)
        vars(module)["__file__"] = path
        sys.modules[module.__name__] = module
        try:
            with _pydantic():
                exec(compile(source, path, "exec"), vars(module))  # noqa: S102 - its purpose
            for kind in ("Pipe", "Filter"):
                if hasattr(module, kind):
                    self._instance = getattr(module, kind)()
                    self.kind = kind.lower()
                    return
            message = "No Function class found in the module"
            raise ValueError(message)
        finally:
            os.unlink(path)
            sys.modules.pop(module.__name__, None)

    def instance(self) -> Any:
        """Return the one instance, with valves that replace those it had."""
        shared = self._instance
        if hasattr(shared, "valves") and hasattr(shared, "Valves"):
            shared.valves = shared.Valves(**self.stored)
        return shared

    async def call(self, handler: Callable[..., Any], offered: dict[str, Any], **first: Any) -> Any:
        """Call one of its methods with what that asks for by name."""
        asked = inspect.signature(handler).parameters
        given = first | {name: value for name, value in offered.items() if name in asked}
        kind = getattr(self._instance, "UserValves", None)
        if "__user__" in given and kind is not None:
            given["__user__"]["valves"] = kind(**self.stored_for_user)
        result = handler(**given)
        return await result if inspect.isawaitable(result) else result


@contextlib.contextmanager
def _pydantic() -> Generator[None]:
    """Let a module import pydantic, which Open WebUI brings, where it is not installed."""
    if "pydantic" in sys.modules or importlib.util.find_spec("pydantic") is not None:
        yield
        return
    module = types.ModuleType("pydantic")
    vars(module).update(BaseModel=_Model, Field=_field)
    sys.modules["pydantic"] = module
    try:
        yield
    finally:
        del sys.modules["pydantic"]


class _Model:
    """What valves need of pydantic's model: defaults, and values by name, unchecked."""

    def __init__(self, **values: Any) -> None:
        for kind in reversed(type(self).__mro__):
            for name in inspect.get_annotations(kind):
                setattr(self, name, values.get(name, getattr(kind, name, None)))


def _field(default: Any = None, **_facts: Any) -> Any:
    return default
