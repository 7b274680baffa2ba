"""A secret of an access key that was typed where none belongs is repeated by no error."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from engramia_core.keys.secret import PREFIX, without_secrets
from engramia_core.testing.embeddings import HashEmbeddings
from tests.cli.key_steps import NO_ID

if TYPE_CHECKING:
    from tests.cli.operator import Operator

SECRET = PREFIX + "Z9y" * 16 + "x"
CUT = SECRET[:30]
TYPED = {"whole": SECRET, "cut off": CUT, "with a hyphen": f"{CUT}-{CUT}"}
LEARN = ("--code", "-", "--score", "9")


@pytest.mark.parametrize("secret", TYPED.values(), ids=TYPED)
@pytest.mark.parametrize(
    "line",
    [
        ("{}",),
        ("--{}",),
        ("--{}=1", "status"),
        ("keys", "{}"),
        ("keys", "show", NO_ID, "{}"),
        ("keys", "show", "{}"),
        ("keys", "revoke", "x{}", "--yes"),
        ("keys", "rotate", "{}"),
        ("keys", "rotate", NO_ID, "--overlap", "{}"),
        ("keys", "create", "--name", "{}", "--role", "reader"),
        ("keys", "create", "--name", "a", "--role", "{}"),
        ("keys", "create", "--name", "a", "--role", "reader", "--max-patterns", "{}"),
        ("keys", "create", "--name", "a", "--role", "reader", "--expires", "{}"),
        ("keys", "bootstrap", "--secret-file", "{}/x"),
        ("patterns", "show", "{}"),
        ("patterns", "delete", "{}", "--yes"),
        ("recall", "x", "{}"),
        ("recall", "x", "--limit", "{}"),
        ("status", "--output", "{}"),
        ("status", "--storage", "{}"),
        ("status", "--embeddings", "{}"),
        ("status", "--path", "{}"),
        ("status", "--tenant", "{}/"),
        ("learn", "x", "--code", "{}", "--score", "9"),
        ("import", "{}"),
        ("aging", "undo", "{}"),
        ("audit", "list", "--since", "{}"),
        ("tenants", "delete", "{}", "--yes"),
        ("migrate", "up", "--to", "{}"),
        ("db", "vacuum", "--table", "{}"),
        ("copy", "--to-url-file", "{}"),
        ("copy", "--to", "postgresql://{}@localhost:1/x", "--plan"),
    ],
    ids=" ".join,
)
def test_no_error_repeats_a_secret(line: tuple[str, ...], secret: str, operator: Operator) -> None:
    code, said = operator.refused(*(part.format(secret) for part in line))
    assert code in {2, 3, 4, 5}
    assert CUT not in said
    assert said.startswith("error: ")


def test_the_rest_of_an_error_is_as_it_was(operator: Operator) -> None:
    assert operator.refused("keys", "show", NO_ID, SECRET) == (
        2,
        "error: there is too much: engramia_sk_…\nhint: put quotes around a text of several words; engramia keys show --help\n",
    )
    assert operator.refused("patterns", "show", SECRET)[1].startswith(
        "error: there is no pattern 'engramia_sk_…'"
    )


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("that does not begin with engramia_sk_", "that does not begin with engramia_sk_"),
        (f"{SECRET}", "engramia_sk_…"),
        (f"a {SECRET} b", "a engramia_sk_… b"),
        (f"'{SECRET}': 'x'", "'engramia_sk_…': 'x'"),
        (f"{SECRET}\n{SECRET}", "engramia_sk_…\nengramia_sk_…"),
        (f"my{CUT}", "myengramia_sk_…"),
        ("engramia has no secret", "engramia has no secret"),
    ],
)
def test_a_text_is_freed_of_secrets(text: str, shown: str) -> None:
    assert without_secrets(text) == shown


class BrokenEmbeddings(HashEmbeddings):
    """A bug that has a text of ours in its message."""

    def embed(self, texts: Any) -> Any:  # noqa: ANN401 -- as the base class has it
        raise ValueError(texts)


def test_the_report_of_a_bug_holds_no_secret(operator: Operator) -> None:
    operator.embeddings = BrokenEmbeddings()
    code, said = operator.refused("recall", f"who has {SECRET}")
    assert code == 1
    assert CUT not in said
    written = Path(said.partition("the traceback is in ")[2].partition(";")[0])
    assert "ValueError" in written.read_text()
    assert CUT not in written.read_text()
    written.unlink()


def test_the_record_of_a_failure_holds_no_secret(operator: Operator) -> None:
    operator.done("tenants", "create", SECRET)
    operator.refused("tenants", "create", SECRET)
    (record, *_) = operator.json("audit", "list", "--action", "tenants")["records"]
    assert record["outcome"] == "refused"
    assert record["detail"].endswith("there is a tenant 'engramia_sk_…' already")


def test_what_is_remembered_is_data(operator: Operator) -> None:
    operator.done("learn", f"log in with {SECRET}", *LEARN, stdin="login()")
    tasks = [pattern["task"] for pattern in operator.json("patterns", "list")["patterns"]]
    assert f"log in with {SECRET}" in tasks
