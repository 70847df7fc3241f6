"""
title: steno
description: Records the turns of all models, and seals them in archives if you like.
requirements: steno[archives]
version: 1.0.0
"""

from steno.integrations.open_webui import Filter

__all__ = ["Filter"]
