"""The version of steno."""

VERSION = "0.1.0"
