"""``engramia tenants``: whose memories there are."""

from __future__ import annotations

from typing import Annotated

import typer

from engramia_cli.deletion import EXPORTS, ExportTo, NoExport
from engramia_cli.deletion import delete as delete_all
from engramia_cli.operation import operation
from engramia_cli.options import ChangingCommand, Command, Plan, Yes, new_app
from engramia_cli.output import json_or, note, write
from engramia_cli.terminal import table
from engramia_core.scope import Scope

app = new_app(group=True)

Name = Annotated[str, typer.Argument(metavar="TENANT", help="The tenant's name.")]


@app.callback()
def tenants() -> None:
    """List, make and delete tenants.

    engramia tenants list
    engramia tenants delete acme --plan
    """


@app.command("list", cls=Command)
def list_(ctx: typer.Context) -> None:
    """List the tenants, with how much is kept for each.

    engramia tenants list
    """
    from engramia_core.tenancy import scopes

    with ctx.obj.database.everything() as connection:
        found = scopes.tenants(connection)
    if json_or(ctx, found):
        return
    if not found:
        note("note: no tenant was written for yet")
        return
    table(
        ("tenant", "projects", "live", "made (UTC)", "last write (UTC)"),
        (
            (
                t.tenant_id,
                f"{t.projects:,}",
                f"{t.live:,}",
                f"{t.created_at:%Y-%m-%d}",
                f"{t.last_write_at:%Y-%m-%d %H:%M}" if t.last_write_at else "never",
            )
            for t in found
        ),
    )


@app.command(cls=ChangingCommand)
def create(ctx: typer.Context, name: Name) -> None:
    """Make a tenant known before its first write.

    engramia tenants create acme

    The first write for a tenant makes it known too.
    """
    from engramia_core.tenancy.scopes import create_tenant

    scope = Scope(name)
    with operation(ctx.obj, "tenants.create", name):
        made = create_tenant(ctx.obj.database, scope, now=ctx.obj.now())
    if not json_or(ctx, made):
        write(f"tenant {name} was made")


@app.command(cls=ChangingCommand)
def delete(
    ctx: typer.Context,
    name: Name,
    export_to: ExportTo = EXPORTS,
    no_export: NoExport = False,
    plan: Plan = False,
    yes: Yes = False,
) -> None:
    """Export a tenant, then delete it with all its projects.

    engramia tenants delete acme --plan
    engramia tenants delete acme --export-to /srv/exports --reason "contract ended"

    Its keys are revoked and its patterns removed for good; the audit trail stays. Interrupted, the same command goes on.
    """
    delete_all(
        ctx.obj,
        Scope(name).tenant_id,
        None,
        export_to=None if no_export else export_to,
        yes=yes,
        plan=plan,
    )
