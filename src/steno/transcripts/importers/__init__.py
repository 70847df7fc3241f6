"""Other programs' transcripts as sessions of steno's own.

In: files and databases of agents, opened for reading only. Out: transcripts, and rows of the index.

- ``model``: what a format says: conversations, their entries, and what an entry tells;
- ``source``: one file, folder or database that is read;
- one module for each format, pure but for reading its source;
- ``formats``: which formats there are, and which one a file has;
- ``assembling``: entries to events;
- ``claims``: which of several copies of a reply counts;
- ``landing``: events to transcripts and the index, once;
- ``ledger``: what was imported already;
- ``report``: what was read, skipped, unknown, lost or guessed.
"""
