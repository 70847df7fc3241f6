"""RECORDING FROM OUTSIDE: a proxy between a program and its providers, in any language.

The bytes that the client sees are the upstream's. They are noted as they pass and read afterwards,
by `steno.capture`; a parser never stands in the way of a stream.
"""
