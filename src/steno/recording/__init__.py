"""HOW an event gets to the writers: without ever blocking the program that is recorded.

In: events from any thread, task or forked child. Out: batches, to each writer on a thread of its
own. May import ``steno.writers``, ``steno.storage`` and ``steno.events``.

- ``buffer``: the bounded queue, and what happens when it is full;
- ``worker``: takes batches by size or time, numbers the events, tells gaps;
- ``lane``: one writer's thread: retries, sets poison events aside, lets a follower catch up;
- ``dead_letters``: where events lie that a writer could not store;
- ``interrupted``: what a dead recorder has left open is closed at the next start;
- ``statistics``: the recorder's own figures;
- ``engine``: all of these put together; ``recorder`` and ``builder``: the public faces;
- ``incidents``: sessions for incident work, with a folder, a scratchpad and a password;
- ``measures``: the figures of a request;
- ``session``, ``request`` and ``context``: sessions and their requests as context managers, how a
  session gives way to its successor, and who is speaking.
"""
