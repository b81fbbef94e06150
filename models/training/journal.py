"""What a run says about itself: `log.jsonl`, scalars for TensorBoard, and a line on stdout."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

LOG = "log.jsonl"


class Journal:
    """Writes one line a validation.

    Args:
        folder: of the run.
        step: where the run goes on; later lines, which an interrupted run left, are dropped.
    """

    def __init__(self, folder: Path, step: int) -> None:
        self.path = folder / LOG
        self._keep(step)
        self._scalars = _scalars(folder, step)

    def _keep(self, step: int) -> None:
        """Keep the lines up to a step."""
        kept = [line for line in read_log(self.path.parent) if line["step"] <= step]
        temporary = self.path.with_suffix(".tmp")
        temporary.write_text("".join(json.dumps(line) + "\n" for line in kept), encoding="utf-8")
        os.replace(temporary, self.path)

    def write(self, line: dict[str, Any]) -> None:
        """Add a line: `step`, numbers, and numbers by corpus under `corpora`."""
        print(json.dumps(line), flush=True)
        with self.path.open("a", encoding="utf-8") as log:
            log.write(json.dumps(line) + "\n")
        if self._scalars is not None:
            named = {name: value for name, value in line.items() if name not in ("step", "corpora")}
            named |= {f"validation/{corpus}": value for corpus, value in line["corpora"].items()}
            for name, value in named.items():
                self._scalars.add_scalar(name, value, line["step"])
            self._scalars.flush()

    def close(self) -> None:
        """Close the files."""
        if self._scalars is not None:
            self._scalars.close()


def read_log(folder: Path) -> list[dict[str, Any]]:
    """The lines of a run's log; a last one that a kill cut off is left out."""
    path = folder / LOG
    lines = []
    for text in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        try:
            lines.append(json.loads(text))
        except ValueError:
            break
    return lines


def _scalars(folder: Path, step: int) -> Any:
    """A TensorBoard writer, or None where it is not installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter  # noqa: PLC0415  # optional, and slow to import
    except ImportError:
        print("tensorboard is not installed (extra `train`): the log goes to log.jsonl alone", file=sys.stderr)
        return None
    return SummaryWriter(str(folder / "tensorboard"), purge_step=step + 1)
