"""WHO stores a batch: the writer protocol and its implementations.

In: batches of events, each on a thread of the writer's own. Out: nothing, or a `WriteError`. May
import ``steno.storage`` and ``steno.events``; writers do not import each other.

- ``base``: the protocol, the batch, and how a follower learns what lies in the transcripts;
- ``jsonl``: the transcripts, the truth;
- ``sqlite``: the index, with ``schema`` (tables and migrations), ``rows`` (events to
  rows), ``statements`` and ``pieces`` (transcripts to rows);
- ``sealed``: the transcript of a sealed session;
- ``losses``: what was lost, until it stands in the transcripts;
- ``registry``: writers by name, loaded when they are first asked for.
"""
