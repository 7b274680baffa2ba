"""Alembic's own command line finds the database of the settings, from a checkout and from a wheel."""

from __future__ import annotations

import os
import subprocess  # noqa: TID251 -- Alembic as a user runs it
import sys
import sysconfig
import venv
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from engramia_core.database import revisions

if TYPE_CHECKING:
    from tests.migrations.places import Place

ROOT = Path(__file__).resolve().parents[2]
ALEMBIC = Path(sys.executable).with_name("alembic")


def environment(place: Place) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}  # noqa: TID251
    if place.directory:
        return kept | {"ENGRAMIA_DATA_PATH": str(place.directory)}
    return kept | {"ENGRAMIA_DATABASE_URL": place.url}


def says(command: list[str], place: Place, *, where: Path = ROOT) -> str:
    done = subprocess.run(
        command, check=True, capture_output=True, text=True, cwd=where, env=environment(place)
    )
    return done.stdout


def moves(alembic: list[str], place: Place, *, where: Path = ROOT) -> None:
    """Down and up, with the commands of Alembic's tutorial."""
    place.engine.dispose()
    assert says([*alembic, "current"], place, where=where).split() == [revisions.HEAD, "(head)"]
    says([*alembic, "downgrade", "-1"], place, where=where)
    assert place.revision() == "0001"
    assert "0001 -> 0002 (head)" in says([*alembic, "history"], place, where=where)
    place.engine.dispose()
    says([*alembic, "upgrade", "head"], place, where=where)
    assert "CREATE TABLE engramia_keys" in says(
        [*alembic, "upgrade", "0001:head", "--sql"], place, where=where
    )
    with closing(place.target()) as target:
        assert target.drift() == []


def test_alembics_commands_work_in_a_checkout(filled: Place) -> None:
    moves([str(ALEMBIC)], filled)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an empty environment with a built wheel; the libraries are lent to it."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*build, "--wheel-dir", str(folder), str(ROOT)], check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    venv.create(folder / "env", with_pip=False, symlinks=True)
    python = folder / "env" / "bin" / "python"
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    packages = folder / "env" / "lib" / version / "site-packages"
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target"]
    subprocess.run([*install, str(packages), str(wheel)], check=True, capture_output=True)
    (packages / "lent.pth").write_text(f"{sysconfig.get_path('purelib')}\n", encoding="utf-8")
    return python


def test_alembics_commands_work_from_a_wheel(
    filled: Place, installed: Path, tmp_path: Path
) -> None:
    asked = "from engramia_core.database.revisions import alembic_ini; print(alembic_ini())"
    ini = Path(says([str(installed), "-c", asked], filled, where=tmp_path).strip())
    assert installed.parents[1] in ini.parents
    assert ini.is_file()
    moves([str(installed), "-m", "alembic.config", "-c", str(ini)], filled, where=tmp_path)
    said = says([str(installed), "-m", "engramia_cli", "migrate", "check"], filled, where=tmp_path)
    assert said == f"no difference at revision {revisions.HEAD}\n"
