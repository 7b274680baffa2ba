from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from engramia_core.errors import InvalidInput, NotFound, Refused
from engramia_core.keys import ring
from engramia_core.keys.authenticate import authenticate
from engramia_core.keys.key import AT_ONCE, Grant, State, Window
from engramia_core.keys.role import Role
from engramia_core.keys.rows import all_keys
from engramia_core.keys.secret import new_secret
from engramia_core.testing.builders import START, days
from tests.keys.steps import EDITOR, ME, dump, found, make, recorded, why_rejected

if TYPE_CHECKING:
    from engramia_core.database.database import Database

DAY = Window(timedelta(days=1))


def test_a_new_key_is_as_it_was_asked_for(database: Database) -> None:
    grant = Grant("agent", Role.EDITOR, "acme", "web", expires_at=days(90), max_patterns=500)
    made = make(database, grant)
    key = made.key
    assert (key.name, key.role, key.tenant_id, key.project_id) == ("agent", "editor", "acme", "web")
    assert (key.state, key.expires_at, key.max_patterns) == (State.ACTIVE, days(90), 500)
    assert (key.created_at, key.created_by, key.revoked_at) == (START, "me@here", None)
    (secret,) = key.secrets
    assert made.secret.endswith(secret.ending)
    assert (secret.created_at, secret.valid_until, secret.last_used_at) == (START, None, None)
    assert found(database, key.key_id, START) == key


def test_keys_are_listed_newest_first(database: Database) -> None:
    made = [make(database, now=days(n)).key for n in range(3)]
    with database.reading() as connection:
        assert all_keys(connection, days(3)) == tuple(reversed(made))


@pytest.mark.parametrize(
    ("grant", "said"),
    [
        (Grant("a", Role.ADMIN), "a key for every tenant is an owner's, not of role admin"),
        (Grant("a", Role.OWNER, "acme"), "an owner's key is for every tenant"),
        (Grant("a", Role.OWNER, None, "web"), "a key for a project needs a tenant"),
        (Grant("a", Role.READER, "a/b"), "tenant 'a/b' is not a valid name"),
        (Grant("a", Role.READER, "acme", ".."), "project '..' is not a valid name"),
        (Grant("", Role.READER, "acme"), "'' cannot be a key's name"),
        (Grant(" a", Role.READER, "acme"), "' a' cannot be a key's name"),
        (Grant("a\nb", Role.READER, "acme"), "'a\\nb' cannot be a key's name"),
        (Grant("\ud800", Role.READER, "acme"), "'\\ud800' cannot be a key's name"),
        (Grant("x" * 201, Role.READER, "acme"), "cannot be a key's name"),
        (Grant("a", Role.READER, "acme", expires_at=START), "2026-01-02 03:04 UTC is over"),
        (Grant("a", Role.READER, "acme", max_patterns=0), "max_patterns 0 is not from 1"),
        (Grant("a", Role.READER, "acme", max_patterns=2**31), "is not from 1 to 2,147,483,647"),
    ],
)
def test_a_grant_that_cannot_be_is_named(database: Database, grant: Grant, said: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        make(database, grant)
    assert said in caught.value.message
    assert recorded(database) == []


def test_a_secret_is_no_name_and_no_id(database: Database) -> None:
    secret = new_secret()
    for attempt in (
        lambda: make(database, Grant(f"my {secret}", Role.READER, "acme")),
        lambda: ring.revoke(database, secret, now=START, actor=ME),
        lambda: ring.rotate(database, secret, DAY, now=START, actor=ME),
        lambda: found(database, secret, START),
    ):
        with pytest.raises(InvalidInput) as caught:
            attempt()
        assert secret not in f"{caught.value.message}{caught.value.hint}"


@pytest.mark.parametrize("key_id", ["nope", "", "\x00", "0" * 26, "A" * 26, "0" * 27])
def test_an_id_that_nobody_has_is_named(database: Database, key_id: str) -> None:
    with pytest.raises(NotFound) as caught:
        ring.revoke(database, key_id, now=START, actor=ME)
    assert caught.value.message == f"there is no access key {key_id!r}"
    assert recorded(database) == []


def test_a_revoked_key_is_out_and_stays_on_the_list(database: Database) -> None:
    made = make(database)
    revoked = ring.revoke(database, made.key.key_id, now=days(1), actor=ME)
    assert (revoked.state, revoked.revoked_at) == (State.REVOKED, days(1))
    assert why_rejected(database, made.secret, days(1)) == f"key {revoked.key_id} is revoked"
    with pytest.raises(Refused, match=f"{revoked.key_id} is revoked since 2026-01-03 03:04 UTC"):
        ring.revoke(database, revoked.key_id, now=days(2), actor=ME)
    with pytest.raises(Refused, match="is revoked since"):
        ring.rotate(database, revoked.key_id, DAY, now=days(2), actor=ME)
    assert found(database, revoked.key_id, days(3)) == revoked


def test_an_expired_key_is_out_and_may_be_revoked_but_not_rotated(database: Database) -> None:
    made = make(database, Grant("a", Role.READER, "acme", expires_at=days(1)))
    key_id = made.key.key_id
    assert authenticate(database, made.secret, days(1) - timedelta(seconds=1)).key_id == key_id
    assert why_rejected(database, made.secret, days(1)) == f"key {key_id} is expired"
    assert found(database, key_id, days(1)).state is State.EXPIRED
    with pytest.raises(Refused, match="is expired since 2026-01-03"):
        ring.rotate(database, key_id, DAY, now=days(1), actor=ME)
    assert ring.revoke(database, key_id, now=days(2), actor=ME).state is State.REVOKED


def test_after_a_rotation_both_secrets_hold_until_the_window_ends(database: Database) -> None:
    old = make(database)
    new = ring.rotate(database, old.key.key_id, DAY, now=days(10), actor=ME)
    assert new.key.state is State.ROTATING
    assert [secret.valid_until for secret in new.key.secrets] == [days(11), None]
    just_before = days(11) - timedelta(microseconds=1)
    for secret in (old.secret, new.secret):
        assert authenticate(database, secret, just_before).key_id == old.key.key_id
    assert "this secret has ended" in why_rejected(database, old.secret, days(11))
    assert authenticate(database, new.secret, days(11)).key_id == old.key.key_id
    assert found(database, old.key.key_id, days(11)).state is State.ACTIVE


def test_a_secret_that_is_ending_keeps_its_end(database: Database) -> None:
    first = make(database)
    for day in (1, 1.5):
        ring.rotate(database, first.key.key_id, DAY, now=days(day), actor=ME)
    ends = [s.valid_until for s in found(database, first.key.key_id, days(1.5)).secrets]
    assert ends == [days(2), days(2.5), None]


def test_a_rotation_at_once_ends_every_older_secret(database: Database) -> None:
    first = make(database)
    second = ring.rotate(database, first.key.key_id, DAY, now=days(1), actor=ME)
    third = ring.rotate(database, first.key.key_id, AT_ONCE, now=days(1.1), actor=ME)
    assert third.key.state is State.ACTIVE
    behind = days(1.1) - timedelta(minutes=5)
    for secret in (first.secret, second.secret):
        for now in (days(1.1), days(2), behind):
            assert "this secret has ended" in why_rejected(database, secret, now)
    assert authenticate(database, third.secret, behind).key_id == first.key.key_id


def test_a_secret_holds_until_it_was_quiet_for_the_window(database: Database) -> None:
    old = make(database)
    hour = Window(timedelta(hours=1), is_quiet=True)
    new = ring.rotate(database, old.key.key_id, hour, now=START, actor=ME)
    now = START
    for _ in range(10):
        now += timedelta(minutes=59)
        assert authenticate(database, old.secret, now).key_id == old.key.key_id
    assert found(database, old.key.key_id, now).state is State.ROTATING
    now += timedelta(minutes=61)
    assert "this secret has ended" in why_rejected(database, old.secret, now)
    assert authenticate(database, new.secret, now).key_id == old.key.key_id


def test_a_use_that_was_not_noted_counts_for_the_quiet_time_too(database: Database) -> None:
    old = make(database)
    authenticate(database, old.secret, START)
    hour = Window(timedelta(hours=1), is_quiet=True)
    ring.rotate(database, old.key.key_id, hour, now=START, actor=ME)
    unnoted = START + timedelta(seconds=59)
    authenticate(database, old.secret, unnoted)
    assert found(database, old.key.key_id, unnoted).last_used_at == START
    last = unnoted + timedelta(hours=1)
    assert authenticate(database, old.secret, last).key_id == old.key.key_id


def test_a_secret_that_was_never_used_is_quiet_from_the_rotation_on(database: Database) -> None:
    old = make(database)
    hour = Window(timedelta(hours=1), is_quiet=True)
    ring.rotate(database, old.key.key_id, hour, now=days(30), actor=ME)
    assert authenticate(database, old.secret, days(30) + timedelta(minutes=60))


def test_every_change_is_recorded_and_no_secret_is_kept(database: Database) -> None:
    owner = ring.bootstrap(database, "root", now=START, actor=ME)
    made = make(database)
    rotated = ring.rotate(database, made.key.key_id, DAY, now=days(1), actor=ME)
    leaked = ring.rotate(database, made.key.key_id, AT_ONCE, now=days(1), actor=ME)
    ring.revoke(database, made.key.key_id, now=days(2), actor=ME)
    with pytest.raises(Refused):
        ring.revoke(database, made.key.key_id, now=days(2), actor=ME)
    assert recorded(database) == [
        ("keys.bootstrapped", owner.key.key_id, "me@here"),
        ("keys.created", made.key.key_id, "me@here"),
        ("keys.rotated", made.key.key_id, "me@here"),
        ("keys.rotated", made.key.key_id, "me@here"),
        ("keys.revoked", made.key.key_id, "me@here"),
    ]
    kept = dump(database)
    for new in (owner, made, rotated, leaked):
        assert new.secret not in kept
        assert new.secret[len("engramia_sk_") : -8] not in kept
        assert new.secret not in repr(new)


def test_a_change_that_fails_leaves_no_record(database: Database) -> None:
    make(database, EDITOR)
    ring.bootstrap(database, "root", now=START, actor=ME)
    before = dump(database)
    with pytest.raises(Refused, match="the first owner's key"):
        ring.bootstrap(database, "again", now=days(1), actor=ME)
    assert dump(database) == before
