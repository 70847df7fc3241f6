"""FILTERS: one small language for the command line, the page and the API. Pure.

    model:claude* tokens>10000 tool:bash failed since:7d "connection reset"

In: a text that a person typed. Out: an immutable tree, or an error that points at the character.
No input and output, no SQL: what a filter means for the index is said in
``steno.query.compiling``. May import ``steno.session_keys`` and ``steno.errors``.

- ``model``: the tree; ``fields``: what can be asked for;
- ``amounts``: numbers, spans and times as they are typed;
- ``reading``: characters to words; ``parsing``: words to a tree; ``writing``: a tree to its text.
"""
