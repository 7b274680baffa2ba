from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.operator import Operator


@pytest.mark.parametrize(
    ("line", "message", "hint"),
    [
        ("recal x", "engramia has no command 'recal'", "did you mean: engramia recall"),
        ("xyzzy", "engramia has no command 'xyzzy'", "engramia --help"),
        (
            "patterns shw k",
            "engramia patterns has no command 'shw'",
            "did you mean: engramia patterns show",
        ),
        (
            "patterns",
            "engramia patterns needs a command: list, show, delete, restore, history",
            "engramia patterns --help",
        ),
        ("config", "engramia config needs a command: show", "engramia config --help"),
        ("recall", "TASK is missing", "engramia recall --help"),
        ("patterns show", "KEY is missing", "engramia patterns show --help"),
        ("refine k", "--score is missing", "engramia refine --help"),
        (
            "recall read a file",
            "there is too much: a file",
            "put quotes around a text of several words; engramia recall --help",
        ),
        (
            "recall x --min-scor 3",
            "there is no option --min-scor",
            "did you mean --min-score? engramia recall --help",
        ),
        (
            "--pth x status",
            "there is no option --pth",
            "did you mean --path? engramia --help",
        ),
        ("recall x --xyzzy", "there is no option --xyzzy", "engramia recall --help"),
        ("recall x --limit", "option '--limit' requires an argument", "engramia recall --help"),
        ("status --output", "option '--output' requires an argument", "engramia status --help"),
        ("aging --plan=1", "option '--plan' does not take a value", "engramia aging --help"),
        ("recall x --limit many", "--limit many is not a whole number", "engramia recall --help"),
        ("refine k --score good", "--score good is not a number", "engramia refine --help"),
        ("feedback --limit 0", "--limit 0 is less than 1", "engramia feedback --help"),
        (
            "aging --max-prune-percent 101",
            "--max-prune-percent 101 is more than 100",
            "engramia aging --help",
        ),
        (
            "recall x --classification secret",
            "--classification 'secret' is not one of 'public', 'internal', 'confidential'",
            "engramia recall --help",
        ),
        (
            "recall x --source web",
            "--source 'web' is not one of 'api', 'sdk', 'cli', 'import'",
            "engramia recall --help",
        ),
        (
            "status --output xml",
            "--output 'xml' is not one of 'table', 'json'",
            "engramia status --help",
        ),
        (
            "import - --on-conflict merge",
            "--on-conflict 'merge' is not one of 'skip', 'overwrite', 'new-key', 'fail'",
            "engramia import --help",
        ),
        ("status --path=", "--path is empty", "leave it out, or say which"),
        (
            "status --storage mysql",
            "storage 'mysql' is not known",
            "choose one of: auto, sqlite, json, postgres",
        ),
        (
            "status --embeddings word2vec",
            "embeddings 'word2vec' are not known",
            "choose one of: minilm, openai, none",
        ),
        (
            "status --tenant ../x",
            "tenant '../x' is not a valid name",
            "use 1 to 64 letters, digits, '_', '-' or single '.', a letter or digit first",
        ),
    ],
)
def test_wrong_usage_is_named_with_the_next_thing_to_type(
    line: str, message: str, hint: str, operator: Operator
) -> None:
    assert operator.refused(*line.split()) == (2, f"error: {message}\nhint: {hint}\n")


def test_a_hint_carries_the_flags_that_lead_to_the_same_memory(operator: Operator) -> None:
    flags = ("--path", "./engramia_data", "--tenant", "acme")
    _, said = operator.refused(*flags, "patterns", "show", "k")
    assert said.endswith(
        "hint: list the keys: engramia --path ./engramia_data --tenant acme patterns list\n"
    )


def test_a_hint_quotes_what_a_shell_would_split(operator: Operator) -> None:
    operator.done("init", "--path", "my memory")
    _, said = operator.refused("--path", "my memory", "patterns", "show", "k")
    assert "engramia --path 'my memory' patterns list" in said


def test_options_go_before_or_after_the_command(operator: Operator) -> None:
    after = operator.types("patterns", "list", "--output", "json")
    between = operator.types("patterns", "--output", "json", "list")
    before = operator.types("--output", "json", "patterns", "list")
    assert before == between == after
    assert before.exit_code == 0


@pytest.mark.parametrize("task", ["[/b] [red]bold", "--", "-x", "日本語 👩‍🚀", "%s {0}", "\\"])
def test_a_task_may_be_any_text(task: str, operator: Operator) -> None:
    learn = ("learn", "--code", "-", "--score", "9", "--on-duplicate", "keep-both")
    operator.done(*learn, "--", task, stdin=task)
    assert f"  {task}\n" in operator.done("patterns", "list")
    assert f"\n      {task}\n" in operator.done("recall", "--all", "--", task)


def test_version_is_shown_wherever_it_is_asked_for(operator: Operator) -> None:
    assert operator.done("--version").startswith("engramia ")
    assert operator.done("--path", "nowhere", "--version") == operator.done("--version")
