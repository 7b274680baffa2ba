"""``engramia audit``: who did what, and whether somebody changed what the trail says."""

from __future__ import annotations

import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engramia_cli.exits import PROBLEMS_FOUND
from engramia_cli.moments import moment
from engramia_cli.options import Command, Limit, new_app
from engramia_cli.output import flush, json_or, note, write, write_bytes
from engramia_cli.progress import progress
from engramia_cli.reports import AuditPage, ExportedFile
from engramia_cli.terminal import counted, one_line, printable, style, table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    from sqlalchemy import Connection

    from engramia_cli.context import CliContext
    from engramia_core.audit.record import AuditRecord
    from engramia_core.audit.trail import Wanted
    from engramia_core.audit.verify import ChainsReport

app = new_app(group=True)

Since = Annotated[
    str | None, typer.Option(metavar="WHEN", help="From then on: a date, a time, or 7d, 24h, 90m.")
]
Until = Annotated[str | None, typer.Option(metavar="WHEN", help="Before then.")]
Who = Annotated[
    str | None, typer.Option(metavar="NAME", help="By them only; user or user@machine.")
]
Action = Annotated[
    str | None, typer.Option(metavar="NAME", help="Only this; memory means all of memory.*.")
]
_POLL_S = 1.0
_COLUMNS = ("when (UTC)", "scope", "who", "action", "outcome", "what")


@app.callback()
def audit() -> None:
    """Read the audit trail, and find out whether it was changed.

    engramia audit list --since 7d
    engramia audit verify --witness heads.ndjson

    Without --tenant and --project every scope's records are meant, and those of the installation.
    """


@app.command("list", cls=Command)
def list_(
    ctx: typer.Context,
    since: Since = None,
    until: Until = None,
    who: Who = None,
    action: Action = None,
    limit: Limit = 50,
) -> None:
    """List what was done, newest first.

    engramia audit list --action memory.trashed --since 24h
    engramia audit list --tenant acme --who alice
    """
    from engramia_core.audit.trail import newest

    wanted = _wanted(ctx.obj, since=since, until=until, who=who, action=action)
    with _reading(ctx.obj, wanted) as connection:
        found = newest(connection, wanted, limit=limit + 1)
    page, has_more = found[:limit], len(found) > limit
    if json_or(ctx, AuditPage(page, has_more)):
        return
    if not page:
        note("note: no such records")
        return
    _show(page)
    if has_more:
        note(f"note: there are more; narrow it down, or see {limit * 10:,} with --limit")


@app.command(cls=Command)
def tail(
    ctx: typer.Context,
    number: Annotated[
        int, typer.Option("--number", "-n", min=0, metavar="N", help="So many to begin with.")
    ] = 10,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with what is added; Ctrl-C ends it.")
    ] = False,
) -> None:
    """Show the last records, and follow what is added.

    engramia audit tail -n 20 --follow

    With --follow and --output json a line is a document.
    """
    from engramia_core.audit.trail import added, heads, newest

    wanted = _wanted(ctx.obj)
    with _reading(ctx.obj, wanted) as connection:
        records = newest(connection, wanted, limit=number)[::-1] if number else []
        seen = {chain: head.number for chain, head in heads(connection, wanted).items()}
    if not follow and json_or(ctx, records):
        return
    _show_lines(ctx.obj, records)
    while follow:
        flush()
        time.sleep(_POLL_S)
        with _reading(ctx.obj, wanted) as connection:
            records, seen = added(connection, wanted, seen)
        _show_lines(ctx.obj, records)


@app.command(cls=Command)
def verify(
    ctx: typer.Context,
    witness: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Compare with the heads noted there, and note the new ones."
        ),
    ] = None,
) -> None:
    """Find out whether a record was altered, removed or put in.

    engramia audit verify
    engramia audit verify --witness heads.ndjson

    The exit code is 7 when something is wrong. A chain that was written anew as a whole, or cut short together with its
    head, is found by a witness only: a file that is kept where those who may write the database cannot write.
    """
    from engramia_core.audit import verify as verification
    from engramia_core.audit.witness import add_to_witness, read_witness

    known = {} if witness is None else read_witness(witness)
    with ctx.obj.database.everything() as connection, progress("verifying") as counter:
        report, now_heads = verification.verify(connection, witness=known, progress=counter.advance)
    if witness is not None and not report.problems:
        report.noted = add_to_witness(witness, now_heads, known, now=ctx.obj.now())
    if not json_or(ctx, report):
        _tell(ctx.obj, report, has_witness=witness is not None)
    if report.problems:
        raise typer.Exit(PROBLEMS_FOUND)


@app.command(cls=Command)
def export(
    ctx: typer.Context,
    file: Annotated[str, typer.Option(metavar="FILE", help="Where to; - is stdout.")] = "-",
    since: Since = None,
    until: Until = None,
    who: Who = None,
    action: Action = None,
) -> None:
    """Write the records as NDJSON, chain by chain.

    engramia audit export --file trail.ndjson
    engramia audit export --since 2026-11-01 --until 2026-12-01

    The hash of a record is the SHA-256 of its line without the member "hash".
    """
    from engramia_core.audit.record import record_line
    from engramia_core.audit.trail import in_chains
    from engramia_core.files import write_atomically

    wanted = _wanted(ctx.obj, since=since, until=until, who=who, action=action)
    with _reading(ctx.obj, wanted) as connection, closing(in_chains(connection, wanted)) as records:
        lines = map(record_line, records)
        if file == "-":
            for line in lines:
                write_bytes(line)
            return
        with progress("exporting") as counter:
            write_atomically(Path(file), counter.counted(lines))
    size_bytes = Path(file).stat().st_size
    if not json_or(ctx, ExportedFile(file, size_bytes)):
        write(f"wrote {file} ({size_bytes:,} bytes)")


def _wanted(
    context: CliContext,
    *,
    since: str | None = None,
    until: str | None = None,
    who: str | None = None,
    action: str | None = None,
) -> Wanted:
    from engramia_core.audit.trail import Wanted

    scope, now = context.scope, context.now()
    of_project = "project" in context.flags
    return Wanted(
        tenant_id=scope.tenant_id if of_project or "tenant" in context.flags else None,
        project_id=scope.project_id if of_project else None,
        since=None if since is None else moment(since, now),
        until=None if until is None else moment(until, now),
        who=who,
        action=action,
    )


def _reading(context: CliContext, wanted: Wanted) -> AbstractContextManager[Connection]:
    """A transaction that sees what is wanted; one scope is seen by any login of the application."""
    from engramia_core.audit import chain_of

    if wanted.project_id is None:
        return context.database.everything()
    return context.database.reading(chain_of(context.scope))


def _cells(record: AuditRecord) -> tuple[str, ...]:
    scope = "*" if record.tenant_id == "*" else f"{record.tenant_id}/{record.project_id}"
    said = (record.target, record.detail, record.reason and f"({record.reason})")
    return (
        f"{record.at:%Y-%m-%d %H:%M:%S}",
        scope,
        one_line(record.who),
        one_line(record.action),
        record.outcome,
        one_line(" · ".join(part for part in said if part)),
    )


def _show(records: Sequence[AuditRecord]) -> None:
    table(_COLUMNS, map(_cells, records))


def _show_lines(context: CliContext, records: Sequence[AuditRecord]) -> None:
    """A line a record, so that more can follow."""
    from engramia_core.audit.record import record_line

    for record in records:
        if context.is_json:
            write_bytes(record_line(record))
        else:
            write("  ".join(_cells(record)).rstrip())


def _tell(context: CliContext, report: ChainsReport, *, has_witness: bool) -> None:
    for finding in report.findings:
        write(f"{style('FAIL', '31')}  {printable(finding.chain)}  {finding.text}")
        write(f"{'':6}{context.typed(finding.remedy)}")
    if report.problems > len(report.findings):
        write(f"and {report.problems - len(report.findings):,} more")
    compared = f", {counted(report.witnessed, 'chain')} compared with the witness"
    how = counted(report.problems, "problem") if report.problems else "all whole"
    write(
        f"{counted(report.records, 'record')} in {counted(report.chains, 'chain')}"
        f"{compared * has_witness}: {how}"
    )
