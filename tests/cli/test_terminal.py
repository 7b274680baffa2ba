from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from engramia_cli.terminal import age, counted, facts, one_line, printable, table
from engramia_core.testing.builders import START

if TYPE_CHECKING:
    from tests.cli.operator import Operator

KEY = "06h0jhcrop9o173958r0d0lmtg"
LONG = "Parse text with a header row into dictionaries and convert numbers on the way to them"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain ä 日本 👩‍🚀 {x} [/b]", "plain ä 日本 👩‍🚀 {x} [/b]"),
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("bell\x07 back\x08 del\x7f nul\x00", "bell\\x07 back\\x08 del\\x7f nul\\x00"),
        ("csi\x9b31m", "csi\\x9b31m"),
        ("reversed\u202eetxe", "reversed\\u202eetxe"),
        ("lone\udcff", "lone\\udcff"),
        ("dos\r\nlines\rover", "dos\nlines\\rover"),
        ("tab\tand\nline", "tab\tand\nline"),
    ],
)
def test_nothing_printed_can_steer_the_terminal(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_a_text_becomes_one_line_of_the_cells_there_are() -> None:
    assert one_line("  two\n\n lines\t of it ") == "two lines of it"
    assert one_line("abcdefgh", 8) == "abcdefgh"
    assert one_line("abcdefghi", 8) == "abcdefg…"
    assert one_line("日本語日本語", 8) == "日本語…"


@pytest.mark.parametrize(
    ("columns", "line"),
    [(40, f"{KEY}  Parse text with a h…"), (80, f"{KEY}  {LONG[:50]}…"), (200, f"{KEY}  {LONG}")],
)
def test_a_table_fits_the_terminal_and_never_cuts_a_key(
    columns: int,
    line: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    table(("key", "task"), [(KEY, LONG), ("k", "short")])
    assert capsys.readouterr().out.splitlines() == [
        f"{'key':<26}  task",
        line,
        f"{'k':<26}  short",
    ]


def test_wide_signs_count_twice(capsys: pytest.CaptureFixture[str]) -> None:
    table(("a", "b"), [("日本", "x"), ("abcd", "y")])
    assert capsys.readouterr().out == "a     b\n日本  x\nabcd  y\n"


def test_no_line_ends_in_white_space(capsys: pytest.CaptureFixture[str]) -> None:
    table(("key", "detail"), [("k", ""), ("kk", "x")])
    facts([("name", ""), ("longer name", "value")])
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line != line.rstrip()] == []


@pytest.mark.parametrize(
    ("hours", "shown"), [(-1, "today"), (23, "today"), (25, "1 d"), (24 * 400, "400 d")]
)
def test_an_age_is_in_days(hours: int, shown: str) -> None:
    assert age(START, START + timedelta(hours=hours)) == shown


def test_one_is_singular() -> None:
    assert [counted(n, "line") for n in (0, 1, 1_200)] == ["0 lines", "1 line", "1,200 lines"]


def test_a_hostile_memory_is_shown_as_text(operator: Operator) -> None:
    hostile = "\x1b]0;owned\x07 \x1b[2J"
    operator.done("learn", f"Clear {hostile}", "--code", "-", "--score", "9", stdin=hostile)
    for command in (("patterns", "list"), ("recall", "clear", "--all", "--explain")):
        answer = operator.types(*command)
        assert answer.exit_code == 0
        assert "\\x1b]0;owned\\x07" in answer.stdout
        assert "\x1b" not in answer.stdout + answer.stderr


def test_ten_thousand_characters_are_shown_in_a_line(operator: Operator) -> None:
    task = "word " * 1_999 + "words"
    operator.done("learn", task, "--code", "-", "--score", "9", stdin="x")
    assert max(map(len, operator.done("patterns", "list").splitlines())) <= operator.columns
    assert max(map(len, operator.done("recall", "word").splitlines())) <= operator.columns
    listed = operator.json("patterns", "list")["patterns"]
    assert task in {pattern["task"] for pattern in listed}
