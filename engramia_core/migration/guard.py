"""Which processes a migration would break: those whose code does not fit the schema it leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engramia_core.database.scripts import CONTRACT
from engramia_core.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from engramia_core.database.instances import Instance
    from engramia_core.database.scripts import Step


def in_the_way(steps: Sequence[Step], alive: Sequence[Instance]) -> tuple[Instance, ...]:
    """The processes that would break.

    On the way up those whose code does not know the last contraction among the steps, and on the way down those whose
    code needs a revision that is taken back.
    """
    if not steps:
        return ()
    if not steps[0].is_upgrade:
        oldest = steps[-1].revision.revision
        return tuple(each for each in alive if each.schema_revision >= oldest)
    contractions = [s.revision.revision for s in steps if s.revision.phase == CONTRACT]
    if not contractions:
        return ()
    return tuple(each for each in alive if each.schema_revision < contractions[-1])


def refuse(steps: Sequence[Step], broken: Sequence[Instance], now: datetime) -> Refused:
    """That the steps would break these processes, and what to do about it."""
    who = "; ".join(shown(each, now) for each in broken)
    if steps[0].is_upgrade:
        last = next(s.revision for s in reversed(steps) if s.revision.phase == CONTRACT)
        return Refused(
            f"revision {last.revision} is a contraction, and processes of an older release are alive: {who}",
            hint="replace them first, or break them: engramia migrate up --force",
        )
    return Refused(
        f"processes that need revision {steps[0].revision.revision} are alive: {who}",
        hint="replace them by an older release first, or break them: engramia migrate down --force",
    )


def shown(instance: Instance, now: datetime) -> str:
    """A process in words."""
    seen_s = (now - instance.seen_at).total_seconds()
    return (
        f"{instance.kind} on {instance.host} (pid {instance.pid}, version {instance.version},"
        f" revision {instance.schema_revision}, seen {seen_s:.0f} s ago)"
    )
