"""Measure steno against its bars: ``make bench``, or ``python -m benchmarks [NAME ...]``.

Every figure is a ratio to, or a difference from, something measured in the same run on the same
machine: a limit (what the same work costs with nothing around it) or a peer.
"""
