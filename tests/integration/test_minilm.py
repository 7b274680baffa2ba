from __future__ import annotations

import subprocess  # noqa: TID251 -- what a fresh process leaves in a fresh home is what is tested
import sys
from typing import TYPE_CHECKING

from typing_extensions import override

from engramia_core.embeddings.minilm import MiniLMEmbeddings
from engramia_core.testing.contracts.embedding_provider import EmbeddingProviderContract

if TYPE_CHECKING:
    from pathlib import Path

    from engramia_core.memory.embedding import EmbeddingProvider

_PROVIDER = MiniLMEmbeddings()


class TestMiniLMEmbeddings(EmbeddingProviderContract):
    @override
    def provider(self) -> EmbeddingProvider:
        return _PROVIDER


def test_embedding_leaves_no_trace_at_home_and_says_nothing(tmp_path: Path) -> None:
    code = (
        "from engramia_core.embeddings.minilm import MiniLMEmbeddings as M; M().embed(['a task'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        env={"HOME": str(tmp_path)},
    )
    assert list(tmp_path.rglob("*")) == []
    assert done.stdout + done.stderr == b""
