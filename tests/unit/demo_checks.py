"""Checks of the demo patterns that keep state or talk to a database, by run id.

Every check receives the namespace left behind by the pattern's code.
"""

import hashlib
import hmac
import math
import sqlite3
from collections.abc import Callable
from typing import Any

import pytest

Namespace = dict[str, Any]


class Ticker:
    """A clock that stands still until a check moves it."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def _fail_with(error: Exception) -> Callable[[], str]:
    def call() -> str:
        raise error

    return call


def ttl_cache(ns: Namespace) -> None:
    clock = Ticker()
    cache = ns["TtlCache"](2, 10.0, clock)
    cache.put("a", 1)
    cache.put("b", 2)
    assert cache.get("a") == 1
    cache.put("c", 3)
    assert (cache.get("b"), cache.get("a"), cache.get("c"), len(cache)) == (None, 1, 3, 2)
    clock.now = 10.0
    assert cache.get("a", "gone") == "gone"
    with pytest.raises(ValueError, match="capacity"):
        ns["TtlCache"](0, 1.0)


def hash_ring(ns: Namespace) -> None:
    keys = [f"user:{number}" for number in range(500)]
    ring = ns["HashRing"](["a", "b", "c"])
    before = {key: ring.server_for(key) for key in keys}
    assert set(before.values()) == {"a", "b", "c"}
    ring.add("a")
    ring.remove("b")
    after = {key: ring.server_for(key) for key in keys}
    assert {key for key in keys if before[key] != after[key]} == {
        key for key in keys if before[key] == "b"
    }
    with pytest.raises(LookupError):
        ns["HashRing"]().server_for("x")


def router(ns: Namespace) -> None:
    routes = ns["Router"]()
    routes.add("/users/{id:int}", "user")
    routes.add("/users/{name}", "by_name")
    routes.add("/files.v1/{rest:path}", "files")
    assert routes.match("/users/42") == ("user", {"id": 42})
    assert routes.match("/users/a%2Fb") == ("by_name", {"name": "a/b"})
    assert routes.match("/files.v1/a/b.txt") == ("files", {"rest": "a/b.txt"})
    assert routes.match("/filesXv1/a") is None
    assert routes.match("/users/42/") is None
    with pytest.raises(ValueError, match="unknown"):
        routes.add("/{x:uuid}", "nope")


def retry(ns: Namespace) -> None:
    outcomes = iter([ConnectionError(), TimeoutError(), None])
    slept: list[float] = []

    def call() -> str:
        error = next(outcomes)
        if error is not None:
            raise error
        return "done"

    options = {"sleep": slept.append, "jitter": lambda _low, high: high}
    assert ns["retry"](call, base=1.0, cap=1.5, **options) == "done"
    assert slept == [1.0, 1.5]
    with pytest.raises(TimeoutError):
        ns["retry"](_fail_with(TimeoutError()), attempts=3, **options)
    assert len(slept) == 4
    with pytest.raises(KeyError):
        ns["retry"](_fail_with(KeyError()), **options)
    assert len(slept) == 4


def circuit_breaker(ns: Namespace) -> None:
    clock = Ticker()
    breaker = ns["CircuitBreaker"](2, 30.0, clock)
    broken = _fail_with(OSError("down"))
    for _ in range(2):
        with pytest.raises(OSError, match="down"):
            breaker.call(broken)
    with pytest.raises(ns["CircuitOpenError"]):
        breaker.call(lambda: "not called")
    clock.now = 30.0
    with pytest.raises(OSError, match="down"):
        breaker.call(broken)
    clock.now = 59.9
    with pytest.raises(ns["CircuitOpenError"]):
        breaker.call(lambda: "not called")
    clock.now = 60.0
    assert breaker.call(lambda: "up") == "up"
    with pytest.raises(OSError, match="down"):
        breaker.call(broken)
    assert breaker.call(lambda: "one failure does not open it") is not None


def rate_limiter(ns: Namespace) -> None:
    clock = Ticker()
    limiter = ns["RateLimiter"](2.0, 3, clock)
    assert [limiter.allow("ann") for _ in range(4)] == [True, True, True, False]
    assert limiter.allow("bob")
    clock.now = 0.5
    assert [limiter.allow("ann") for _ in range(2)] == [True, False]
    clock.now = 1.6
    assert limiter.forget_idle() == 1
    clock.now = 100.0
    assert not limiter.allow("ann", cost=4.0)
    with pytest.raises(ValueError, match="positive"):
        ns["RateLimiter"](0.0, 1)


def upsert(ns: Namespace) -> None:
    database = sqlite3.connect(":memory:")
    database.execute(
        "CREATE TABLE products (sku TEXT PRIMARY KEY, price_cents INTEGER NOT NULL, stock INTEGER)"
    )
    assert ns["upsert_products"](database, [("a", 100, 1), ("b", 200, 2)]) == (2, 0)
    assert ns["upsert_products"](database, [("a", 150, 1), ("b", 200, 2), ("c", 1, 1)]) == (1, 1)
    assert ns["upsert_products"](database, []) == (0, 0)
    with pytest.raises(sqlite3.IntegrityError):
        ns["upsert_products"](database, [("d", 1, 1), ("e", None, 1)])
    rows = database.execute("SELECT * FROM products ORDER BY sku").fetchall()
    assert rows == [("a", 150, 1), ("b", 200, 2), ("c", 1, 1)]
    database.close()


def fetch_by_ids(ns: Namespace) -> None:
    database = sqlite3.connect(":memory:")
    database.execute('CREATE TABLE "odd ""name" (id INTEGER PRIMARY KEY, v TEXT)')
    database.executemany(
        'INSERT INTO "odd ""name" VALUES (?, ?)', [(n, f"v{n}") for n in range(2000)]
    )
    found = ns["fetch_by_ids"](database, 'odd "name', [1999, *range(1500), 5, -1], batch=400)
    assert list(found)[:3] == [1999, 0, 1]
    assert len(found) == 1501
    assert found[5] == {"id": 5, "v": "v5"}
    assert ns["fetch_by_ids"](database, 'odd "name', []) == {}
    database.close()


def keyset_pages(ns: Namespace) -> None:
    database = sqlite3.connect(":memory:")
    database.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, created_at TEXT, total_cents)")
    days = ["2024-05-01", "2024-05-02", "2024-05-02", "2024-05-02", "2024-05-03"]
    database.executemany("INSERT INTO orders VALUES (?, ?, 100)", enumerate(days, start=1))
    first = ns["order_page"](database, size=2)
    assert [order.id for order in first.orders] == [5, 4]
    database.execute("INSERT INTO orders VALUES (6, '2024-05-04', 100)")
    second = ns["order_page"](database, first.next_cursor, size=2)
    third = ns["order_page"](database, second.next_cursor, size=2)
    assert [order.id for order in (*second.orders, *third.orders)] == [3, 2, 1]
    assert third.next_cursor is None
    assert ns["order_page"](database, size=6).next_cursor is None
    database.execute("DELETE FROM orders")
    assert ns["order_page"](database) == ([], None)
    database.close()


def org_chart(ns: Namespace) -> None:
    database = sqlite3.connect(":memory:")
    database.execute("CREATE TABLE employees (id INTEGER, name TEXT, manager_id INTEGER)")
    people = [(1, "Ada", None), (2, "Bo", 1), (3, "Cy", 2), (4, "Di", 1), (7, "X", 8), (8, "Y", 7)]
    database.executemany("INSERT INTO employees VALUES (?, ?, ?)", people)
    assert ns["all_reports"](database, 1) == [("Bo", 1), ("Di", 1), ("Cy", 2)]
    assert ns["all_reports"](database, 7) == [("Y", 1)]
    assert ns["all_reports"](database, 3) == ns["all_reports"](database, 99) == []
    database.close()


def note_search(ns: Namespace) -> None:
    database = sqlite3.connect(":memory:")
    index = ns["NoteIndex"](database)
    index.put(1, "Groceries", "Remember the café beans")
    index.put(2, "Beans", "How to cook them")
    index.put(3, "Travel", "Nothing here")
    assert [hit.note_id for hit in index.search("bean")] == [2, 1]
    assert index.search("cafe beans")[0].snippet == "Remember the [café] [beans]"
    index.put(1, "Groceries", "Milk")
    assert [hit.note_id for hit in index.search("beans")] == [2]
    assert index.search('OR "') == index.search("  ") == []
    database.close()


def passwords(ns: Namespace) -> None:
    stored = ns["hash_password"]("pässword")
    assert stored.startswith("scrypt$16384$8$1$")
    assert stored != ns["hash_password"]("pässword")
    assert ns["verify_password"]("pässword", stored)
    assert not ns["verify_password"]("password", stored)
    assert not ns["verify_password"]("", stored.replace("scrypt", "md5"))
    assert not ns["verify_password"]("", "garbage")
    assert not ns["verify_password"]("", "scrypt$x$8$1$!$!")


def signed_tokens(ns: Namespace) -> None:
    token = ns["issue_token"]({"user": "ann"}, b"key", ttl=60, now=1000)
    assert ns["check_token"](token, b"key", now=1059) == {"user": "ann", "exp": 1060}
    forged = token.replace(token[0], "f", 1)
    attempts = [(token, b"key", 1060), (token, b"other", 1000), (forged, b"key", 1000)]
    for text, key, now in [*attempts, ("", b"key", 0), ("é.é", b"key", 0)]:
        with pytest.raises(ns["InvalidTokenError"]):
            ns["check_token"](text, key, now=now)


def webhooks(ns: Namespace) -> None:
    body, key = b'{"id": 1}', b"secret"
    good = hmac.new(key, b"1000." + body, hashlib.sha256).hexdigest()
    header = f"t=1000,v1={'0' * 64}, v1={good}"
    assert ns["verify_webhook"](body, header, key, now=1300)
    assert not ns["verify_webhook"](body, header, key, now=1301)
    assert not ns["verify_webhook"](body + b" ", header, key, now=1000)
    assert not ns["verify_webhook"](body, header.replace("1000", "1001"), key, now=1000)
    for bad in ("", "t=1000", f"v1={good}", f"t=x,v1={good}", "t=1000,v1=é"):
        assert not ns["verify_webhook"](body, bad, key, now=1000)


def fake_clock(ns: Namespace) -> None:
    clock = ns["FakeClock"](100.0)
    fired: list[tuple[str, float]] = []
    clock.call_later(5, lambda: fired.append(("late", clock.now())))
    clock.call_later(2, lambda: clock.call_later(1, lambda: fired.append(("mid", clock.now()))))
    clock.call_later(50, lambda: fired.append(("at the end", clock.now())))
    clock.sleep(10)
    assert fired == [("mid", 103.0), ("late", 105.0)]
    assert (clock.now(), clock.sleeps) == (110.0, [10])
    clock.advance(40)
    assert fired[2:] == [("at the end", 150.0)]
    with pytest.raises(ValueError, match="backwards"):
        clock.advance(-1)


def running_stats(ns: Namespace) -> None:
    left, right = ns["RunningStats"](), ns["RunningStats"]()
    assert math.isnan(left.variance)
    for value in (4.0, 7.0):
        left.add(1e9 + value)
    for value in (13.0, 16.0):
        right.add(1e9 + value)
    both = left.merge(right)
    assert (both.count, both.mean, both.variance) == (4, 1e9 + 10, pytest.approx(30.0))
    assert left.merge(ns["RunningStats"]()) == left
    assert ns["RunningStats"]().merge(ns["RunningStats"]()).count == 0


def bootstrap(ns: Namespace) -> None:
    interval = ns["bootstrap_interval"]
    sample = [float(value) for value in range(1, 100)]
    low, high = interval(sample, seed=3)
    assert 30 < low < 50 < high < 70
    assert interval(sample, seed=3) == (low, high)
    narrow = interval(sample, confidence=0.5, seed=3)
    assert low < narrow[0] < narrow[1] < high
    assert interval([4.0], rounds=10) == (4.0, 4.0)
    with pytest.raises(ValueError, match="empty"):
        interval([])


CHECKS: dict[str, Callable[[Namespace], None]] = {
    "demo-010": ttl_cache,
    "demo-018": hash_ring,
    "demo-030": router,
    "demo-034": retry,
    "demo-035": circuit_breaker,
    "demo-040": rate_limiter,
    "demo-042": upsert,
    "demo-043": fetch_by_ids,
    "demo-044": keyset_pages,
    "demo-045": org_chart,
    "demo-046": note_search,
    "demo-047": passwords,
    "demo-049": signed_tokens,
    "demo-050": webhooks,
    "demo-053": fake_clock,
    "demo-058": running_stats,
    "demo-059": bootstrap,
}
