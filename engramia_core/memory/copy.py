"""Copying whole scopes from one store into another: all that is kept, as it is.

Every step can be repeated: what the target has already is left alone, so that a copy that was killed goes on where it
stopped. However much there is, no more of it than a batch is in memory: both stores are read by key, side by side.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from engramia_core.errors import Incomplete, NotFound, Refused
from engramia_core.memory.copy_format import Digest, contents, kept_bytes, note_bytes
from engramia_core.memory.copy_report import Checked, CopyConflict, CopyReport, ScopeCopy
from engramia_core.memory.feedback import Cluster
from engramia_core.memory.stored import Action, AgingRun, Event

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from datetime import datetime

    from engramia_core.memory.store import PatternStore
    from engramia_core.memory.stored import EmbeddingModel, Kept
    from engramia_core.scope import Scope

    Note = Cluster | AgingRun

BATCH_KEYS = 1_000
_BATCH_BYTES = 8_000_000
_NAMED = 10
"""How many of the things that differ are named."""


class Copier:
    """Copies scopes of ``source`` into ``target``, which is ``None`` while it does not exist.

    First ``plan``, then ``copy``, then ``verify``; ``progress`` is told how many keys were done.
    """

    def __init__(
        self,
        source: PatternStore,
        target: PatternStore | None,
        *,
        on_conflict: CopyConflict = CopyConflict.FAIL,
        batch_keys: int = BATCH_KEYS,
    ) -> None:
        self._source = source
        self._target = target
        self._on_conflict = on_conflict
        self._batch_keys = batch_keys
        self._skipped: set[tuple[Scope, str]] = set()
        self.progress: Callable[[int], None] = lambda _: None

    def plan(self, scopes: Sequence[Scope], *, target: str) -> CopyReport:
        """What there is in those of ``scopes`` that hold anything; nothing is written.

        ``NotFound`` when none does, ``Refused`` when files of the source do not read and would be missing.
        """
        found = tuple(each for scope in scopes if (each := self._planned(scope)) is not None)
        if not found:
            names = ", ".join(map(str, scopes)) or "the memory"
            raise NotFound(
                f"there is nothing in {names} to copy",
                hint="name another scope with --tenant and --project, or add --all-scopes",
            )
        return CopyReport(True, self._source.place, target, found)

    def check(self, plan: CopyReport) -> None:
        """``Refused`` when the plan has conflicts that are not to be skipped or overwritten."""
        for each in plan.scopes:
            is_same_model = each.model == each.target_model or None in {
                each.model,
                each.target_model,
            }
            if not is_same_model and self._on_conflict is not CopyConflict.OVERWRITE:
                raise Refused(
                    f"{each.scope} is searched by {_name(each.target_model)} in the target,"
                    f" by {_name(each.model)} here; nothing was copied",
                    hint="engramia reindex one of them first, or add --on-conflict overwrite",
                )
            if each.conflicts and self._on_conflict is CopyConflict.FAIL:
                raise Refused(
                    f"{each.conflicts:,} of {each.scope} have another content in the target:"
                    f" {_listed(each.first_conflicts, each.conflicts)}; nothing was copied",
                    hint="choose: --on-conflict skip or overwrite",
                )

    def copy(self, plan: CopyReport, target: PatternStore, *, owner: str, now: datetime) -> None:
        """Copy into ``target`` what it does not have.

        ``Refused`` as of ``check``; ``Busy`` when another copy into a scope is under way; ``Incomplete`` when one of
        the sides was changed meanwhile.
        """
        self.check(plan)
        self._target = target
        event = Event(now, Action.IMPORTED, f"copied from {self._source.place}")
        for each in plan.scopes:
            with target.alone(each.scope, "copy", owner=owner, now=now):
                self._copy_notes(target, each)
                self._copy_kept(target, each, event)

    def verify(self, plan: CopyReport) -> CopyReport:
        """The plan as done: every scope of both sides read again and compared, but for what was skipped."""
        done = tuple(replace(each, checked=self._checked(each)) for each in plan.scopes)
        return replace(plan, planned=False, scopes=done)

    def _planned(self, scope: Scope) -> ScopeCopy | None:
        broken = self._source.counts(scope).broken
        if broken:
            raise Refused(
                f"{broken:,} {'file' if broken == 1 else 'files'} of {scope} cannot be read, which the copy would lack",
                hint="engramia doctor",
            )
        model = self._source.model(scope)
        total: Counter[str] = Counter()
        conflicts: list[str] = []
        for name, ours, theirs, counted in self._everything(scope, model):
            total.update(counted)
            total["bytes"] += len(ours)
            found = "new" if theirs is None else "unchanged" if ours == theirs else "conflicts"
            total[found] += 1
            if found == "conflicts" and len(conflicts) < _NAMED:
                conflicts.append(name)
        if not total and model is None:
            return None
        return ScopeCopy(
            scope=scope,
            model=model,
            target_model=self._target.model(scope) if self._target else None,
            live=total["live"],
            trashed=total["trashed"],
            purged=total["purged"],
            observations=total["observations"],
            events=total["events"],
            vectors=total["vectors"],
            issues=total["issues"],
            runs=total["runs"],
            size_bytes=total["bytes"],
            new=total["new"],
            unchanged=total["unchanged"],
            conflicts=total["conflicts"],
            first_conflicts=tuple(conflicts),
        )

    def _copy_notes(self, target: PatternStore, each: ScopeCopy) -> None:
        """The model, the issues and the runs of aging."""
        wanted = [
            here
            for name, here, there in self._notes(each.scope)
            if self._wants(each.scope, name, here, there)
        ]
        is_new_model = each.model is not None and target.model(each.scope) != each.model
        if not (wanted or is_new_model):
            return
        with target.write(each.scope) as writer:
            if each.model is not None and is_new_model:
                writer.choose_model(each.model)
            writer.put_clusters([note for note in wanted if isinstance(note, Cluster)])
            for note in wanted:
                if isinstance(note, AgingRun):
                    writer.record_run(note)

    def _copy_kept(self, target: PatternStore, each: ScopeCopy, event: Event) -> None:
        after = ""
        for batch in self._batches(self._source.kept(each.scope)):
            last = batch[-1].key
            with target.write(each.scope) as writer:
                keys = {ours.key for ours in batch}
                there = {
                    theirs.key: _bytes(theirs, each.model)
                    for theirs in target.kept(each.scope, after=after, until=last)
                    if theirs.key in keys
                }
                wanted = [
                    ours
                    for ours in batch
                    if self._wants(
                        each.scope, ours.key, _bytes(ours, each.model), there.get(ours.key)
                    )
                ]
                if wanted:
                    writer.take_over(wanted, event)
            after = last
            self.progress(len(batch))

    def _wants(self, scope: Scope, name: str, ours: object, theirs: object | None) -> bool:
        """Whether ours is to be written."""
        if theirs is None:
            return True
        if ours == theirs:
            return False
        if self._on_conflict is CopyConflict.FAIL:
            raise Incomplete(
                f"{name} of {scope} was changed while it was copied; what was copied before it stays",
                hint="stop whoever writes to the two memories, then run the same command again",
            )
        if self._on_conflict is CopyConflict.SKIP:
            self._skipped.add((scope, name))
        return self._on_conflict is CopyConflict.OVERWRITE

    def _checked(self, each: ScopeCopy) -> Checked:
        here, there = Digest(), Digest()
        compared = differing = 0
        first: list[str] = []
        for name, ours, theirs, _ in self._everything(each.scope, each.model):
            if (each.scope, name) in self._skipped:
                continue
            compared += 1
            here.add(ours)
            there.add(theirs or b"")
            if ours != theirs:
                differing += 1
                first.append(name)
                del first[_NAMED:]
        if each.model is not None and self._target is not None:
            held = self._target.model(each.scope)
            here.add(note_bytes(each.model))
            there.add(note_bytes(held) if held else b"")
            if held != each.model:
                differing += 1
                first.append("the model")
        return Checked(compared, here.sha256, there.sha256, differing, tuple(first))

    def _everything(
        self, scope: Scope, model: EmbeddingModel | None
    ) -> Iterator[tuple[str, bytes, bytes | None, dict[str, int]]]:
        """The name of each thing in the source, its bytes, those of the target's, and what it counts as."""
        theirs = self._target.kept(scope) if self._target else iter(())
        for ours, other in _side_by_side(self._source.kept(scope), theirs):
            yield ours.key, kept_bytes(ours), _bytes(other, model), contents(ours)
            self.progress(1)
        for name, note, other_note in self._notes(scope):
            kind = "issues" if isinstance(note, Cluster) else "runs"
            there = note_bytes(other_note) if other_note else None
            yield name, note_bytes(note), there, {kind: 1}

    def _notes(self, scope: Scope) -> Iterator[tuple[str, Note, Note | None]]:
        """Issues and runs by name, with those of the target."""
        ours = _notes_of(self._source, scope)
        theirs = _notes_of(self._target, scope) if self._target else {}
        for name in sorted(ours):
            yield name, ours[name], theirs.get(name)

    def _batches(self, kept: Iterable[Kept]) -> Iterator[list[Kept]]:
        """``kept`` in lists that are neither long nor big."""
        batch: list[Kept] = []
        size_bytes = 0
        for each in kept:
            batch.append(each)
            size_bytes += len(kept_bytes(each))
            if len(batch) == self._batch_keys or size_bytes > _BATCH_BYTES:
                yield batch
                batch, size_bytes = [], 0
        if batch:
            yield batch


def complete(report: CopyReport) -> None:
    """``Incomplete`` when the two sides of a copy are not the same."""
    for each in report.scopes:
        if each.checked is not None and each.checked.differing:
            named = _listed(each.checked.first_differing, each.checked.differing)
            raise Incomplete(
                f"{each.checked.differing:,} of {each.scope} differ from the source: {named}",
                hint="stop whoever writes to the two memories, then run the same command again",
            )


def _side_by_side(
    ours: Iterable[Kept], theirs: Iterator[Kept]
) -> Iterator[tuple[Kept, Kept | None]]:
    """Each of ours with theirs of the same key; both come by ascending key."""
    other = next(theirs, None)
    for one in ours:
        while other is not None and other.key < one.key:
            other = next(theirs, None)
        yield one, other if other is not None and other.key == one.key else None


def _bytes(kept: Kept | None, model: EmbeddingModel | None) -> bytes | None:
    """What is compared; without a model in the source, the target's vectors are its own affair."""
    return None if kept is None else kept_bytes(kept, with_vector=model is not None)


def _notes_of(store: PatternStore, scope: Scope) -> dict[str, Note]:
    issues: dict[str, Note] = {f"issue {c.cluster_id}": c for c in store.clusters(scope)}
    return issues | {f"run {run.run}": run for run in store.aging_runs(scope)}


def _listed(names: Sequence[str], number: int) -> str:
    return ", ".join(names) + (" …" if number > len(names) else "")


def _name(model: EmbeddingModel | None) -> str:
    return f"{model.model_id} ({model.dimensions} dimensions)" if model else "no model"
