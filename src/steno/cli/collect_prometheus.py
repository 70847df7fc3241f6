"""``steno collect prometheus``: metrics by a PromQL query."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from steno.cli.collect import asking_options, show_progress, target_options

if TYPE_CHECKING:
    from steno.cli.collect import Target


@click.command("prometheus")
@click.argument("query")
@click.option("--url", metavar="URL", help="Where Prometheus is; PROMETHEUS_URL by default.")
@click.option("--since", metavar="WHEN", help="From then on: 2h, 7d, 2026-11-20T14:00Z, an epoch.")
@click.option("--until", metavar="WHEN", help="Until then; now by default.")
@click.option("--at", metavar="WHEN", help="At one instant; now, when no window is given.")
@click.option("--step", metavar="TIME", help="The distance of points: 15s, 1m, 1h.")
@asking_options
@target_options
def command(
    target: Target,
    query: str,
    url: str | None,
    since: str | None,
    until: str | None,
    at: str | None,
    step: str | None,
    timeout_s: float,
    retries: int,
) -> int:
    """Collect metrics by a PromQL query.

    At one instant, or with --since over a window; the step is chosen so that a window has at most
    1,000 points. Times that name no zone are UTC.

    PROMETHEUS_TOKEN, or PROMETHEUS_USERNAME and PROMETHEUS_PASSWORD, let one in; PROMETHEUS_CA_FILE
    names the certificates to trust.

    \b
    Examples:
      steno collect prometheus up
      steno collect prometheus 'rate(http_requests_total[5m])' --since 2h
      steno collect prometheus up --since 2026-11-20T14:00Z --until 2026-11-20T16:00Z --json
    """
    from steno.collectors.prometheus import collect_metrics  # help needs none of it

    with target.opened() as session:
        return target.report_from(
            lambda: collect_metrics(
                query,
                url=url,
                since=since,
                until=until,
                at=at,
                step=step,
                timeout_s=timeout_s,
                retries=retries,
                session=session,
                progress=show_progress("samples"),
            )
        )
