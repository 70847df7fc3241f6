"""Sessions for incident work: a folder of one's own, a short id, a scratchpad, and a password.

What comes in: what an investigation records, saves and notes. What goes out: a session's folder,
``<home>/artefacts/<id>/``, plain or sealed as a whole. ``ids`` reserves the short id; ``folder``
knows what lies where; ``state`` keeps what changes; ``scratchpad`` the notes; ``incident`` is the
session; ``opening`` makes and resumes it; ``listing``, ``deleting``, ``register``, ``verifying``
and ``extracting`` are for those who come later.
"""
