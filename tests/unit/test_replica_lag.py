"""How far a replica is behind: a rule over places in the WAL and the moments the primary was there."""

from __future__ import annotations

import math

import pytest

from engramia_core.errors import InvalidInput
from engramia_core.installation import server
from engramia_core.settings import load_settings
from engramia_core.stores.postgres_lag import Lag, Position

IDENTITY = (1, 2)


@pytest.mark.parametrize(
    ("replayed", "since_s", "lag_s"),
    [
        (300, 3_600.0, 0.0),  # all there is; the primary is idle
        (400, None, 0.0),  # it went on since the primary was asked
        (250, 0.1, 10.0),  # what the primary had ten seconds ago
        (299, None, 10.0),
        (100, 0.1, 20.0),
        (99, 25.0, 25.0),  # passed nothing that is remembered: its own word
        (99, 0.1, 20.0),  # which cannot be true
        (99, None, math.inf),
    ],
)
def test_the_lag_is_the_age_of_the_newest_place_it_passed(
    replayed: int, since_s: float | None, lag_s: float
) -> None:
    lag = Lag(60)
    for at, lsn in ((0.0, 100), (10.0, 200), (20.0, 300)):
        lag.primary_was(lsn, at)
    assert lag.of(Position(IDENTITY, replayed, since_s), 20.0) == lag_s


def test_what_is_forgotten_is_older_than_a_lag_may_be() -> None:
    lag = Lag(5)
    for second in range(100):
        lag.primary_was(100 + second, float(second))
    assert lag.of(Position(IDENTITY, 100 + 94), 99.0) == 5.0
    assert lag.of(Position(IDENTITY, 100), 99.0) > 5.0


def test_before_anything_is_known_a_replica_has_its_own_word_only() -> None:
    assert Lag(5).of(Position(IDENTITY, 1, 2.0), 0.0) == 2.0


@pytest.mark.parametrize("lag", ["0", "0.5", "-1", "soon", "inf", "nan"])
def test_a_lag_that_cannot_be_held_is_refused(lag: str) -> None:
    flags = {"database_url": "postgresql://db/x", "database_replica_url": "postgresql://copy/x"}
    with pytest.raises(InvalidInput, match="database_replica_max_lag_s"):
        server(load_settings(flags | {"database_replica_max_lag_s": lag}, environment={}))


def test_a_server_has_its_replica() -> None:
    flags = {"database_url": "postgresql://db/x", "database_replica_url": "postgresql://copy/x"}
    found = server(load_settings(flags, environment={}))
    assert found is not None
    assert found.replica is not None
    assert (found.replica.url, found.replica.max_lag_s) == ("postgresql://copy/x", 5.0)
    assert "copy" not in repr(found)
