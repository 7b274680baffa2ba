from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from typing_extensions import override

from engramia_cli import exits
from engramia_core import errors
from engramia_core.testing.builders import START
from engramia_core.testing.embeddings import HashEmbeddings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engramia_core.memory.embedding import Matrix
    from tests.cli.operator import Operator


def kinds(of: type[errors.EngramiaError]) -> set[type[errors.EngramiaError]]:
    """Every class of error below ``of``."""
    return {kind for direct in of.__subclasses__() for kind in {direct, *kinds(direct)}}


ON_PURPOSE = {kind for kind in kinds(errors.EngramiaError) if kind.__module__ == errors.__name__}


class Raising(HashEmbeddings):
    """A provider that raises what it was given."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self._error = error

    @override
    def embed(self, texts: Sequence[str]) -> Matrix:
        raise self._error


def made(kind: type[errors.EngramiaError]) -> errors.EngramiaError:
    if kind is errors.Busy:
        return errors.Busy("aging", owner="cron", since=START)
    return kind("it failed", hint="try again")


def test_every_error_has_an_exit_code() -> None:
    assert set(exits.BY_ERROR) == ON_PURPOSE
    own = {exits.DONE, exits.BUG, exits.PROBLEMS_FOUND, exits.INTERRUPTED, exits.READER_LEFT}
    assert own.isdisjoint(exits.BY_ERROR.values())


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (errors.InvalidInput, 2),
        (errors.NotFound, 3),
        (errors.Refused, 4),
        (errors.Busy, 4),
        (errors.Incomplete, 6),
    ],
)
def test_an_error_ends_with_its_code(
    kind: type[errors.EngramiaError], code: int, operator: Operator
) -> None:
    error = made(kind)
    operator.embeddings = Raising(error)
    hint = "hint: try again\n" if error.hint else ""
    assert operator.refused("recall", "x") == (code, f"error: {error.message}\n{hint}")


def test_a_system_that_does_not_answer_ends_with_5(operator: Operator) -> None:
    operator.embeddings = Raising(errors.Unavailable("it is down", hint="wait"))
    learn = ("learn", "Rotate logs", "--code", "-", "--score", "5")
    assert operator.refused(*learn) == (5, "error: it is down\nhint: wait\n")


def test_a_bug_leaves_its_traceback_in_a_file(
    operator: Operator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    operator.embeddings = Raising(ZeroDivisionError("so many \x1b[31mzeros"))
    code, said = operator.refused("recall", "x")
    assert code == 1
    error, hint = said.splitlines()
    assert error == "error: engramia has a bug: ZeroDivisionError: so many \\x1b[31mzeros"
    found = re.fullmatch(r"hint: the traceback is in (.+); please report it", hint)
    assert found is not None
    written = Path(found[1]).read_text(encoding="utf-8")
    assert written.startswith("Traceback (most recent call last):")
    assert "in embed" in written


def test_what_the_machine_refuses_is_no_bug(operator: Operator) -> None:
    operator.embeddings = Raising(PermissionError(13, "Permission denied", "model.onnx"))
    assert operator.refused("recall", "x") == (5, "error: model.onnx: Permission denied\n")


def test_an_interruption_is_said(operator: Operator) -> None:
    operator.embeddings = Raising(KeyboardInterrupt())
    assert operator.refused("recall", "x") == (130, "interrupted\n")


def test_a_message_cannot_steer_the_terminal(operator: Operator) -> None:
    operator.embeddings = Raising(errors.Refused("\x1b[2Jgone", hint="\x07ring"))
    assert operator.refused("recall", "x") == (4, "error: \\x1b[2Jgone\nhint: \\x07ring\n")
