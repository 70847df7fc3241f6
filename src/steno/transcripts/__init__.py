"""READING BACK: transcripts as entries, and a report of what can't be read.

In: files. Out: headers, events and damage. May import ``steno.wire`` and all that is below it.

Any file of JSON values, whatever is damaged in it:

- ``values``: its values, in order;
- ``checking``: whether a value is JSON that every parser takes;
- ``salvaging``: the values of a line that is not simply one value;
- ``tokens``: where a value ends that a strict parser refuses, and what of it is written anew;
- ``flaws``: what is not as it should be, gathered within bounds;
- ``repair``: a clean copy, and a report of what was cut.

Transcripts of steno's own:

- ``reader``: one transcript, as far as it goes;
- ``finding``: which transcripts there are, and which one is meant;
- ``listing``: the headers of all transcripts of a day;
- ``conversations``: the transcripts of one session key, in their order;
- ``following``: the end of transcripts, and new lines as they are written;
- ``bodies``: requests as they were sent, byte for byte.

Transcripts and other programs:

- ``importers``: theirs as sessions of ours;
- ``openclaw_export``: a session as JSON lines of OpenClaw and pi;
- ``openclaw_messages``: bodies of providers as messages of these lines;
- ``recovery``: whose transcripts lie in a folder, and what of them can still be read.
"""
