"""One thread, and what a finished tiny run wrote."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from models.train import main


@pytest.fixture(scope="package", autouse=True)
def one_thread() -> Iterator[None]:
    """Sums over threads come in any order; with one the same run gives the same numbers."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with torch.random.fork_rng():
        yield
    torch.set_num_threads(threads)


@pytest.fixture(autouse=True)
def denormals() -> Iterator[None]:
    """Training flushes denormal numbers; what runs next in this process, in whatever order, must find them again."""
    yield
    torch.set_flush_denormal(False)


@pytest.fixture(scope="session")
def finished(corpora: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a whole run of the recipe `tiny`, by the command."""
    runs = tmp_path_factory.mktemp("runs")
    assert main(["tiny", "--data", str(corpora), "--runs", str(runs), "--workers", "0"]) == 0
    return runs / "tiny"
