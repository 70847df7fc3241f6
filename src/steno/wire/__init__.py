"""WHAT GOES OVER THE WIRE: server-sent events, the providers' protocols, one exchange. Pure.

The proxy and the in-process integrations hand in bytes and the times at which they passed; what
comes out are events. Nothing in here reads a clock, a file or a socket.
"""
