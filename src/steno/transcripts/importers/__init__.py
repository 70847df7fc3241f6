"""Other programs' transcripts as sessions of steno's own.

In: files and databases of agents, opened for reading only. Out: transcripts, and rows of the index.

How an import goes:

- ``importing``: files, one after the other, each once;
- ``watching``: folders to which other programs are writing, followed;
- ``source``: one file, folder or database that is read, and what a format is;
- ``registry``: which formats there are, and which one a file has; ``formats``: the formats;
- ``model``: what a format says: conversations, their entries, and what an entry tells;
- ``assembling``: entries to events, for all formats the same;
- ``exchanges``: one request and its reply while they are put together; ``calls``: of tools;
- ``keeping``: entries as they are kept, verbatim;
- ``keys``: by what entries, requests and events are known again;
- ``claims``: which of several copies of a reply counts;
- ``landing``: events to transcripts and the index, once;
- ``ledger``: what was imported already;
- ``tallies``: what was found in a conversation;
- ``report``: what was read, skipped, unknown, lost or guessed.

What they look with, whatever they read:

- ``fields``: values of JSON that may be anything: decoded, counted, measured;
- ``times``: times in all their forms;
- ``linked``: rows of a database that belong to a row of another table.
"""
