"""Open WebUI: functions whose turns are recorded, and whose log lines are sealed and shown.

``recorded`` goes around the ``pipe`` method of a Pipe; ``Filter`` is for models that are not yours.
Both are used from one file that an operator pastes: docs/open-webui.md. What they do is described
in `turn`; what the host does, as far as it matters, in `host`. Needs pydantic, which is there
wherever Open WebUI is.
"""

from __future__ import annotations

from steno.integrations.open_webui.filter import Filter
from steno.integrations.open_webui.pipe import recorded
from steno.integrations.open_webui.valves import LogUserValves, LogValves

__all__ = ["Filter", "LogUserValves", "LogValves", "recorded"]
