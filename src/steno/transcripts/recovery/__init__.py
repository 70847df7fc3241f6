"""Whose transcripts lie in a folder, and what of them can still be read.

In: a folder that another program left behind. Out: for each transcript a verdict (who it is, how
that is known, what contradicts it) and its damage. Nothing in the folder is changed.

- ``names``: what a file of such a folder is, by its name;
- ``folder``: the files that are there;
- ``reading``: what one transcript says of itself;
- ``evidence``: what is said of a session, by whom, and how much that is worth;
- ``stores``, ``windows``, ``sidecars``, ``cron``, ``spawning``: who else says something;
- ``hints``: what a text lets suspect, which never names anybody;
- ``verdicts``: who it is, after all was heard;
- ``recovering``: all of the above, for whole folders;
- ``remembering``, ``stamping``, ``mending``: what is done with it, elsewhere or on demand.
"""
