"""Trailers go out behind a chunked body, but for those that would change how it is read."""

import pytest

from steno.proxy.trailers import end_chunks


@pytest.mark.parametrize(
    ("trailers", "end"),
    [
        ([], b"0\r\n\r\n"),
        ([b"X-A: 1", b"X-B: \xe9"], b"0\r\nX-A: 1\r\nX-B: \xe9\r\n\r\n"),
        ([b"Content-Length: 5", b"X-A: 1", b"TRANSFER-ENCODING: x"], b"0\r\nX-A: 1\r\n\r\n"),
        ([b"Content-Length: 5"], b"0\r\n\r\n"),
    ],
)
def test_end(trailers, end):
    """Fields behind a chunked body are sent; those that change how it is read are not."""
    assert end_chunks(trailers) == end
