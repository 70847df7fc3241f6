"""``steno collect kubernetes``: the logs of pods, by name or selector."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from steno.cli.collect import asking_options, show_progress, target_options

if TYPE_CHECKING:
    from steno.cli.collect import Target


@click.command("kubernetes")
@click.argument("pod", required=False)
@click.option("-l", "--selector", metavar="LABELS", help="Pods with these labels, such as app=x.")
@click.option("--field-selector", metavar="FIELDS", help="Pods with such fields: spec.nodeName=n1.")
@click.option("-n", "--namespace", metavar="NAME", help="That of the context by default.")
@click.option("-A", "--all-namespaces", is_flag=True, help="Pods of every namespace.")
@click.option("-c", "--container", metavar="NAME", help="One container; all of them by default.")
@click.option("--since", metavar="WHEN", help="From then on: 2h, 7d, 2026-11-20T14:00Z, an epoch.")
@click.option("--until", metavar="WHEN", help="Until then.")
@click.option("-p", "--previous", is_flag=True, help="The run of the container before this one.")
@click.option("--tail", type=click.IntRange(0), metavar="LINES", help="So many lines at the end.")
@click.option("-f", "--follow", is_flag=True, help="Go on with what comes, until Ctrl-C.")
@click.option("--for", "duration", metavar="TIME", help="Follow for so long: 30s, 10m.")
@click.option("--no-join", is_flag=True, help="Keep each line of a traceback an entry of its own.")
@click.option(
    "--limit-lines", type=click.IntRange(1), metavar="LINES", help="At most, of each container."
)
@click.option(
    "--limit-bytes", type=click.IntRange(1), metavar="BYTES", help="At most, of each container."
)
@click.option("--context", metavar="NAME", help="A context of the kubeconfig.")
@asking_options
@target_options
def command(
    target: Target,
    pod: str | None,
    selector: str | None,
    field_selector: str | None,
    namespace: str | None,
    all_namespaces: bool,
    container: str | None,
    since: str | None,
    until: str | None,
    previous: bool,
    tail: int | None,
    follow: bool,
    duration: str | None,
    no_join: bool,
    limit_lines: int | None,
    limit_bytes: int | None,
    context: str | None,
    timeout_s: float,
    retries: int,
) -> int:
    """Collect the logs of a pod, or of those that a selector chooses.

    Each pod becomes a document of its own, with all its containers. Lines that belong together,
    such as a traceback, are one entry. Ctrl-C keeps what has come. Times that name no zone are UTC.

    With --follow, pods that a selector chooses are followed as soon as they come, until Ctrl-C.

    The cluster and who asks are found where kubectl finds them: KUBECONFIG, ~/.kube/config, the
    service account of a pod.

    \b
    Examples:
      steno collect kubernetes payments-svc --namespace production --since 2h
      steno collect kubernetes --selector app=payments --since 30m --session INC-7F3K
      steno collect kubernetes payments-svc --previous --tail 500 -o crash.json
      steno collect kubernetes -l app=payments --follow --for 10m
    """
    if namespace is not None and all_namespaces:
        raise click.UsageError("either --namespace, or --all-namespaces")
    from steno.collectors.kubernetes import collect_pod_logs  # help needs none of it

    with target.opened() as session:
        return target.report_from(
            lambda: collect_pod_logs(
                pod=pod,
                selector=selector,
                field_selector=field_selector,
                namespace="*" if all_namespaces else namespace,
                container=container,
                since=since,
                until=until,
                previous=previous,
                tail=tail,
                follow=follow or duration is not None,
                duration=duration,
                join_multiline=not no_join,
                limit_lines=limit_lines,
                limit_bytes=limit_bytes,
                timeout_s=timeout_s,
                retries=retries,
                context=context,
                session=session,
                progress=show_progress("log entries"),
            )
        )
