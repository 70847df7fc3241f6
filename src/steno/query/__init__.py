"""FINDING: questions to the index.

In: a database, or the transcripts from which it is made. Out: rows. May import
``steno.transcripts``, ``steno.writers``, ``steno.storage`` and ``steno.events``.

- ``index``: open the index for reading only, or build one for the moment where there is none;
- ``headers``: sessions by the headers of their transcripts, where there is no index;
- ``sessions``: list sessions; ``totals``: figures over many of them;
- ``reindex``: make the index anew from the transcripts.
"""
