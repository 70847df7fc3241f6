"""LETTING GO: what is deleted or compressed, when, and what stays.

In: rules, a home, the time. Out: files that are gone or smaller, and an account of each. May import
``steno.query``, ``steno.archives`` and what lies below them; settings arrive as plain arguments.

- ``plan``: what goes and why, what stays and why; pure;
- ``listing``: what there is, and what is known of it;
- ``covering``: which of it a hold covers;
- ``applying``: does what a plan says, after one more look at each file;
- ``folders``: removes what of the archives' folders is empty;
- ``removed``: the list of what was removed, so that the index forgets it;
- ``rounds``: one round from lock to account;
- ``configured``: what a configuration says about it;
- ``sweeper``: rounds in the background of a process that lives long.
"""
