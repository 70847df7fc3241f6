"""Standard-library logging into the session: what a program logs belongs to who is speaking.

`lines` says what is kept of a record, `levels` which of them are shown, `scope` whose they are,
`capture` how they are caught, `buffer` how much is kept, and `citation` how Open WebUI shows them.
"""
