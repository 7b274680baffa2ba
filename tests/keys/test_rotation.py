"""A key is rotated while its clients work: nobody is rejected, and after a leak the old secret is out at once."""

from __future__ import annotations

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from engramia_core.errors import Unauthorized
from engramia_core.keys import ring
from engramia_core.keys.authenticate import authenticate
from engramia_core.keys.key import AT_ONCE, State, Window
from engramia_core.testing.builders import START
from tests.keys.steps import ME, found, make, why_rejected

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engramia_core.database.database import Database

CLIENTS = 4
CALLS = 2_000
STEP = timedelta(seconds=5)
TIMEOUT_S = 120


@dataclass
class Step:
    """Something that somebody does while the clients work: after so many calls, and before 200 more."""

    call: int
    is_due: threading.Event = field(default_factory=threading.Event)
    is_done: threading.Event = field(default_factory=threading.Event)

    def pass_by(self, call: int) -> None:
        """Let a client go on with this call."""
        if call >= self.call:
            self.is_due.set()
        if call >= self.call + 200:
            assert self.is_done.wait(TIMEOUT_S)


@dataclass
class Work:
    """Clients that authenticate one after the other call, all with the secret they have by then.

    Every call is five seconds after the one before, so that hours pass in a test, however fast the machine is.
    """

    database: Database
    secret: str
    rejected: list[str] = field(default_factory=list)
    calls: Iterator[int] = field(default_factory=itertools.count)
    rotation: Step = field(default_factory=lambda: Step(300))
    switch: Step = field(default_factory=lambda: Step(1_400))

    def now(self, call: int) -> datetime:
        return START + call * STEP

    def client(self, _number: int) -> int:
        """Work to the end; how often it was let in."""
        let_in = 0
        while (call := next(self.calls)) < CALLS:
            self.rotation.pass_by(call)
            self.switch.pass_by(call)
            try:
                authenticate(self.database, self.secret, self.now(call))
                let_in += 1
            except Unauthorized as error:
                self.rejected.append(f"call {call}: {error.reason}")
        return let_in

    @contextmanager
    def at(self, step: Step) -> Iterator[datetime]:
        """Wait until a step is due, and let the clients wait for its end if it takes long; its moment."""
        assert step.is_due.wait(TIMEOUT_S)
        try:
            yield self.now(step.call)
        finally:
            step.is_done.set()


@pytest.mark.parametrize(
    "window",
    [Window(timedelta(hours=2)), Window(timedelta(minutes=30), is_quiet=True)],
    ids=["overlap", "until unused"],
)
def test_nobody_is_rejected_while_clients_switch(database: Database, window: Window) -> None:
    old = make(database)
    work = Work(database, old.secret)
    with ThreadPoolExecutor(CLIENTS) as pool:
        clients = [pool.submit(work.client, number) for number in range(CLIENTS)]
        with work.at(work.rotation) as rotated_at:
            new = ring.rotate(database, old.key.key_id, window, now=rotated_at, actor=ME)
        with work.at(work.switch) as switched_at:
            assert switched_at - rotated_at > timedelta(minutes=90)
            work.secret = new.secret
        let_in = sum(client.result(TIMEOUT_S) for client in clients)
    assert work.rejected == []
    assert let_in == CALLS
    long_after = work.now(CALLS) + window.length + timedelta(minutes=2)
    assert "this secret has ended" in why_rejected(database, old.secret, long_after)
    assert authenticate(database, new.secret, long_after).key_id == old.key.key_id
    assert found(database, old.key.key_id, long_after).state is State.ACTIVE


def test_after_a_leak_no_call_with_the_old_secret_is_let_in(database: Database) -> None:
    old = make(database)
    is_rotated, is_done = threading.Event(), threading.Event()
    calls = threading.Semaphore(0)

    def thief(_number: int) -> tuple[int, int]:
        """How often it was let in before and after."""
        before = after = 0
        while not is_done.is_set():
            is_late = is_rotated.is_set()
            try:
                authenticate(database, old.secret, START)
                before, after = before + (not is_late), after + is_late
            except Unauthorized:
                pass
            calls.release()
        return before, after

    with ThreadPoolExecutor(CLIENTS) as pool:
        thieves = [pool.submit(thief, number) for number in range(CLIENTS)]
        try:
            for _ in range(100):
                assert calls.acquire(timeout=TIMEOUT_S)
            new = ring.rotate(database, old.key.key_id, AT_ONCE, now=START, actor=ME)
            is_rotated.set()
            for _ in range(200):
                assert calls.acquire(timeout=TIMEOUT_S)
        finally:
            is_done.set()
        counts = [thief.result(TIMEOUT_S) for thief in thieves]
    assert sum(before for before, _ in counts) >= 90
    assert sum(after for _, after in counts) == 0
    assert authenticate(database, new.secret, START).key_id == old.key.key_id
