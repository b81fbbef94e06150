"""A small judge of style: softmax regression on features of eight bars, trained on human pieces. Plain numpy."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from models.scoring.style_features import Vector

STEPS = 400
LEARNING_RATE = 0.1
DECAY = 1e-3
"""L2 weight decay on standardised features: there are fewer pieces than a large model would need."""


@dataclass(frozen=True, slots=True)
class StyleClassifier:
    """Tells styles apart; made by `fitted`.

    Attributes:
        styles: the classes.
        mean: of each feature in training, [F].
        scale: its standard deviation, [F].
        weights: [F + 1, S]; the last row is the bias.
    """

    styles: tuple[str, ...]
    mean: Vector
    scale: Vector
    weights: Vector

    def log_probabilities(self, features: Vector) -> Vector:
        """Of each style, [N, S], from features [N, F]."""
        logits = _with_bias((features - self.mean) / self.scale) @ self.weights
        logits = logits - logits.max(axis=1, keepdims=True)
        normalised: Vector = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
        return normalised

    def guesses(self, features: Vector) -> list[str]:
        """The likeliest style of each row."""
        return [self.styles[index] for index in self.log_probabilities(features).argmax(axis=1)]


def fitted(examples: Mapping[str, Sequence[Vector]]) -> StyleClassifier:
    """Train on examples by style; every style weighs the same, however many examples it has. Deterministic.

    Args:
        examples: at least one vector [F] of each of two styles or more.
    """
    styles = tuple(examples)
    features = np.concatenate([np.stack(examples[style]) for style in styles])
    labels = np.repeat(np.arange(len(styles)), [len(examples[style]) for style in styles])
    share = 1.0 / (len(styles) * np.bincount(labels)[labels])
    mean, scale = features.mean(axis=0), features.std(axis=0) + 1e-6
    inputs, wanted = _with_bias((features - mean) / scale), np.eye(len(styles))[labels]
    weights = np.zeros((inputs.shape[1], len(styles)))
    momentum, square = np.zeros_like(weights), np.zeros_like(weights)
    for step in range(1, STEPS + 1):
        logits = inputs @ weights
        guess = np.exp(logits - logits.max(axis=1, keepdims=True))
        guess /= guess.sum(axis=1, keepdims=True)
        slope = inputs.T @ ((guess - wanted) * share[:, None]) + DECAY * weights
        # Adam (Kingma and Ba, 2015).
        momentum = 0.9 * momentum + 0.1 * slope
        square = 0.999 * square + 0.001 * slope * slope
        weights -= LEARNING_RATE * momentum / (1 - 0.9**step) / (np.sqrt(square / (1 - 0.999**step)) + 1e-8)
    return StyleClassifier(styles, mean, scale, weights)


def confusion(
    classifier: StyleClassifier, examples: Mapping[str, Sequence[Vector]], mean: Callable[[Sequence[float]], float]
) -> list[list[float]]:
    """Of the examples of each style (row), the share that is taken for each style (column); NaN where there are none."""
    rows = []
    for style in classifier.styles:
        guesses = classifier.guesses(np.stack(examples[style])) if examples.get(style) else []
        rows.append([mean([float(guess == other) for guess in guesses]) for other in classifier.styles])
    return rows


def _with_bias(features: Vector) -> Vector:
    return np.concatenate([features, np.ones((len(features), 1))], axis=1)
