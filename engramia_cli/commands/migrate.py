"""``engramia migrate``: bring the schema up, or take it down, without stopping what uses it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from engramia_cli.exits import PROBLEMS_FOUND
from engramia_cli.migrating import bring_up, order, planned, taken_down
from engramia_cli.options import ChangingCommand, Command, Plan, Yes, new_app
from engramia_cli.output import json_or, write
from engramia_cli.plan_screen import show_plan
from engramia_cli.terminal import facts, printable, table
from engramia_core.migration.target import WAIT_S

if TYPE_CHECKING:
    from engramia_core.migration.run import MigrationReport
    from engramia_core.migration.status import SchemaStatus

app = new_app(group=True)

To = Annotated[str, typer.Option("--to", metavar="REV", help="The revision to end at.")]
Wait = Annotated[
    float,
    typer.Option(
        "--wait", min=0, metavar="SECONDS", help="Give up after waiting so long for tables in use."
    ),
]
NoBackup = Annotated[
    bool,
    typer.Option("--no-backup", help="Go on without a copy made first; on PostgreSQL none is."),
]
Force = Annotated[
    bool, typer.Option("--force", help="Go on though running processes will break; it is recorded.")
]


@app.callback()
def migrate() -> None:
    """Bring the schema up, or take it down, without an outage.

    engramia migrate status
    engramia migrate up --plan

    A schema is the shape of the tables; each release names the revision that it needs. The database is the one that
    ENGRAMIA_DATABASE_URL names, or the file in --path. A memory of files has no schema.
    """


@app.command(cls=Command)
def status(ctx: typer.Context) -> None:
    """Show the revision, what is pending, and who is at work.

    engramia migrate status

    The exit code is 7 when this version cannot work with the database: a revision is still to be applied, or a newer
    release has taken away what this one needs.
    """
    from engramia_core.migration import status as state

    found = state.status(ctx.obj.migration_target, ctx.obj.scripts, ctx.obj.now())
    if not json_or(ctx, found):
        _show_status(ctx, found)
    if not found.fits:
        raise typer.Exit(PROBLEMS_FOUND)


def _show_status(ctx: typer.Context, found: SchemaStatus) -> None:
    from engramia_core.migration.guard import shown

    rows = [
        ("database", printable(found.place)),
        ("revision", found.current or "none"),
        ("head", found.head),
        *(("pending", f"{each.revision} {each.phase}: {each.title}") for each in found.pending),
        *(("ahead", f"{each}, of a newer release") for each in found.ahead),
        *(("serving", printable(shown(each, ctx.obj.now()))) for each in found.alive),
        ("alembic", f"alembic -c {found.alembic_ini}"),
    ]
    if found.pending:
        rows.append(("to do", ctx.obj.typed("engramia migrate up")))
    facts(rows)


@app.command(cls=Command)
def history(ctx: typer.Context) -> None:
    """List the revisions, newest first.

    engramia migrate history
    """
    from engramia_core.migration import status as state

    past = state.history(ctx.obj.migration_target, ctx.obj.scripts)
    if json_or(ctx, past):
        return
    table(
        ("revision", "phase", "applied (UTC)", "what it does"),
        (
            (
                each.revision,
                each.phase,
                f"{each.applied_at:%Y-%m-%d %H:%M:%S}"
                if each.applied_at
                else ("yes" if each.is_applied else "no"),
                each.title,
            )
            for each in past
        ),
    )


@app.command(cls=Command)
def check(ctx: typer.Context) -> None:
    """Compare the database with what this version makes of one.

    engramia migrate check

    Tables, columns, indexes and foreign keys; on PostgreSQL also row-level security, rights, storage and collations.
    The exit code is 7 when something differs.
    """
    from engramia_core.migration import status as state

    drift = state.check(ctx.obj.migration_target, ctx.obj.scripts)
    if not json_or(ctx, drift):
        for each in drift.differences:
            write(printable(each))
        if not drift.differences:
            write(f"no difference at revision {ctx.obj.scripts.head}")
    if drift.differences:
        raise typer.Exit(PROBLEMS_FOUND)


@app.command(cls=Command)
def plan(ctx: typer.Context, to: To = "head") -> None:
    """Show what up would do, with the lock of each statement.

    engramia migrate plan
    engramia migrate plan --to 0002 --output json

    Beside each statement is how large its table is, and whether it is written anew. Nothing is run. What cannot be told
    is shown as unknown.
    """
    found = planned(ctx, to, is_up=True)
    if not json_or(ctx, found):
        show_plan(found)


@app.command(cls=ChangingCommand)
def up(
    ctx: typer.Context,
    to: To = "head",
    plan: Plan = False,
    yes: Yes = False,
    no_backup: NoBackup = False,
    force: Force = False,
    wait: Wait = WAIT_S,
) -> None:
    """Apply what is pending; interrupted, the same command goes on.

    engramia migrate up --plan
    engramia migrate up
    engramia migrate up --no-backup --wait 900

    SQLite is copied to DIR/backups first. On PostgreSQL no copy is made: make one yourself, and say so by --no-backup.
    A table in use is waited for 2 seconds, then others go first, and it is tried again. A contraction, which takes away
    what older releases need, asks first, and is refused while one of them is running.
    """
    if plan:
        found = planned(ctx, to, is_up=True)
        if not json_or(ctx, found):
            show_plan(found)
        return
    asked = order(ctx, to=to, without_backup=no_backup, is_forced=force, wait_s=wait)
    report = bring_up(ctx, asked, yes=yes)
    if not json_or(ctx, report):
        _show(report, "applied")


@app.command(cls=ChangingCommand)
def down(
    ctx: typer.Context,
    to: To = "-1",
    plan: Plan = False,
    yes: Yes = False,
    no_backup: NoBackup = False,
    force: Force = False,
    wait: Wait = WAIT_S,
) -> None:
    """Take revisions back, after saying what is lost.

    engramia migrate down --plan
    engramia migrate down --to 0001

    --to -1 is the revision before, --to base none at all. It is refused while a process runs that needs what is taken
    back. A copy is made first, as by engramia migrate up.
    """
    if plan:
        found = planned(ctx, to, is_up=False)
        if not json_or(ctx, found):
            show_plan(found)
        return
    asked = order(ctx, to=to, without_backup=no_backup, is_forced=force, wait_s=wait)
    report = taken_down(ctx, asked, yes=yes)
    if not json_or(ctx, report):
        _show(report, "taken back")


def _show(report: MigrationReport, verb: str) -> None:
    lines: list[Any] = [f"mended: {each}" for each in report.mended]
    if report.backup:
        lines.append(f"a copy from before is {report.backup}")
    lines += [f"lost: {each}" for each in report.lost]
    after = report.after or "empty"
    if report.revisions:
        lines.append(f"{verb}: {', '.join(report.revisions)}; the schema is {after}")
    else:
        lines.append(f"nothing to do: the schema is {after}")
    for line in lines:
        write(printable(line))
