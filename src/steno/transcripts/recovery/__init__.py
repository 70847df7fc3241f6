"""Whose transcripts lie in a folder, and what of them can still be read."""
