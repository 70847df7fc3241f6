"""A pipe that imports steno, and says which one it got."""

import steno
from steno.version import VERSION


class Pipe:
    async def pipe(self, body):
        return f"{VERSION} {steno.__file__}"
