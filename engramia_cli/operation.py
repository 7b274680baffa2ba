"""What is around anything that changes something: a lock, a question, and two records in the audit trail."""

from __future__ import annotations

from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from engramia_cli.output import note
from engramia_core.errors import EngramiaError, Incomplete, Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from engramia_cli.context import CliContext
    from engramia_core.audit import Outcome
    from engramia_core.database.database import Database
    from engramia_core.scope import Scope


@dataclass
class Operation:
    """What is under way; ``result`` is what its last record will say of it."""

    result: str = ""


@contextmanager
def operation(
    context: CliContext,
    action: str,
    target: str | Scope,
    *,
    lock: str | None = None,
    ask: Callable[[], None] | None = None,
    trail: Database | None = None,
) -> Iterator[Operation]:
    """Ask, take the operators' lock of that name, and record that ``action`` started and how it ended.

    The records are in the installation's chain, of ``trail`` if another database than the context's is changed. Nothing
    runs when the first cannot be written; ``Incomplete`` says that it ran and the last one could not. A memory of files
    has no audit trail and no such locks, so there is neither.
    """
    running = Operation()
    if ask is not None:
        ask()
    if trail is None and not context.has_trail():
        yield running
        return
    record = partial(_record, trail or context.database, context, action, str(target))
    started = record(_outcome("STARTED"), "")
    try:
        with _locked(context, trail or context.database, lock):
            yield running
    except BaseException as error:
        _record_failure(record, started, error)
        raise
    detail = f"{_began(started)}{': ' if running.result else ''}{running.result}"
    try:
        record(_outcome("DONE"), detail)
    except EngramiaError as error:
        raise Incomplete(
            f"{action} of {target} was done, but its end could not be recorded: {error.message}",
            hint="engramia audit tail",
        ) from error


def _locked(
    context: CliContext, database: Database, name: str | None
) -> AbstractContextManager[None]:
    if name is None:
        return nullcontext()
    from engramia_core.library import this_process

    actor = context.actor
    owner = f"{actor.who}, {this_process()}"
    return database.alone(name, owner=owner, now=context.now(), reason=actor.reason)


def _record_failure(
    record: Callable[[Outcome, str], int], started: int, error: BaseException
) -> None:
    """Record how it failed; what cannot be recorded must not hide what failed."""
    from engramia_core.keys.secret import without_secrets

    outcome = _outcome("REFUSED" if isinstance(error, Refused) else "FAILED")
    said = error.message if isinstance(error, EngramiaError) else type(error).__name__
    try:
        record(outcome, f"{_began(started)}: {without_secrets(said)}")
    except EngramiaError as unrecorded:
        note(f"note: that it failed could not be recorded: {unrecorded.message}")


def _began(number: int) -> str:
    return f"began as {number:,}"


def _outcome(name: str) -> Outcome:
    from engramia_core.audit import Outcome

    return Outcome[name]


def _record(
    database: Database,
    context: CliContext,
    action: str,
    target: str,
    outcome: Outcome,
    detail: str,
) -> int:
    """Append to the installation's chain; the record's number."""
    from engramia_core.audit import Entry, append
    from engramia_core.database.database import INSTALLATION

    entry = Entry(context.now(), context.actor, action, target, outcome, detail)
    with database.transaction() as connection:
        return append(connection, INSTALLATION, entry)
