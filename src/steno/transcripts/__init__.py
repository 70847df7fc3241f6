"""READING BACK: transcripts as entries, and a report of what can't be read.

In: files. Out: headers, events and damage. May import ``steno.storage`` and ``steno.events``.

- ``reader``: one transcript, as far as it goes;
- ``finding``: which transcripts there are, and which one is meant;
- ``following``: the end of transcripts, and new lines as they are written.
"""
