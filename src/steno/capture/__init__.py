"""FROM BYTES TO EVENTS, BESIDE THE TRAFFIC: the thread that parses what passed, and its tapes.

The proxy and the in-process integrations note what passes and go on at once; a scribe reads the
notes afterwards. A reply that takes its time is kept on a tape, so that what had arrived of it
outlives the process.
"""
