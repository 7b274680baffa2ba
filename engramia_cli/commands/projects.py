"""``engramia projects``: what the memories of a tenant are."""

from __future__ import annotations

from typing import Annotated

import typer

from engramia_cli.deletion import EXPORTS, ExportTo, NoExport
from engramia_cli.deletion import delete as delete_all
from engramia_cli.options import ChangingCommand, Command, Plan, Yes, new_app
from engramia_cli.output import json_or, note, write
from engramia_cli.terminal import table
from engramia_core.scope import Scope

app = new_app(group=True)

Name = Annotated[str, typer.Argument(metavar="PROJECT", help="The project's name.")]


@app.callback()
def projects() -> None:
    """List, make and delete the projects of a tenant.

    engramia projects list
    engramia projects delete shop --tenant acme --plan
    """


@app.command("list", cls=Command)
def list_(ctx: typer.Context) -> None:
    """List the projects, with how much is kept in each.

    engramia projects list
    engramia projects list --tenant acme
    """
    from engramia_core.tenancy import scopes

    tenant = ctx.obj.scope.tenant_id if "tenant" in ctx.obj.flags else None
    with ctx.obj.database.everything() as connection:
        found = scopes.projects(connection, tenant)
    if json_or(ctx, found):
        return
    if not found:
        note("note: no project was written to yet")
        return
    table(
        ("tenant", "project", "live", "made (UTC)", "last write (UTC)"),
        (
            (
                p.tenant_id,
                p.project_id,
                f"{p.live:,}",
                f"{p.created_at:%Y-%m-%d}",
                f"{p.last_write_at:%Y-%m-%d %H:%M}" if p.last_write_at else "never",
            )
            for p in found
        ),
    )


@app.command(cls=ChangingCommand)
def create(ctx: typer.Context, name: Name) -> None:
    """Make a project of a tenant known before its first write.

    engramia projects create shop --tenant acme

    The first write to a project makes it known too.
    """
    from engramia_core.tenancy.scopes import create_project

    scope = Scope(ctx.obj.scope.tenant_id, name)
    made = create_project(ctx.obj.database, scope, ctx.obj.actor, now=ctx.obj.now())
    if not json_or(ctx, made):
        write(f"project {scope} was made")


@app.command(cls=ChangingCommand)
def delete(
    ctx: typer.Context,
    name: Name,
    export_to: ExportTo = EXPORTS,
    no_export: NoExport = False,
    plan: Plan = False,
    yes: Yes = False,
) -> None:
    """Export a project, then delete it with all that is in it.

    engramia projects delete shop --tenant acme --plan
    engramia projects delete shop --tenant acme --reason "moved to another installation"

    Its keys are revoked and its patterns removed for good; the audit trail stays. Interrupted, the same command goes on.
    """
    scope = Scope(ctx.obj.scope.tenant_id, name)
    delete_all(
        ctx.obj,
        scope.tenant_id,
        scope.project_id,
        export_to=None if no_export else export_to,
        yes=yes,
        plan=plan,
    )
