"""FINDING: questions to the index.

In: a database, or the transcripts from which it is made. Out: rows. May import
``steno.transcripts``, ``steno.writers``, ``steno.storage`` and ``steno.events``.

- ``index``: open the index for reading only, or build one for the moment where there is none;
- ``headers``: sessions by the headers of their transcripts, where there is no index;
- ``sessions``: list sessions; ``totals``: figures over many of them;
- ``filter``: the language of filters, without SQL; ``compiling``: a filter as SQL;
- ``finding``: pages of requests and sessions; ``found``: their rows; ``paging``: cursors;
- ``texts``: what of an event can be found; ``search``: the database of words; ``catching_up``: it
  follows the transcripts; ``snippets``: the words around what was found;
- ``reindex``: make the index anew from the transcripts.
"""
