from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.operator import Operator

GOLDEN = Path(__file__).parent / "golden"
CHANGES_EVERYWHERE = (
    (r"\d[\d.,]* GB", "N GB"),
    (r"SQLite [\d.]+", "SQLite N"),
    (r"schema \d+", "schema N"),
    (r"undo \w{26}", "undo RUN"),
)
SCREENS = {
    "recall": 'recall "parse CSV rows"',
    "recall_explain": 'recall "parse CSV rows" --explain',
    "recall_explain_filtered": 'recall "parse CSV rows" --explain --min-score 5',
    "recall_nothing": 'recall "paint walls"',
    "aging_plan": "aging --plan --max-prune-percent 50",
    "aging": "aging --max-prune-percent 50",
    "status": "status",
    "doctor": "doctor",
    "patterns_list": "patterns list",
    "patterns_show": "patterns show parse-csv",
    "config_show": "config show",
    "decay_plan": "decay --plan",
    "feedback": "feedback",
}


@pytest.mark.parametrize("name", SCREENS)
def test_the_screen_is_the_one_that_was_approved(name: str, operator: Operator) -> None:
    answer = operator.types(*shlex.split(SCREENS[name]))
    assert (answer.exit_code, answer.stderr) == (0, "")
    seen = answer.stdout.replace(str(operator.home), "HOME")
    for pattern, same in CHANGES_EVERYWHERE:
        seen = re.sub(pattern, same, seen)
    assert seen == (GOLDEN / f"{name}.txt").read_text(encoding="utf-8")
