from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from engramia_core import audit
from engramia_core.database.database import INSTALLATION
from engramia_core.errors import Unauthorized
from engramia_core.keys import ring
from engramia_core.keys.authenticate import authenticate
from engramia_core.keys.key import Grant, State
from engramia_core.keys.role import Role
from engramia_core.testing.builders import START, days
from tests.keys.steps import ME, found, make, recorded, why_rejected

if TYPE_CHECKING:
    from engramia_core.database.database import Database

GRANTS = {
    "all": Grant("all", Role.OWNER),
    "acme": Grant("acme", Role.ADMIN, "acme"),
    "web": Grant("web", Role.EDITOR, "acme", "web"),
    "web too": Grant("web too", Role.READER, "acme", "web", expires_at=days(1)),
    "other": Grant("other", Role.READER, "umbrella", "web"),
}


def test_the_keys_for_it_alone_are_revoked_each_with_a_record(database: Database) -> None:
    made = {name: make(database, grant) for name, grant in GRANTS.items()}
    ids = {name: new.key.key_id for name, new in made.items()}
    before = len(recorded(database))
    gone = ring.revoke_all(database, "acme", "web", now=days(2), actor=ME)
    assert gone == tuple(sorted([ids["web"], ids["web too"]]))
    assert recorded(database)[before:] == [("keys.revoked", key_id, "me@here") for key_id in gone]
    assert why_rejected(database, made["web"].secret, days(2)) == f"key {ids['web']} is revoked"
    states = {name: found(database, key_id, days(2)).state for name, key_id in ids.items()}
    assert {name for name, state in states.items() if state is State.REVOKED} == {"web", "web too"}
    assert ring.revoke_all(database, "acme", None, now=days(3), actor=ME) == (ids["acme"],)
    assert found(database, ids["web"], days(3)).revoked_at == days(2)
    assert ring.revoke_all(database, "acme", None, now=days(4), actor=ME) == ()
    assert len(recorded(database)) == before + 3
    for name in ("all", "other"):
        assert authenticate(database, made[name].secret, days(4)).key_id == ids[name]


def test_a_key_that_is_being_made_is_not_missed(database: Database) -> None:
    """Whoever makes one has the turn in the trail, which is waited for."""
    gone: list[tuple[str, ...]] = []
    grant = GRANTS["web"]

    def revoke() -> None:
        gone.append(ring.revoke_all(database, "acme", None, now=days(1), actor=ME))

    revoking = threading.Thread(target=revoke)
    with database.transaction() as connection:
        audit.take_turn(connection, INSTALLATION)
        revoking.start()
        revoking.join(0.5)
        assert revoking.is_alive()
    revoking.join()
    made = make(database, grant, START)
    assert gone == [()]
    revoke()
    assert gone[1] == (made.key.key_id,)
    try:
        authenticate(database, made.secret, days(1))
    except Unauthorized as error:
        assert error.reason == f"key {made.key.key_id} is revoked"  # noqa: PT017 -- both must be seen
    else:
        raise AssertionError
