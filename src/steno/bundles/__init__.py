"""CARRYING: sessions as one file, and back into a home.

In: sessions of a home. Out: a ``.steno`` file, whole or not at all; and the other way round, after
every byte of it was checked. May import ``steno.retention`` and what lies below it; settings arrive
as plain arguments.

- ``form``: the bytes between a bundle's members; pure;
- ``names``: how members are called, and which files they become; pure;
- ``manifest``: what a bundle says of itself; pure;
- ``writing`` and ``reading``: members into a bundle, and out of it, a block at a time;
- ``passphrases`` and ``sealing``: the whole of a bundle as one age file;
- ``detecting``: what a file is;
- ``places``: the folders of a home;
- ``gathering`` and ``exporting``: what belongs to a session, into a bundle;
- ``staging``: what a bundle holds, checked, beside the place where it will lie;
- ``clashes``, ``renaming`` and ``deciding``: what is there already, and what is done about it;
- ``journal`` and ``placing``: into place by renames, of which a crash leaves no half;
- ``importing``: all of that, in order.
"""
