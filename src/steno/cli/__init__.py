"""COMMANDS: one thin file each. They parse, check, call and print; the work is done below."""
