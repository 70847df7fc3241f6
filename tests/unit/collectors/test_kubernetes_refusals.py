"""What the API refuses, and how often it is asked again."""

import asyncio
import random

import pytest

from steno.collectors.kubernetes_refusals import Patience, RefusedError, refused


@pytest.mark.parametrize(
    ("code", "reason", "passes"),
    [(400, "query", False), (401, "denied", False), (403, "denied", False), (404, "missing", False),
     (410, "missing", False), (429, "unreachable", True), (500, "unreachable", True),
     (422, "other", False), (None, "other", False)],
)  # fmt: skip
def test_status(code, reason, passes):
    """A Status of the API becomes an error of one kind, in the server's words."""
    error = refused({"message": "no way"}, code, "api/v1/pods")

    assert (error.reason, error.passes) == (reason, passes)
    assert error.message == f"the Kubernetes API answers {code or 0} to api/v1/pods: no way"


def test_retry_after():
    """When to ask again stands in the header, or in the Status."""
    said = {"message": "slow down", "details": {"retryAfterSeconds": 7}}

    assert refused(said, 429, "p").retry_after == 7.0
    assert refused(said, 429, "p", after="3").retry_after == 3.0
    assert refused({"details": "none"}, 429, "p").retry_after is None


def test_random_numbers():
    """The numbers that the program draws are not disturbed by waits."""
    before = random.getstate()
    asyncio.run(Patience(1).wait(RefusedError("away", status=503)))

    assert random.getstate() == before


def test_patience():
    """Patience ends after so many tries in a row, and begins anew when something went on."""
    error = RefusedError("away", status=503, retry_after=0.0)

    async def main():
        patience = Patience(1)
        await patience.wait(error)
        patience.renew()
        await patience.wait(error)
        with pytest.raises(RefusedError):
            await patience.wait(error)

    asyncio.run(main())
