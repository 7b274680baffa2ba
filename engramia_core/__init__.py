"""Engramia's core: knows no terminal and no HTTP.

The names here are what a library user needs; each is loaded when it is first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engramia_core.embeddings.minilm import MiniLMEmbeddings
    from engramia_core.embeddings.openai import OpenAIEmbeddings
    from engramia_core.library import Memory
    from engramia_core.memory.filters import Filters
    from engramia_core.memory.pattern import Draft
    from engramia_core.memory.ranking import Ranking
    from engramia_core.memory.recall_report import Question
    from engramia_core.scope import Scope
    from engramia_core.stores.json_directory import JSONDirectoryStore
    from engramia_core.stores.sqlite import SQLiteStore

__all__ = [
    "Draft",
    "Filters",
    "JSONDirectoryStore",
    "Memory",
    "MiniLMEmbeddings",
    "OpenAIEmbeddings",
    "Question",
    "Ranking",
    "SQLiteStore",
    "Scope",
]

_HOMES = {
    "Draft": "memory.pattern",
    "Filters": "memory.filters",
    "JSONDirectoryStore": "stores.json_directory",
    "Memory": "library",
    "MiniLMEmbeddings": "embeddings.minilm",
    "OpenAIEmbeddings": "embeddings.openai",
    "Question": "memory.recall_report",
    "Ranking": "memory.ranking",
    "SQLiteStore": "stores.sqlite",
    "Scope": "scope",
}


def __getattr__(name: str) -> object:
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
