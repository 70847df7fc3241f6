"""What Prometheus reads."""

from prometheus_client.parser import text_string_to_metric_families

from steno.proxy.metrics import Metrics
from steno.recording.statistics import RecorderStats


def test_figures():
    """Exchanges, bytes, the recorder's events and what was lost can be read by Prometheus."""
    metrics = Metrics()
    metrics.count("openai", "done", 200, 0.2, 0.001)
    metrics.count("openai", "upstream_failed", 502, 0.2, 0.001)
    metrics.count_bytes("reply", 100)
    metrics.open_count += 1
    text = metrics.render(RecorderStats(accepted=5, dropped=2), 7).decode()
    samples = {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }

    assert samples["steno_proxy_requests_total", "200", "done", "openai"] == 1
    assert samples["steno_proxy_requests_total", "502", "openai", "upstream_failed"] == 1
    assert samples["steno_proxy_bytes_total", "reply"] == 100
    assert samples["steno_proxy_open_exchanges",] == 1
    assert samples["steno_proxy_unrecorded_bytes",] == 7
    assert samples["steno_recorder_events", "dropped"] == 2


def test_registries_of_their_own():
    """Two proxies in one process do not add up."""
    first, second = Metrics(), Metrics()
    first.count_bytes("reply", 5)

    assert b'direction="reply"' not in second.render(RecorderStats(), 0)
