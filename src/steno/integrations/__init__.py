"""Recording from inside a program: one line of code instead of a proxy.

``openai`` and ``anthropic`` instrument the clients of these SDKs. None of these libraries is
imported here: they are there when a program hands over one of their clients.
"""
