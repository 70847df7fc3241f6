"""Whose transcripts lie in a folder, and what of them can still be read.

In: a folder that another program left behind. Out: for each transcript a verdict (who it is, how
that is known, what contradicts it) and its damage. Nothing in the folder is changed.

- ``names``: what a file of such a folder is, by its name;
- ``folder``: the files that are there;
- ``reading``: what one transcript says of itself;
- ``fields``, ``times``: JSON and times that may be anything;
- ``evidence``: what is said of a session, by whom, and how much that is worth;
- ``neighbours``: what lies beside the transcripts, each file heard once:
  ``stores``, ``windows``, ``sidecars``, ``cron``, ``spawning``;
- ``hints``: what a text lets suspect, which never names anybody;
- ``subjects``, ``verdicts``: a transcript with all that is said of it, and who it is after that;
- ``rows``: a verdict as JSON;
- ``presence``: whether a program still writes to a transcript;
- ``recovering``: all of the above, for whole folders;
- ``remembering``: verdicts in the index; on demand, ``stamping``: keys put into ``headers``, and
  ``mending``: clean copies.
"""
