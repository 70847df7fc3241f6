"""WHAT is recorded: the events, their JSON, and the steps that may change them.

In: facts, from the recorder, the proxy or a line of a transcript. Out: frozen events, or bytes.
Pure: nothing here does I/O, and it may import only ``steno.errors`` and ``steno.identity``.

- ``parts``: the smaller structures that events carry (tokens, tool calls, streaming figures);
- ``model``: the events themselves, one class per ``type``;
- ``header``: the first line of a transcript;
- ``codec``: events to lines and back; what a newer version added survives the round trip;
- ``references``: what a transcript holds already, referred to by digest;
- ``salvage``: the best form of a value that JSON can't carry;
- ``processors``: callables that change or drop events before they are written.
"""
