"""Checks of the demo patterns that read or write files, by run id.

Every check receives the namespace left behind by the pattern's code and an empty folder.
"""

import hashlib
import json
import os
import sqlite3
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Namespace = dict[str, Any]


def atomic_write(ns: Namespace, folder: Path) -> None:
    target = folder / "settings.toml"
    ns["atomic_write_text"](target, "é\r\n")
    assert target.read_bytes() == "é\r\n".encode()
    target.chmod(0o644)
    with pytest.raises(UnicodeEncodeError):
        ns["atomic_write_text"](target, "é", encoding="ascii")
    assert target.read_bytes() == "é\r\n".encode()
    ns["atomic_write_text"](target, "new")
    assert target.read_text() == "new"
    assert os.name == "nt" or target.stat().st_mode & 0o777 == 0o644
    assert list(folder.iterdir()) == [target]


def duplicate_files(ns: Namespace, folder: Path) -> None:
    (folder / "sub").mkdir()
    contents = {"a": "xx", "sub/b": "xx", "c": "yy", "d": "long", "sub/e": "long", "f": "", "g": ""}
    for name, text in contents.items():
        (folder / name).write_text(text)
    groups = ns["duplicate_files"](folder)
    names = [[path.relative_to(folder).as_posix() for path in group] for group in groups]
    assert names == [["d", "sub/e"], ["a", "sub/b"]]


def tail(ns: Namespace, folder: Path) -> None:
    log = folder / "app.log"
    log.write_bytes("".join(f"línea {n}\n" for n in range(100)).encode() + b"last\r\n")
    assert ns["tail"](log, 2, block=7) == ["línea 99", "last"]
    assert len(ns["tail"](log, 1000, block=7)) == 101
    assert ns["tail"](log, 0) == []
    log.write_bytes(b"\n\nno newline at the end")
    assert ns["tail"](log, 2) == ["", "no newline at the end"]
    log.write_bytes(b"")
    assert ns["tail"](log, 5) == []


def extract_zip(ns: Namespace, folder: Path) -> None:
    good, evil = folder / "good.zip", folder / "evil.zip"
    with zipfile.ZipFile(good, "w") as bundle:
        bundle.writestr("docs/a.txt", "hello")
    with zipfile.ZipFile(evil, "w") as bundle:
        bundle.writestr("fine.txt", "x")
        bundle.writestr("../escaped.txt", "x")
    target = folder / "out"
    assert ns["extract_zip"](good, target) == [target.resolve() / "docs" / "a.txt"]
    assert (target / "docs" / "a.txt").read_text() == "hello"
    with pytest.raises(ns["UnsafeArchiveError"], match="leaves"):
        ns["extract_zip"](evil, target)
    assert not (target / "fine.txt").exists()
    with pytest.raises(ns["UnsafeArchiveError"], match="more than 4 bytes"):
        ns["extract_zip"](good, target, max_bytes=4)


def todo_cli(ns: Namespace, folder: Path) -> None:
    path = folder / "todos.json"
    assert ns["main"](["--file", str(path), "list"]) == 0
    assert ns["main"](["--file", str(path), "add", "buy café"]) == 0
    assert ns["main"](["--file", str(path), "done", "1"]) == 0
    assert ns["main"](["--file", str(path), "done", "2"]) == 1
    assert json.loads(path.read_text("utf-8")) == [{"text": "buy café", "done": True}]
    with pytest.raises(SystemExit):
        ns["main"]([])


def disk_usage(ns: Namespace, folder: Path) -> None:
    deep = folder / "big" / "deep"
    deep.mkdir(parents=True)
    (folder / "small").mkdir()
    (deep / "x.bin").write_bytes(b"x" * 1000)
    (folder / "big" / "y.bin").write_bytes(b"x" * 10)
    (folder / "small" / "z.bin").write_bytes(b"x" * 5)
    os.link(deep / "x.bin", deep / "same.bin")
    sizes = {"": 1015, "big": 1010, "big/deep": 1000, "small": 5}
    expected = [(folder / name, size) for name, size in sizes.items()]
    assert ns["largest_directories"](folder) == expected
    assert ns["largest_directories"](folder, top=1) == expected[:1]
    assert ns["largest_directories"](folder / "absent") == []


def migrations(ns: Namespace, folder: Path) -> None:
    database = sqlite3.connect(folder / "app.db")
    scripts = ["CREATE TABLE a (x);", "INSERT INTO a VALUES (1) -- no semicolon"]
    assert ns["migrate"](database, scripts[:1]) == 1
    assert ns["migrate"](database, scripts) == 1
    assert ns["migrate"](database, scripts) == 0
    with pytest.raises(sqlite3.OperationalError):
        ns["migrate"](database, [*scripts, "INSERT INTO a VALUES (2); SELECT * FROM missing;"])
    assert database.execute("SELECT x FROM a").fetchall() == [(1,)]
    assert database.execute("PRAGMA user_version").fetchone() == (2,)
    with pytest.raises(RuntimeError, match="newer"):
        ns["migrate"](database, scripts[:1])
    database.close()


def checksum_manifest(ns: Namespace, folder: Path) -> None:
    (folder / "a.bin").write_bytes(b"abc")
    (folder / "b.bin").write_bytes(b"changed")
    digest = hashlib.sha256(b"abc").hexdigest()
    lines = [f"{digest.upper()}  a.bin", f"{digest} *b.bin", f"{digest}  c.bin", f"{digest}  ../d"]
    manifest = folder / "SHA256SUMS"
    manifest.write_text("\n".join(["# release", "", *lines]) + "\n")
    assert ns["verify_manifest"](manifest) == {
        "a.bin": "ok",
        "b.bin": "corrupted",
        "c.bin": "missing",
        "../d": "outside",
    }
    manifest.write_text("oops\n")
    with pytest.raises(ValueError, match="SHA256SUMS:1"):
        ns["verify_manifest"](manifest)


def golden_file(ns: Namespace, folder: Path) -> None:
    golden = folder / "nested" / "out.txt"
    compare = ns["assert_matches_golden"]
    with pytest.raises(AssertionError, match="does not exist"):
        compare("a\n", golden)
    compare("a\nb\n", golden, update=True)
    compare("a\nb\n", golden)
    with pytest.raises(AssertionError) as caught:
        compare("a\nb\r\n", golden)
    assert str(caught.value).splitlines()[-2:] == [r"-'b\n'", r"+'b\r\n'"]


def markdown_links(ns: Namespace, folder: Path) -> None:
    (folder / "docs").mkdir()
    (folder / "a b.md").write_text("[up](/docs) [gone](/nope.md)")
    (folder / "docs" / "index.md").write_text(
        "[ok](../a%20b.md#part) [web](https://x.test) [here](#top) `[code](no.md)`\n"
        '![pic](<no pic.png> "title")\n```\n[fenced](no.md)\n```\n'
    )
    assert ns["broken_links"](folder) == [
        ("a b.md", 1, "/nope.md"),
        ("docs/index.md", 2, "no pic.png"),
    ]
    assert ns["broken_links"](folder / "empty") == []


FILE_CHECKS: dict[str, Callable[[Namespace, Path], None]] = {
    "demo-019": atomic_write,
    "demo-020": duplicate_files,
    "demo-022": tail,
    "demo-024": extract_zip,
    "demo-025": todo_cli,
    "demo-036": disk_usage,
    "demo-041": migrations,
    "demo-052": checksum_manifest,
    "demo-054": golden_file,
    "demo-064": markdown_links,
}
