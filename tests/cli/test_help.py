from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from typer.main import get_command

from engramia_cli.app import app
from engramia_cli.help import COMMON
from engramia_cli.options import common_parameters
from engramia_cli.tree import ENTRIES, help_page
from engramia_core.keys.role import Role
from engramia_core.memory.duplicates import OnDuplicate
from engramia_core.memory.pattern import Classification, Source
from engramia_core.memory.transfer import OnConflict
from engramia_core.settings import KNOWN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cli.operator import Operator

ROOT: Any = get_command(app)


def lines_of_commands() -> Iterator[tuple[str, ...]]:
    """Every command and every command of a group, as typed."""
    for name in ENTRIES:
        command = ROOT.get_command(None, name)
        yield (name,)
        yield from ((name, under) for under in getattr(command, "commands", ()))


COMMANDS = tuple(lines_of_commands())


def command_at(line: tuple[str, ...]) -> Any:  # noqa: ANN401 -- Typer's own command
    command = ROOT
    for name in line:
        command = command.get_command(None, name)
    return command


@pytest.fixture(autouse=True)
def _wide_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")


def test_the_first_page_says_of_each_command_what_its_own_page_says() -> None:
    promises = {name: ROOT.get_command(None, name).help.split("\n")[0] for name in ENTRIES}
    assert {name: entry.summary for name, entry in ENTRIES.items()} == promises
    for name, promise in promises.items():
        assert re.search(rf"^  {name} +{re.escape(promise)}$", help_page(), re.MULTILINE)


def test_the_common_options_that_are_shown_are_those_that_exist() -> None:
    declared = [(f"{p.opts[0]} {p.metavar}", p.name) for p in common_parameters()]
    assert [name for name, _ in COMMON] == [name for name, _ in sorted_as_shown(declared)]
    settings = {setting.name: setting for setting in KNOWN}
    for (_, text), (_, name) in zip(COMMON, sorted_as_shown(declared), strict=True):
        if name in settings:
            assert f"[{settings[name].variable}; {settings[name].default}]" in text


def sorted_as_shown(declared: list[tuple[str, str]]) -> list[tuple[str, str]]:
    shown = [name for name, _ in COMMON]
    return sorted(declared, key=lambda row: shown.index(row[0]))


def test_the_first_page_lists_every_option_of_the_root() -> None:
    for parameter in ROOT.params:
        assert f"  {parameter.opts[0]}" in help_page()


@pytest.mark.parametrize("line", COMMANDS, ids=" ".join)
def test_a_help_page_has_all_there_is_to_know(line: tuple[str, ...], newcomer: Operator) -> None:
    page = newcomer.done(*line, "--help")
    assert newcomer.done(*line, "-h") == page
    first, _, promise, *_ = page.splitlines()
    assert first.startswith(f"Usage: engramia {' '.join(line)} [OPTIONS]")
    assert re.fullmatch(r"  [A-Z][^.]+\.", promise)
    assert f"\n  engramia {' '.join(line)}" in page, "an example"
    for parameter in command_at(line).params:
        assert (parameter.opts[0] if parameter.opts[0][0] == "-" else parameter.metavar) in page
    assert not re.search(r"[<{](?!\")|range>|None|\[env", page)
    for variable in ("DATA_PATH", "STORAGE", "EMBEDDINGS", "TENANT", "PROJECT"):
        assert f"[ENGRAMIA_{variable}" in page


@pytest.mark.parametrize("columns", [40, 80, 200])
@pytest.mark.parametrize("line", COMMANDS, ids=" ".join)
def test_a_help_page_fits_the_terminal(
    line: tuple[str, ...], columns: int, newcomer: Operator
) -> None:
    newcomer.columns = columns
    _usage, *page = newcomer.done(*line, "--help").splitlines()
    prose = [text for text in page if not text.startswith("  engramia ")]
    assert max(map(len, page)) <= 100
    assert max(map(len, prose)) <= min(columns, 100)


@pytest.mark.parametrize(
    ("line", "choices"),
    [
        ("learn", [*Classification, *OnDuplicate]),
        ("recall", [*Classification, *Source]),
        ("import", list(OnConflict)),
        ("keys create", list(Role)),
    ],
)
def test_every_choice_is_named(line: str, choices: list[str], newcomer: Operator) -> None:
    page = newcomer.done(*line.split(), "--help")
    assert [choice for choice in choices if choice not in page] == []


def test_the_choices_of_a_conflict_are_all_taken(operator: Operator) -> None:
    exported = operator.done("export")
    for choice in OnConflict:
        operator.done("import", "-", "--on-conflict", choice, "--plan", stdin=exported)
