from __future__ import annotations

import logging
import re
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from engramia_core.keys.secret import new_secret
from tests.cli.key_steps import CREATE, NO_ID, created, lets_in, stored

if TYPE_CHECKING:
    from tests.cli.operator import Operator


def test_a_key_is_shown_with_its_secrets(operator: Operator) -> None:
    key, secret = created(operator, "--max-patterns", "1000")
    assert lets_in(operator, secret)
    operator.types("keys", "rotate", key, "--until-unused")
    shown = operator.done("keys", "show", key).splitlines()
    assert "state         rotating" in shown
    assert "max patterns  1,000" in shown
    (old,) = [line for line in shown if line.startswith(f"…{secret[-4:]}")]
    assert old.endswith("2026-01-03 03:04  2026-01-03 04:05 unless used")
    assert operator.json("keys", "show", key)["state"] == "rotating"


@pytest.mark.parametrize(
    ("options", "said", "end_s"),
    [
        ((), "the old secret ends on 2026-01-04 03:04 UTC", 86_400),
        (("--overlap", "30m"), "the old secret ends on 2026-01-03 03:34 UTC", 1_800),
        (("--until-unused",), "the old secret ends when it was not used for 1h", 3_660),
        (
            ("--until-unused", "--quiet", "2w"),
            "the old secret ends when it was not used for 2w",
            14 * 86_400 + 60,
        ),
        (("--now", "--yes"), "every old secret has ended", 0),
    ],
)
def test_a_rotation_gives_a_new_secret_and_ends_the_old(
    options: tuple[str, ...], said: str, end_s: int, operator: Operator
) -> None:
    key, old = created(operator)
    answer = operator.types("keys", "rotate", key, *options)
    assert answer.exit_code == 0
    new = answer.stdout.removesuffix("\n")
    assert answer.stderr.splitlines()[0] == (
        f"note: rotated key {key} (web, editor of acme/default); {said}"
    )
    end = operator.now + timedelta(seconds=end_s)
    if end_s:
        operator.now = end - timedelta(seconds=1)
        assert operator.json("keys", "show", key)["state"] == "rotating"
    operator.now = end
    assert not lets_in(operator, old)
    assert lets_in(operator, new)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--now", "--overlap", "1h"), "of --overlap, --now and --until-unused only one can be"),
        (("--now", "--until-unused"), "of --overlap, --now and --until-unused only one can be"),
        (("--quiet", "1h"), "--quiet is for --until-unused"),
        (("--overlap", "1 day"), "--overlap '1 day' is not a duration"),
        (("--until-unused", "--quiet", "0s"), "--quiet '0s' is not between"),
    ],
)
def test_a_wrong_window_is_named(options: tuple[str, ...], said: str, operator: Operator) -> None:
    key, old = created(operator)
    code, told = operator.refused("keys", "rotate", key, *options)
    assert code == 2
    assert told.startswith(f"error: {said}")
    assert len(operator.json("keys", "show", key)["secrets"]) == 1
    assert lets_in(operator, old)


@pytest.mark.parametrize("command", [("rotate", "--now"), ("revoke",)])
def test_what_ends_a_secret_at_once_needs_a_yes(
    command: tuple[str, ...], operator: Operator
) -> None:
    key, secret = created(operator)
    assert operator.refused("keys", command[0], key, *command[1:]) == (
        4,
        "error: this needs a confirmation, and there is no terminal to ask\nhint: add --yes\n",
    )
    assert lets_in(operator, secret)


def test_a_revoked_key_is_out(operator: Operator) -> None:
    key, secret = created(operator)
    assert operator.done("keys", "revoke", key, "--yes") == (
        f"revoked key {key} (web, editor of acme/default); the next request with it is rejected\n"
    )
    assert not lets_in(operator, secret)
    code, said = operator.refused("keys", "revoke", key, "--yes")
    assert code == 4
    assert said.startswith(f"error: access key {key} is revoked since 2026-01-03 03:04 UTC\n")
    other, _ = created(operator)
    assert operator.json("keys", "revoke", other, "-y")["state"] == "revoked"


@pytest.mark.parametrize("command", ["show", "rotate", "revoke"])
def test_a_mistyped_id_is_named_but_a_secret_is_not_repeated(
    command: str, operator: Operator
) -> None:
    assert operator.refused("keys", command, NO_ID) == (
        3,
        f"error: there is no access key '{NO_ID}'\nhint: engramia keys list --all\n",
    )
    secret = new_secret()
    code, said = operator.refused("keys", command, secret)
    assert code == 2
    assert said.startswith("error: that is a secret, not the id of a key\nhint: ")
    assert secret not in said


def test_the_audit_ends_with_7_when_something_is_found(operator: Operator) -> None:
    key, secret = created(operator, "--expires", "100d")
    assert lets_in(operator, secret)
    assert operator.done("keys", "audit") == "1 live key, 0 findings\n"
    operator.now += timedelta(days=91)
    answer = operator.types("keys", "audit")
    assert (answer.exit_code, answer.stderr) == (7, "")
    assert answer.stdout.splitlines() == [
        f"stale        {key} (web)",
        "             not used for 91 days",
        f"             engramia keys revoke {key}",
        f"expiring     {key} (web)",
        "             expires on 2026-04-13 03:04 UTC; a rotation does not change that",
        "             engramia keys create --name NAME --role editor",
        "1 live key, 2 findings",
    ]
    document = operator.types("keys", "audit", "--output", "json")
    assert document.exit_code == 7
    assert [concern.keys() for concern in document.json] == [
        {"key_id", "name", "check", "text", "remedy"}
    ] * 2


def test_no_secret_is_anywhere_but_where_it_was_handed_over(
    operator: Operator, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("sqlalchemy.engine").setLevel(logging.DEBUG)
    said, secrets = "", set()
    try:
        operator.done("init")
        bootstrap = operator.types("keys", "bootstrap")
        key = re.search(r"made key (\w+)", bootstrap.stderr)
        assert key is not None
        rotated = operator.types("keys", "rotate", key[1])
        leaked = operator.types("keys", "rotate", key[1], "--now", "--yes")
        for answer in (bootstrap, rotated, leaked):
            secrets.add(answer.stdout.strip())
            said += answer.stderr
        operator.types(*CREATE, "--secret-file", "web.key")
        secrets.add((operator.home / "web.key").read_text().strip())
        for command in (("list", "--all"), ("show", key[1]), ("audit",)):
            for output in ("table", "json"):
                answer = operator.types("keys", *command, "--output", output)
                said += answer.stdout + answer.stderr
    finally:
        logging.getLogger("sqlalchemy.engine").setLevel(logging.NOTSET)
    assert len(secrets) == 4
    assert "INSERT INTO engramia_key_secrets" in caplog.text
    kept = stored(operator)
    assert b"keys.rotated" in kept
    for secret in secrets:
        heart = secret[len("engramia_sk_") : -8]
        assert heart not in said
        assert heart not in caplog.text
        assert heart.encode() not in kept
