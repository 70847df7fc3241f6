"""What the commands around the proxy share."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from steno.errors import ConfigError, StenoError

if TYPE_CHECKING:
    from steno.proxy.upstreams import Upstreams


def import_proxy() -> None:
    """Import the proxy.

    Raises:
        StenoError: The extra is not installed.
    """
    try:
        # a third of a second that only these commands wait for
        importlib.import_module("steno.proxy.running")
    except ModuleNotFoundError as error:
        if error.name and error.name.split(".")[0] == "steno":
            raise
        raise StenoError(
            f"the proxy needs {error.name}, which is not installed",
            hint="pip install 'steno[proxy]'",
        ) from error


def set_upstreams(upstreams: Upstreams, given: tuple[str, ...]) -> None:
    """Set upstreams as ``--upstream NAME=URL`` says.

    Raises:
        ConfigError: One of them is not of this form.
    """
    for each in given:
        name, equals, url = each.partition("=")
        if not equals or not name:
            raise ConfigError(
                f"--upstream {each!r}", hint="allowed: NAME=URL, as openai=http://127.0.0.1:8000"
            )
        upstreams.set(name, url.rstrip("/"), name)
