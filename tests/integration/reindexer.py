"""A process that reindexes a memory by the embeddings of a test's model.

``python -m tests.integration.reindexer PLACE MODEL BATCH``: PLACE is a directory or a PostgreSQL URL, MODEL is
``ID:DIMENSIONS``, or ``back``. Each batch is told on stdout, and at the end ``done``.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from engramia_core.errors import Busy
from engramia_core.library import Memory
from engramia_core.memory.stored import EmbeddingModel
from engramia_core.stores import open_store
from engramia_core.stores.postgres import PostgresStore
from engramia_core.testing.embeddings import HashEmbeddings

if TYPE_CHECKING:
    from engramia_core.memory.store import PatternStore

A = EmbeddingModel("words-a", 1024)
B = EmbeddingModel("words-b", 1536)


def opened(place: str) -> PatternStore:
    """The store at a place."""
    return PostgresStore(place) if place.startswith("postgresql") else open_store(Path(place))


def provider(model: EmbeddingModel) -> HashEmbeddings:
    """The test's provider of a model."""
    return HashEmbeddings(model.model_id, model.dimensions)


def memory(place: str, model: EmbeddingModel) -> Memory:
    """The memory at a place, for somebody who is configured with this model and can open every other."""
    return Memory(opened(place), provider(model), open_model=provider)


def main(place: str, model: str, batch_size: int) -> None:
    """Reindex."""
    name, _, dimensions = model.partition(":")
    opened_memory = memory(place, A)

    def tell(_: int) -> None:
        os.write(1, b".\n")

    while True:
        try:
            if model == "back":
                opened_memory.switch_back(progress=tell)
            else:
                to = provider(EmbeddingModel(name, int(dimensions)))
                opened_memory.reindex(to=to, batch_size=batch_size, progress=tell)
            break
        except Busy:  # a server takes a moment to notice that the one before was killed
            time.sleep(0.1)
    opened_memory.close()
    os.write(1, b"done\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
