from __future__ import annotations

import stat
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from engramia_core.keys.secret import SECRET, check_secret
from engramia_core.stores.databases import SQLiteDatabase
from tests.cli.key_steps import CREATE, NO_ID, created, lets_in

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.operator import Operator


def test_a_secret_is_alone_on_stdout(operator: Operator) -> None:
    answer = operator.types(*CREATE)
    assert answer.exit_code == 0
    secret = answer.stdout.removesuffix("\n")
    assert check_secret(secret) == secret
    (key,) = operator.json("keys", "list")
    assert answer.stderr.splitlines() == [
        f"note: made key {key['key_id']} (web, editor of acme/default)",
        "note: its secret is shown this once:",
    ]
    assert lets_in(operator, secret)


def test_a_new_key_is_a_document_too(operator: Operator) -> None:
    answer = operator.types(*CREATE, "--expires", "90d", "--max-patterns", "9", "--output", "json")
    document = answer.json
    assert document.keys() == {"key", "secret", "secret_file"}
    assert SECRET.fullmatch(document["secret"])
    key = document["key"]
    assert key.keys() == {
        *("key_id", "name", "role", "tenant_id", "project_id", "state", "created_at", "created_by"),
        *("expires_at", "revoked_at", "max_patterns", "last_used_at", "secrets"),
    }
    assert (key["expires_at"][:10], key["max_patterns"]) == ("2026-04-03", 9)
    assert [secret.keys() for secret in key["secrets"]] == [
        {"ending", "created_at", "valid_until", "quiet_s", "last_used_at"}
    ]
    assert document["secret"] not in answer.stderr


def test_a_secret_is_written_to_a_file_for_its_owner_only(operator: Operator) -> None:
    answer = operator.types(*CREATE, "--secret-file", "web.key")
    path = operator.home / "web.key"
    secret = path.read_text().removesuffix("\n")
    assert lets_in(operator, secret)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    (key,) = operator.json("keys", "list")
    assert answer.stdout == f"{key['key_id']}\n"
    assert secret not in answer.stderr
    document = operator.json(*CREATE, "--secret-file", "other.key")
    assert (document["secret"], document["secret_file"]) == (None, "other.key")


@pytest.mark.parametrize("is_link", [False, True])
def test_a_file_that_is_there_is_left_alone(operator: Operator, *, is_link: bool) -> None:
    path = operator.home / "web.key"
    if is_link:
        path.symlink_to("nowhere")
    else:
        path.write_text("mine")
    said = "error: 'web.key' exists already\nhint: name a new file\n"
    assert operator.refused(*CREATE, "--secret-file", "web.key") == (4, said)
    assert is_link or path.read_text() == "mine"
    assert operator.json("keys", "list") == []


def test_a_file_is_gone_when_no_key_was_made(operator: Operator) -> None:
    assert operator.refused(*CREATE, "--path", "no", "--secret-file", "web.key")[0] == 3
    refused = ("keys", "rotate", NO_ID, "--secret-file", "web.key")
    assert operator.refused(*refused)[0] == 3
    operator.types("keys", "bootstrap")
    assert operator.refused("keys", "bootstrap", "--secret-file", "web.key")[0] == 4
    assert not (operator.home / "web.key").exists()
    code, said = operator.refused(*CREATE, "--secret-file", "no/web.key")
    assert (code, said) == (5, "error: 'no/web.key' cannot be made: No such file or directory\n")


def test_the_first_owner_is_made_once(operator: Operator) -> None:
    first = operator.json("keys", "bootstrap", "--name", "root")
    key = first["key"]
    assert (key["name"], key["role"], key["tenant_id"], key["project_id"]) == (
        *("root", "owner"),
        *(None, None),
    )
    assert lets_in(operator, first["secret"])
    code, said = operator.refused("keys", "bootstrap")
    assert (code, said.splitlines()) == (
        4,
        [
            f"error: the first owner's key, {key['key_id']}, was made by {key['created_by']} on 2026-01-03 03:04 UTC",
            "hint: make another: engramia keys create --role owner --all-tenants --name NAME",
        ],
    )


@pytest.mark.parametrize(
    ("options", "reach"),
    [
        ((), ("acme", "default")),
        (("--project", "api"), ("acme", "api")),
        (("--all-projects",), ("acme", None)),
        (("--role", "owner", "--all-tenants"), (None, None)),
    ],
)
def test_a_key_reaches_what_was_said(
    options: tuple[str, ...], reach: tuple[str | None, str | None], operator: Operator
) -> None:
    key = operator.json(*CREATE, *options)["key"]
    assert (key["tenant_id"], key["project_id"]) == reach


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--all-tenants",), "a key for every tenant is an owner's, not of role editor"),
        (("--role", "owner"), "an owner's key is for every tenant"),
        (("--role", "root"), "--role "),
        (("--expires", "soon"), "--expires 'soon' is not a duration"),
        (("--expires", "0d"), "--expires '0d' is not between 1s and 36500d"),
        (("--max-patterns", "0"), "--max-patterns 0 is less than 1"),
        (("--name", ""), "'' cannot be a key's name"),
        (("--tenant", "a/b"), "tenant 'a/b' is not a valid name"),
    ],
)
def test_a_wrong_wish_is_named(options: tuple[str, ...], said: str, operator: Operator) -> None:
    code, told = operator.refused(*CREATE, *options)
    assert code == 2
    assert told.startswith(f"error: {said}")
    assert "\nhint: " in told or "--max" in said
    assert operator.json("keys", "list") == []


def test_the_list_shows_what_reaches_a_scope(operator: Operator) -> None:
    web, _ = created(operator)
    tenant, _ = created(operator, "--all-projects")
    other, _ = created(operator, "--tenant", "umbrella")
    owner = operator.json("keys", "bootstrap")["key"]["key_id"]
    operator.done("keys", "revoke", other, "--yes")

    def listed(*options: str) -> set[str]:
        return {key["key_id"] for key in operator.json("keys", "list", *options)}

    assert listed() == {web, tenant, owner}
    assert listed("--all") == {web, tenant, owner, other}
    assert listed("--tenant", "umbrella") == {owner}
    assert listed("--tenant", "acme", "--project", "api") == {tenant, owner}
    operator.columns = 140
    lines = [line.split() for line in operator.done("keys", "list").splitlines()]
    assert lines[0][:4] == ["id", "role", "for", "state"]
    assert [tenant, "editor", "acme/*", "active", "never", "never", "web"] in lines


def test_a_memory_of_files_has_no_keys(newcomer: Operator) -> None:
    newcomer.done("init", "--storage", "json")
    code, said = newcomer.refused("keys", "bootstrap")
    assert code == 4
    assert said.startswith(
        "error: the memory in 'engramia_data' is json, which keeps patterns only"
    )


def test_a_file_that_cannot_be_written_says_what_to_do(operator: Operator, tmp_path: Path) -> None:
    """A full disk, after the key was made."""
    from engramia_cli.handover import SecretPlace
    from engramia_core.errors import Incomplete
    from engramia_core.keys import ring
    from engramia_core.keys.key import Grant
    from engramia_core.keys.role import Role
    from tests.keys.steps import ME

    with closing(SQLiteDatabase(operator.home / "engramia_data")) as database:
        grant = Grant("web", Role.READER, "acme")
        new = ring.create(database, grant, now=operator.now, actor=ME)
    with open("/dev/full", "w") as full, pytest.raises(Incomplete) as caught:  # noqa: PTH123 -- a device
        SecretPlace(tmp_path / "web.key", full.fileno()).hand_over(None, new, "made")
    assert new.key.key_id in caught.value.message
    assert caught.value.hint == f"engramia keys rotate {new.key.key_id} --now"
