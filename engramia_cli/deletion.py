"""How ``tenants delete`` and ``projects delete`` go: what would be lost, a copy of it, the name typed, then all of it."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engramia_cli.operation import operation
from engramia_cli.output import confirm_by_name, write, write_json
from engramia_cli.progress import progress
from engramia_cli.terminal import counted, table

if TYPE_CHECKING:
    from engramia_cli.context import CliContext
    from engramia_cli.operation import Operation
    from engramia_core.tenancy.loss import Deletion

ExportTo = Annotated[
    Path, typer.Option("--export-to", metavar="DIR", help="Export to this directory first.")
]
NoExport = Annotated[bool, typer.Option("--no-export", help="Delete without an export.")]
EXPORTS = Path("engramia-exports")


def delete(
    context: CliContext,
    tenant_id: str,
    project_id: str | None,
    *,
    export_to: Path | None,
    yes: bool,
    plan: bool,
) -> None:
    """Delete a tenant, or with a project that one, and tell what was lost; ``plan`` only tells."""
    from engramia_core.tenancy.loss import plan_deletion

    with context.database.everything() as connection:
        found = plan_deletion(connection, tenant_id, project_id)
    if not plan:
        ask = partial(confirm_by_name, _question(found), project_id or tenant_id, yes=yes)
        action = f"{'projects' if project_id else 'tenants'}.delete"
        lock = f"tenants/{tenant_id}"
        with operation(context, action, named(found), lock=lock, ask=ask) as running:
            found = _run(context, found, export_to, running)
    if context.is_json:
        write_json(found)
    else:
        _show(found)


def named(deletion: Deletion) -> str:
    """What is deleted, as it is written: ``acme``, or ``acme/shop``."""
    return "/".join(name for name in (deletion.tenant_id, deletion.project_id) if name)


def _run(
    context: CliContext, found: Deletion, export_to: Path | None, running: Operation
) -> Deletion:
    from engramia_core.keys import ring
    from engramia_core.tenancy import delete as deleting
    from engramia_core.tenancy.export import export_scope

    store, database, now = context.memory.store, context.database, context.now()
    exports = [
        str(export_scope(store, loss.scope, export_to, now=now))
        for loss in found.scopes
        if export_to is not None and (loss.live or loss.issues)
    ]
    names, actor = (found.tenant_id, found.project_id), context.actor
    keys = len(ring.revoke_all(database, *names, now=now, actor=actor))
    with progress("deleting") as counter:
        for loss in found.scopes:
            deleting.delete_scope(
                store,
                database,
                loss.scope,
                actor,
                clock=context.now,
                progress=counter.advance,
            )
    if found.project_id is None:
        deleting.delete_tenant_row(database, found.tenant_id)
    running.result = f"{_sum(found)}, {counted(keys, 'key')} revoked, {_copies(exports)}"
    return replace(found, planned=False, keys=keys, exports=tuple(exports))


def _question(found: Deletion) -> str:
    return (
        f"this deletes {named(found)} for good: {_sum(found)}, {counted(found.keys, 'key')} revoked"
    )


def _sum(found: Deletion) -> str:
    live, trashed = (sum(getattr(loss, n) for loss in found.scopes) for n in ("live", "trashed"))
    return f"{counted(live, 'live pattern')}, {trashed:,} in the trash"


def _copies(exports: list[str]) -> str:
    return f"exported to {', '.join(exports)}" if exports else "not exported"


def _show(found: Deletion) -> None:
    if found.scopes:
        table(
            ("project", "live", "in trash", "observations", "issues", "last write (UTC)"),
            (
                (
                    loss.project_id,
                    *(f"{n:,}" for n in (loss.live, loss.trashed, loss.observations, loss.issues)),
                    f"{loss.last_write_at:%Y-%m-%d %H:%M}" if loss.last_write_at else "never",
                )
                for loss in found.scopes
            ),
        )
        write("")
    done = "would be deleted" if found.planned else "deleted"
    write(f"{named(found)} {done}, {counted(found.keys, 'key')} revoked")
    write(
        f"{counted(found.audit_records, 'audit record')} {'would stay' * found.planned or 'stay'}"
    )
    for file in found.exports:
        write(f"exported to {file}")
