"""The functions that programs call; what they do is shown in tests/integration."""

import asyncio
import inspect

import pytest

from steno.collectors.kubernetes import collect_pod_logs, collect_pod_logs_async
from steno.errors import CollectError


def test_same_arguments():
    """Both functions take the same arguments, with the same defaults."""
    one, other = map(inspect.signature, (collect_pod_logs, collect_pod_logs_async))

    assert one.parameters == other.parameters


def test_all_documented():
    """Every argument is documented."""
    for name in inspect.signature(collect_pod_logs).parameters:
        assert f"    {name}: " in inspect.getdoc(collect_pod_logs)


def test_refused():
    """What makes no sense is refused by both, in the caller's thread."""
    with pytest.raises(CollectError, match="name a pod"):
        collect_pod_logs()
    with pytest.raises(CollectError, match="name a pod"):
        asyncio.run(collect_pod_logs_async())
