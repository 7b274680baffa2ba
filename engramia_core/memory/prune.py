"""The runs of aging: what has faded goes to the trash, and what lay there for 30 days is purged."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from engramia_core.errors import NotFound, Refused
from engramia_core.memory.aging import DEFAULT_MAX_PRUNE_PERCENT, TRASH_DAYS, prune_percent
from engramia_core.memory.pattern import Pattern, Trashed, TrashReason
from engramia_core.memory.stored import Action, AgingRun, Event
from engramia_core.memory.upkeep import brought_back, survival_at
from engramia_core.sortable import new_key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engramia_core.memory.store import PatternStore
    from engramia_core.scope import Scope

_OPERATION = "aging"


@dataclass(frozen=True, slots=True)
class Faded:
    """A pattern that is moved to the trash."""

    key: str
    task: str
    survival: float


@dataclass(frozen=True, slots=True)
class AgingReport:
    """What a run did, or with ``planned`` would do. Without a ``run`` nothing changed."""

    planned: bool
    run: str | None
    live: int
    pruned: tuple[Faded, ...]
    purged: int

    @property
    def percent(self) -> float:
        """The share of the live patterns that was pruned."""
        return prune_percent(len(self.pruned), self.live)


@dataclass(frozen=True, slots=True)
class UndoReport:
    """What an undone run gave back."""

    run: str
    restored: tuple[str, ...]


def run_aging(
    store: PatternStore,
    scope: Scope,
    *,
    now: datetime,
    owner: str,
    max_prune_percent: float = DEFAULT_MAX_PRUNE_PERCENT,
    plan: bool = False,
) -> AgingReport:
    """Move every pattern whose survival fell below 0.1 to the trash, and purge what lay there for 30 days.

    ``Refused`` before anything moves when that is more than ``max_prune_percent`` of the scope;
    ``Busy`` when another run is under way.
    """
    until = now - timedelta(days=TRASH_DAYS)
    if plan:
        expired = store.expired(scope, now)
        purged = store.in_trash(scope, until=until)
        return _report(store.live_count(scope), expired, len(purged), now=now, run=None, plan=True)
    with store.alone(scope, _OPERATION, owner=owner, now=now), store.write(scope) as writer:
        expired = store.expired(scope, now)
        live = store.live_count(scope)
        _check_share(len(expired), live, max_prune_percent)
        purged = store.in_trash(scope, until=until)
        if not expired and not purged:
            return _report(live, (), 0, now=now, run=None, plan=False)
        run = new_key(now)
        trashed = Trashed(now, TrashReason.PRUNED, run)
        if expired:
            writer.update(
                [replace(pattern, trashed=trashed) for pattern in expired],
                Event(now, Action.TRASHED, f"pruned by {run}"),
            )
        writer.purge([pattern.key for pattern in purged], Event(now, Action.PURGED))
        writer.record_run(AgingRun(run, now, len(expired), len(purged)))
    return _report(live, expired, len(purged), now=now, run=run, plan=False)


def undo_aging(store: PatternStore, scope: Scope, run: str, *, now: datetime) -> UndoReport:
    """Bring back whole what a run moved to the trash; ``NotFound`` for a run without anything there."""
    with store.write(scope) as writer:
        patterns = store.in_trash(scope, run=run)
        if not patterns:
            known = ", ".join(r.run for r in store.aging_runs(scope)[:5]) or "none yet"
            raise NotFound(
                f"aging run {run!r} has nothing in the trash of {scope}",
                hint=f"the newest runs: {known}",
            )
        restored = [brought_back(pattern, now) for pattern in patterns]
        writer.update(restored, Event(now, Action.RESTORED, f"run {run} undone"))
    return UndoReport(run, tuple(pattern.key for pattern in restored))


def _check_share(expired: int, live: int, max_percent: float) -> None:
    share = prune_percent(expired, live)
    if share > max_percent:
        raise Refused(
            f"aging would prune {expired:,} of {live:,} patterns ({share:.1f} %),"
            f" more than {max_percent:g} %; nothing was changed",
            hint="look first: engramia aging --plan; then allow it: --max-prune-percent"
            f" {min(int(share) + 1, 100)}",
        )


def _report(
    live: int,
    expired: Sequence[Pattern],
    purged: int,
    *,
    now: datetime,
    run: str | None,
    plan: bool,
) -> AgingReport:
    faded = tuple(Faded(p.key, p.task, survival_at(p, now)) for p in expired)
    return AgingReport(plan, run, live, faded, purged)
