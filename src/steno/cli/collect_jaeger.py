"""``steno collect jaeger``: the newest traces of a service, or one by its id."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from steno.cli.collect import asking_options, show_progress, target_options

if TYPE_CHECKING:
    from steno.cli.collect import Target


@click.command("jaeger")
@click.option("--service", metavar="NAME", help="Traces of this service.")
@click.option("--operation", metavar="NAME", help="With this operation of the service.")
@click.option("--tag", "tags", multiple=True, metavar="NAME=VALUE", help="With this tag; repeat.")
@click.option("--trace-id", metavar="ID", help="One trace by its id.")
@click.option(
    "--limit", type=click.IntRange(1), default=100, show_default=True, help="The newest so many."
)
@click.option("--since", metavar="WHEN", help="From then on: 2h, a time, an epoch; 1h by default.")
@click.option("--until", metavar="WHEN", help="Until then; now by default.")
@click.option("--min-duration", metavar="TIME", help="With a span as long at least: 500ms, 2s.")
@click.option("--max-duration", metavar="TIME", help="With a span as long at most.")
@click.option("--url", metavar="URL", help="Where its query service is; else JAEGER_QUERY_URL.")
@asking_options
@target_options
def command(
    target: Target,
    service: str | None,
    operation: str | None,
    tags: tuple[str, ...],
    trace_id: str | None,
    limit: int,
    since: str | None,
    until: str | None,
    min_duration: str | None,
    max_duration: str | None,
    url: str | None,
    timeout_s: float,
    retries: int,
) -> int:
    """Collect traces of a service.

    JAEGER_TOKEN, or JAEGER_USERNAME and JAEGER_PASSWORD, let one in; JAEGER_CA_FILE names the
    certificates to trust. Times that name no zone are UTC.

    \b
    Examples:
      steno collect jaeger --service payments --since 30m
      steno collect jaeger --service payments --tag error=true --min-duration 500ms
      steno collect jaeger --trace-id 4bf92f3577b34da6a3ce929d0e0e4736 --json
    """
    from steno.collectors.jaeger import collect_traces  # help needs none of it

    pairs = dict(_pair(each) for each in tags)
    with target.opened() as session:
        return target.report_from(
            lambda: collect_traces(
                service=service,
                operation=operation,
                tags=pairs or None,
                limit=limit,
                since=since,
                until=until,
                min_duration=min_duration,
                max_duration=max_duration,
                trace_id=trace_id,
                url=url,
                timeout_s=timeout_s,
                retries=retries,
                session=session,
                progress=show_progress("traces"),
            )
        )


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise click.BadParameter(f"{text!r} is not NAME=VALUE", param_hint="--tag")
    return name, value
