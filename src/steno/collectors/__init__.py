"""ARTEFACTS FROM THE WORLD: pod logs, metrics and traces, asked for and kept with a session.

Strategy: a collector only reads, and what it has read is never lost. Each is a plan without input
and output (which question comes next, what an answer adds) that one of two drivers carries out,
with or without an event loop. When it is stopped, fails in the middle or reaches a limit, what it
had by then is saved and says that it is not all.
"""
