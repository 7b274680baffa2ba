"""What the documents say is so: commands exist, links lead somewhere, snippets run, generated pages are fresh."""

import os
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from docs.generate import REFERENCE, main, stale_pages
from engramia_cli.app import app
from engramia_cli.tree import ENTRIES
from tests.docs.pages import PAGES, ROOT, anchors, blocks, commands, links, name_of

README = ROOT / "README.md"
PROGRAM_PAGES = [README, ROOT / "docs" / "howto" / "recall-in-a-program.md"]
EACH_PAGE = pytest.mark.parametrize("page", PAGES, ids=name_of)


def test_the_generated_pages_say_what_the_code_says() -> None:
    assert list(stale_pages(REFERENCE)) == []


def test_a_missing_page_is_stale(tmp_path: Path) -> None:
    assert "cli.md" in stale_pages(tmp_path)


def test_the_check_changes_nothing_and_passes_on_fresh_pages(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["--check"]) == 0
    assert capsys.readouterr() == ("", "")


@EACH_PAGE
def test_every_command_in_a_page_exists_with_its_options(page: Path) -> None:
    for arguments in commands(page):
        asked = CliRunner().invoke(app, [*arguments, "--help"])
        assert asked.exit_code == 0, f"engramia {' '.join(arguments)}: {asked.output}"


def test_a_command_that_does_not_exist_would_be_found() -> None:
    for arguments in (["forget"], ["recall", "x", "--loudly"], ["aging", "redo", "x"]):
        assert CliRunner().invoke(app, [*arguments, "--help"]).exit_code == 2


def test_commands_are_found_in_the_pages() -> None:
    found = [arguments for page in PAGES for arguments in commands(page)]
    assert {name for name in ENTRIES if [name] not in [a[:1] for a in found]} == set()


@EACH_PAGE
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    for link in links(page):
        target, _, anchor = link.partition("#")
        place = (page.parent / target).resolve() if target else page
        assert place.exists(), f"{link} is dead"
        assert not anchor or anchor in anchors(place), f"{link} names no heading"


def test_the_readme_names_every_command() -> None:
    rows = [line for line in README.read_text("utf-8").splitlines() if line.startswith("| `")]
    named = "\n".join(rows)
    assert [name for name in ENTRIES if f"`{name}" not in named] == []


@pytest.mark.parametrize("page", PROGRAM_PAGES, ids=name_of)
def test_the_snippets_of_a_page_run_one_after_the_other(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
    namespace: dict[str, object] = {"__name__": "snippet"}
    snippets = blocks(page, "python")
    assert snippets
    for snippet in snippets:
        exec(compile(snippet, name_of(page), "exec"), namespace)  # noqa: S102 -- our own page
    assert "adapt" in capsys.readouterr().out


@EACH_PAGE
def test_no_page_names_a_path_of_the_machine_it_was_written_on(page: Path) -> None:
    text = page.read_text("utf-8")
    assert [place for place in ("/tmp/", "/root/", "/work/") if place in text] == []  # noqa: S108
