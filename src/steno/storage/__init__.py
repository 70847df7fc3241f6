"""WHERE bytes lie: files, their permissions and locks, the home, and lines of JSONL.

In: bytes and safe names. Out: bytes that are on disk whole, or an `OSError`. May import
``steno.identity``, ``steno.notices`` and ``steno.errors``; knows nothing of events.

- ``files``: folders and files of the right permissions, atomic replacement, fsync;
- ``home``: where things lie under ``~/.steno``;
- ``lines``: reading a file line by line with byte offsets, torn tails included;
- ``transcript``: the one place that begins a transcript and appends to it;
- ``compressed``: transcripts in their compressed form, read, made and put back;
- ``line_log``: a plain file of lines that grows; ``sealed_log``: the same, sealed;
- ``sealed_keys``: from a password to keys; ``sealed_header``: the head of every sealed file;
  ``sealed_stream``: a file sealed as a whole; ``sealed_text``: a sealed transcript, read;
  ``sealed``: artefacts and documents of a sealed session;
- ``foreign``: somebody else's SQLite database, read without a trace;
- ``holds``: what must not be let go;
- ``below``: files of a folder, reached without following a link;
- ``lease``: the mark of a living recorder, and what dead ones left behind.
"""
