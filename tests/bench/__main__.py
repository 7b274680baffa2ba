"""``python -m tests.bench [SIZE ...]``: measure, print a table, write ``bench_results.json``."""

from __future__ import annotations

import os
import platform
import sqlite3
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from tests.bench import measures, postgres

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.bench.measures import Figure

SIZES = (1_000, 10_000, 100_000)


def figures(sizes: tuple[int, ...]) -> Iterator[Figure]:
    """Everything, smallest first."""
    yield from measures.measure_processes()
    for size in sizes:
        yield from measures.measure_size(size)
    yield measures.measure_batch(20_000)
    yield measures.measure_aging(max(sizes))
    yield from measures.measure_transfer(max(sizes))
    yield from postgres.figures(sizes if sizes != SIZES else (1_000, 10_000, 200_000), max(sizes))


def _row(figure: Figure) -> str:
    sign = ">=" if figure.higher_is_better else "<="
    value = f"{figure.value:,.2f} {figure.unit}"
    goal = f"{sign} {figure.goal:,g} {figure.unit}"
    peer = "" if figure.peer is None else f"{figure.peer:,g} {figure.unit}"
    verdict = "reached" if figure.is_reached else "MISSED"
    return (
        f"{figure.name:<34}{figure.patterns or '':>9}  {value:>14}  {goal:>13}  {peer:>10}"
        f"  {verdict:<8}{figure.note}"
    )


def main() -> None:
    """Measure and tell."""
    sizes = tuple(int(size) for size in sys.argv[1:]) or SIZES
    sys.stdout.write(f"{'what':<34}{'patterns':>9}  {'here':>14}  {'goal':>13}  {'peer':>10}\n")
    found = []
    for figure in figures(sizes):
        found.append(figure)
        sys.stdout.write(f"{_row(figure)}\n")
        sys.stdout.flush()
    machine = {
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "processors": os.cpu_count(),
        "system": platform.platform(),
    }
    told = {"machine": machine, "figures": [asdict(figure) for figure in found]}
    Path("bench_results.json").write_bytes(orjson.dumps(told, option=orjson.OPT_INDENT_2))


main()
