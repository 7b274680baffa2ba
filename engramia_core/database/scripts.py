"""The revisions that this version's scripts know, and how one of them is applied, taken back, or read as SQL."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from engramia_core.database import revisions
from engramia_core.errors import NotFound, Refused

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Connection

EXPAND = "expand"
CONTRACT = "contract"
HEAD = "head"
BASE = "base"


@dataclass(frozen=True, slots=True)
class Revision:
    """A script: whether it expands or contracts the schema, and what it does in a sentence."""

    revision: str
    down_revision: str | None
    phase: str
    title: str


class Step(NamedTuple):
    """One revision to apply, or to take back."""

    revision: Revision
    is_upgrade: bool

    @property
    def ends_at(self) -> str:
        """The database's revision afterwards; ``base`` for none."""
        return self.revision.revision if self.is_upgrade else self.revision.down_revision or BASE


class Scripts:
    """The scripts of a directory, by default those of this version."""

    def __init__(self, directory: Path | None = None) -> None:
        self.directory = directory or revisions.scripts_directory()

    @cached_property
    def all(self) -> tuple[Revision, ...]:
        """Every revision, oldest first."""
        from alembic.script import ScriptDirectory

        walked = ScriptDirectory.from_config(revisions.config(scripts=self.directory))
        return tuple(
            Revision(
                script.revision,
                None if script.down_revision is None else str(script.down_revision),
                script.module.PHASE,
                (script.doc or "").splitlines()[0],
            )
            for script in reversed(list(walked.walk_revisions()))
        )

    @property
    def head(self) -> str:
        """The newest revision."""
        return self.all[-1].revision

    def knows(self, revision: str | None) -> bool:
        """Whether a database with this revision is one that these scripts can move."""
        return revision is None or revision in self._names

    def up(self, current: str | None, to: str = HEAD) -> tuple[Step, ...]:
        """The steps from ``current`` up to ``to``; none when it is there or beyond.

        ``NotFound`` for a revision that is none.
        """
        end = len(self.all) if to == HEAD else self._place_of(to)
        return tuple(Step(revision, True) for revision in self.all[self._place_of(current) : end])

    def down(self, current: str | None, to: str = "-1") -> tuple[Step, ...]:
        """The steps from ``current`` down to ``to`` (a revision, ``-1``, or ``base``).

        ``NotFound`` for a revision that is none, ``Refused`` for one that is not below.
        """
        start = self._place_of(current)
        if start == 0:
            raise Refused("the database has no revision to take back")
        end = start - 1 if to == "-1" else self._place_of(None if to == BASE else to)
        if end >= start:
            raise Refused(
                f"revision {to} is not below {current}, which the database has",
                hint="engramia migrate up" if end > start else "engramia migrate status",
            )
        return tuple(Step(revision, False) for revision in reversed(self.all[end:start]))

    def apply(self, connection: Connection, step: Step) -> None:
        """Take a step, in a transaction of its own."""
        from alembic import command

        move = command.upgrade if step.is_upgrade else command.downgrade
        move(revisions.config(connection, scripts=self.directory), step.ends_at)

    def sql(self, step: Step, dialect: str) -> tuple[str, ...]:
        """The statements of a step, as Alembic would write them into a script for the dialect.

        None for a step that first has to look at the database, which a script cannot.
        """
        from alembic.util import CommandError

        from alembic import command

        written = _Statements()
        how = revisions.config(scripts=self.directory)
        how.output_buffer = written  # type: ignore[assignment]
        how.attributes["dialect_name"] = dialect
        below = step.revision.down_revision or BASE
        here = step.revision.revision
        try:
            if step.is_upgrade:
                command.upgrade(how, f"{below}:{here}", sql=True)
            else:
                command.downgrade(how, f"{here}:{below}", sql=True)
        except CommandError:
            return ()
        return tuple(written.statements)

    @property
    def _names(self) -> list[str]:
        return [revision.revision for revision in self.all]

    def _place_of(self, revision: str | None) -> int:
        """How many revisions there are up to and with this one."""
        if revision is None:
            return 0
        if revision not in self._names:
            raise NotFound(
                f"there is no revision {revision!r}", hint=f"known are: {', '.join(self._names)}"
            )
        return self._names.index(revision) + 1


class _Statements:
    """Takes what Alembic writes: a statement at a time, among remarks and transactions."""

    def __init__(self) -> None:
        self.statements: list[str] = []

    def write(self, text: str) -> None:
        statement = text.strip().removesuffix(";").rstrip()
        if statement and not statement.startswith("--") and statement not in {"BEGIN", "COMMIT"}:
            self.statements.append(statement)

    def flush(self) -> None:
        """There is nothing to flush."""
