"""Train the chord chooser: `python -m models.chord_training --data DIR`.

It learns from what an arranger wrote, and from what fits: how many of the melody's next notes the chord holds, which it cannot
know when it chooses. That second part is a reward whose expectation is computed over all chords at once, so no policy gradient
is needed; the first keeps the chords those of a musician. After the first round each song is gone through with the chords that
the network itself chose before (as in DAgger, Ross et al., 2011): decoding from its own past, a model that has seen only those
of others copies its last chord for ever.

Writes `runs/NAME/chords.pt` and `log.jsonl`.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from livegen.core.errors import InputError
from livegen.core.harmonic_memory import HELD_BEATS, OWN_CHANNELS, PLACES
from models.corpora.piece import Piece
from models.corpora.registry import split
from models.networks.chords import CLASSES, ChordNet, Lesson, chord_tones, lesson
from models.progress import Progress
from models.shards import open_pieces
from models.takes.chord_lessons import lessons
from models.training.recipe import read_recipe

NONE = -1
"""In place of a chord's class, before the first chord."""


@dataclass(frozen=True, slots=True)
class Songs:
    """Lessons end to end.

    Attributes:
        heard: [N, C, 12], place: [N, P], hits: [N, 12], written: int64 [N], as in `Lesson`.
        bounds: where each song begins, and the end, int64 [songs + 1].
        bars: beats in a bar of each song.
    """

    heard: Tensor
    place: Tensor
    hits: Tensor
    written: Tensor
    bounds: Tensor
    bars: tuple[int, ...]

    @classmethod
    def of(cls, taught: Sequence[Lesson]) -> Songs:
        """Join lessons."""
        columns = [np.concatenate([getattr(song, name) for song in taught]) for name in ("heard", "place", "hits", "chords")]
        bounds = np.cumsum([0, *(len(song.hits) for song in taught)])
        return cls(*map(torch.from_numpy, columns), torch.from_numpy(bounds), tuple(song.beats_per_bar for song in taught))


@dataclass(frozen=True, slots=True)
class Past:
    """The agent's chord before each beat, as a class or `NONE`, and for how many beats it has been held; int64 [N] each."""

    chord: Tensor
    held: Tensor


class Owned:
    """Writes the agent's own chord into features in which it is blank."""

    def __init__(self) -> None:
        tones = torch.from_numpy(chord_tones())
        roots = functional.one_hot(torch.arange(CLASSES) // (CLASSES // 12), 12).float()
        # The last row is what class -1 finds.
        self._tones, self._roots = (torch.cat([table, torch.zeros(1, 12)]) for table in (tones, roots))

    def __call__(self, heard: Tensor, place: Tensor, chord: Tensor, held: Tensor) -> tuple[Tensor, Tensor]:
        """Heard [N, C, 12], place [N, P], past [N] -> both with the past written in."""
        heard, place = heard.clone(), place.clone()
        heard[:, OWN_CHANNELS[0]], heard[:, OWN_CHANNELS[1]] = self._tones[chord], self._roots[chord]
        known = torch.where(chord == NONE, 0, held.clamp(1, HELD_BEATS))
        place[torch.arange(len(place)), PLACES - HELD_BEATS - 1 + known] = 1.0
        return heard, place


def written_past(songs: Songs) -> Past:
    """As if the agent had played what the arranger wrote."""
    chord, held = torch.full_like(songs.written, NONE), torch.zeros_like(songs.written)
    written = songs.written.tolist()
    for start, end in zip(songs.bounds.tolist(), songs.bounds.tolist()[1:], strict=False):
        beats = 0
        for at in range(start + 1, end):
            beats = beats + 1 if at > start + 1 and written[at - 1] == written[at - 2] else 1
            chord[at], held[at] = written[at - 1], beats
    return Past(chord, held)


@torch.no_grad()
def played(net: ChordNet, songs: Songs, temperature: float, generator: torch.Generator) -> tuple[Tensor, Past]:
    """Go through all songs side by side, choosing and living with it: the chords [N], and the past of each."""
    net.eval()
    owned = Owned()
    lengths = songs.bounds.diff()
    order = torch.argsort(lengths, descending=True)
    starts, lengths = songs.bounds[:-1][order], lengths[order]
    chosen = torch.full_like(songs.written, NONE)
    past = Past(chosen.clone(), torch.zeros_like(chosen))
    chord, held = torch.full_like(starts, NONE), torch.zeros_like(starts)
    for beat in range(int(lengths[0])):
        count = int((lengths > beat).sum())
        at, chord, held = starts[:count] + beat, chord[:count], held[:count]
        past.chord[at], past.held[at] = chord, held
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits = net(*owned(songs.heard[at], songs.place[at], chord, held)).float()
        if temperature > 0:
            noise = torch.empty_like(logits).exponential_(generator=generator).log_()
            logits = logits / temperature - noise
        following = logits.argmax(dim=1)
        held = torch.where(following == chord, held + 1, 1)
        chord = following
        chosen[at] = chord
    net.train()
    return chosen, past


def fit_of(songs: Songs, later: float) -> Tensor:
    """By pitch class, the share of the notes that begin in the beat and (weighing `later`) in the one after, [N, 12]."""
    following = songs.hits.roll(-1, 0)
    following[songs.bounds[1:] - 1] = 0.0
    weighed = songs.hits + later * following
    return weighed / weighed.sum(dim=1, keepdim=True).clamp(min=1e-6)


def measures(net: ChordNet, songs: Songs, beats: int = 64) -> dict[str, float]:
    """Means over songs of what the likeliest chords give in the first beats, as if held: see `models.scoring.metrics`."""
    chosen, _ = played(net, songs, 0.0, torch.Generator())
    tones = torch.from_numpy(chord_tones())
    rows = []
    for start, end, bar in zip(songs.bounds.tolist(), songs.bounds.tolist()[1:], songs.bars, strict=False):
        last = min(end, start + beats)
        chord, hits = chosen[start:last], songs.hits[start:last]
        late = 2 * bar
        inside, onsets = (hits * tones[chord]).sum(), hits.sum().clamp(min=1)
        inside_late, onsets_late = (hits[late:] * tones[chord[:-late]]).sum(), hits[late:].sum().clamp(min=1)
        changes = (chord.diff() != 0).sum() / (len(chord) / bar)
        rows.append(
            [
                float(x)
                for x in (inside / onsets, inside / onsets - inside_late / onsets_late, changes, tones[chord].sum(1).mean())
            ]
        )
    means = np.mean(rows, axis=0)
    return dict(zip(("onset-NiC", "coupling", "changes/bar", "size"), (round(float(value), 4) for value in means), strict=True))


class Lessons:
    """The training of one member of the chord chooser. Deterministic for the recipe's seed, its number and the pieces."""

    def __init__(self, recipe: Mapping[str, Any], songs: Songs, weights: Tensor, member: int = 0) -> None:
        seed = recipe["seed"] + member
        torch.manual_seed(seed)
        self.recipe, self.train, self.songs = recipe, recipe["train"], songs
        self.net = ChordNet(**recipe["model"])
        self.generator = torch.Generator().manual_seed(seed)
        self.optimiser = torch.optim.AdamW(self.net.parameters(), weight_decay=self.train["weight_decay"])
        self.step, self.steps = 0, self.train["rounds"] * self.train["steps"]
        self._owned = Owned()
        self._edges = torch.cumsum(weights.double() / weights.double().sum(), 0)
        self._fit = fit_of(songs, recipe["loss"]["later"])
        self._written = self._past = written_past(songs)
        tones = torch.from_numpy(chord_tones())
        self._tones, self._cost = tones, recipe["loss"]["tone"] * tones.sum(dim=1)

    def round(self, progress: Progress) -> float:
        """One round; the mean loss of its steps."""
        if self.step:
            self._live_with_it()
        losses = []
        for _ in range(self.train["steps"]):
            losses.append(self._step())
            progress.show(self.step, f"loss {losses[-1]:.3f}")
        return float(np.mean(losses))

    def _live_with_it(self) -> None:
        """From now on most songs are heard with what the network chose itself."""
        _, own = played(self.net, self.songs, 0.5, self.generator)
        lengths = self.songs.bounds.diff()
        mine = torch.rand(len(lengths), generator=self.generator) < self.train["own_history"]
        mine = torch.repeat_interleave(mine, lengths)
        self._past = Past(torch.where(mine, own.chord, self._written.chord), torch.where(mine, own.held, self._written.held))

    def _step(self) -> float:
        for group in self.optimiser.param_groups:
            group["lr"] = self.train["learning_rate"] * (0.01 + 0.495 * (1 + math.cos(math.pi * self.step / self.steps)))
        drawn = torch.rand(self.train["batch"], generator=self.generator, dtype=torch.float64)
        at = torch.searchsorted(self._edges, drawn).clamp(max=len(self._edges) - 1)
        forget = torch.rand(len(at), generator=self.generator) < self.train["forget_own"]
        chord = torch.where(forget, NONE, self._past.chord[at])
        loss = self._loss(at, chord, self._past.held[at])
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.optimiser.step()
        self.step += 1
        return float(loss.detach())

    def _loss(self, at: Tensor, chord: Tensor, held: Tensor) -> Tensor:
        """Nats of the written chord, minus what the chosen one is expected to be worth."""
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits = self.net(*self._owned(self.songs.heard[at], self.songs.place[at], chord, held))
        log_probability = functional.log_softmax(logits.float(), dim=1)
        written = self.songs.written[at]
        loss = functional.nll_loss(log_probability, written, ignore_index=NONE)
        worth = self._fit[at] @ self._tones.T - self._cost
        worth = worth + self.recipe["loss"]["stay"] * (torch.arange(CLASSES) == chord.unsqueeze(1))
        heard = self._fit[at].sum(dim=1) > 0
        return loss - self.recipe["loss"]["fit"] * (log_probability.exp() * worth)[heard].sum(dim=1).mean()


def taught(pieces: Sequence[Piece], recipe: Mapping[str, Any], workers: int) -> tuple[Songs, Tensor]:
    """The training songs and the weight of each of their beats for each network, float64 [members, N].

    Raises:
        InputError: none of the corpora of the recipe has a song with chords.
    """
    joined: list[Lesson] = []
    weights: list[npt.NDArray[np.float64]] = []
    for corpus, share in recipe["data"]["weights"].items():
        songs = lessons(
            [piece for piece in pieces if piece.corpus == corpus and piece.chords], recipe["data"]["copies"][corpus], workers
        )
        joined += songs
        if songs:
            adapting = np.concatenate([song.adapting for song in songs])
            emphasis = np.where(adapting, np.array(recipe["train"]["adapting"])[:, np.newaxis], 1.0)
            weights.append(share / emphasis.sum(axis=1, keepdims=True) * emphasis)
    if not joined:
        raise InputError(f"no song with chords in {', '.join(recipe['data']['weights'])}")
    return Songs.of(joined), torch.from_numpy(np.concatenate(weights, axis=1))


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit code: 0 done, 2 refused."""
    parser = argparse.ArgumentParser(prog="python -m models.chord_training", description="Train the chord chooser.")
    parser.add_argument("recipe", nargs="?", default="chords", help="name in models/recipes, or a path to a .toml file")
    parser.add_argument("--data", type=Path, required=True, help="folder of corpora, or of shards")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="where the checkpoint goes")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads, and processes that prepare the songs")
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    try:
        recipe = read_recipe(options.recipe)
        train, validation, _ = split(open_pieces(options.data, list(recipe["data"]["weights"])))
        songs, weights = taught(train, recipe, options.threads)
        held_out = {
            corpus: Songs.of(written)
            for corpus in recipe["data"]["weights"]
            if (written := [lesson(piece) for piece in validation if piece.corpus == corpus and piece.chords])
        }
        train_all(recipe, songs, weights, held_out, options.runs / recipe["name"])
    except (InputError, OSError) as error:
        print(f"not trained: {error}", file=sys.stderr)
        return 2
    return 0


def train_all(
    recipe: Mapping[str, Any], songs: Songs, weights: Tensor, held_out: Mapping[str, Songs], folder: Path
) -> ChordNet:
    """One member after the other; after each round a line on the held-out songs, after each member one on those so far."""
    folder.mkdir(parents=True, exist_ok=True)
    started, nets = time.monotonic(), list[ChordNet]()

    def tell(net: ChordNet, **more: float) -> None:
        found = {corpus: measures(net, songs) for corpus, songs in held_out.items()}
        line = {"members": len(net.members), **more, "seconds": round(time.monotonic() - started), **found}
        print(json.dumps(line), flush=True)
        with (folder / "log.jsonl").open("a", encoding="utf-8") as log:
            log.write(json.dumps(line) + "\n")

    for member, counts in enumerate(weights):
        run = Lessons(recipe, songs, counts, member)
        progress = Progress(run.steps)
        for _ in range(run.train["rounds"]):
            loss = run.round(progress)
            progress.close()
            tell(run.net, step=run.step, loss=round(loss, 4))
        nets.append(run.net)
        joined = ChordNet.of(nets)
        tell(joined)
        sizes = dict(recipe["model"]) | {"members": len(nets)}
        torch.save({"weights": joined.state_dict(), "sizes": sizes, "recipe": dict(recipe)}, folder / "chords.pt")
    return ChordNet.of(nets)


if __name__ == "__main__":
    sys.exit(main())
