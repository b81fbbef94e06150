"""How strikes lie in beats, as the corpora have it: numbers of the beat tracker.

Fitted by `python -m models.beats --data shards`.
"""

from __future__ import annotations

import numpy as np

PLACES = (0, 3, 4, 6, 8, 9, 12, 15, 16, 18, 20, 21)
"""Of a beat, in pulses."""

KINDS = (0, 3, 3, 3, 2, 3, 1, 3, 2, 3, 3, 3)
"""Of the places: the beat, its half, its thirds, and all others."""

TEMPI_BPM = (50.0, 70.0, 100.0, 140.0, 200.0)
"""Between these what depends on the tempo is interpolated over its logarithm, and beyond them it stays."""

STRIKES = np.array(
    [
        [0.79, 0.00, 0.00, 0.03, 0.01, 0.00, 0.63, 0.00, 0.00, 0.17, 0.00, 0.00],
        [0.78, 0.22, 0.04, 0.02, 0.02, 0.04, 0.03, 0.12, 0.47, 0.07, 0.01, 0.03],
        [0.89, 0.00, 0.00, 0.00, 0.27, 0.00, 0.07, 0.00, 0.89, 0.00, 0.04, 0.00],
        [0.71, 0.00, 0.00, 0.00, 0.00, 0.00, 0.23, 0.00, 0.00, 0.09, 0.00, 0.00],
        [0.98, 0.01, 0.02, 0.01, 0.82, 0.03, 0.19, 0.00, 0.97, 0.02, 0.01, 0.01],
        [0.87, 0.59, 0.16, 0.59, 0.46, 0.54, 0.94, 0.50, 0.19, 0.66, 0.44, 0.84],
        [0.80, 0.01, 0.01, 0.84, 0.02, 0.01, 0.89, 0.00, 0.04, 0.86, 0.01, 0.03],
        [0.97, 0.04, 0.78, 0.03, 0.96, 0.01, 0.99, 0.02, 0.99, 0.03, 0.94, 0.02],
    ]
)
"""Chance of a strike, [patterns, places]."""

TRANSITIONS = np.array(
    [
        [0.00, -6.99, -8.11, -3.84, -2.88, -4.78, -1.91, -5.82],
        [-5.95, 0.00, -6.70, -5.26, -6.09, -5.01, -6.68, -6.78],
        [-5.66, -5.55, 0.00, -1.51, -6.16, -5.62, -7.62, -3.76],
        [-2.52, -6.83, -3.52, 0.00, -5.69, -5.16, -4.33, -6.23],
        [-0.61, -2.91, -4.61, -4.43, 0.00, -4.33, -5.78, -2.21],
        [-1.11, -2.51, -1.52, -0.82, -2.66, 0.00, -1.99, -1.75],
        [-0.51, -4.18, -5.36, -0.39, -4.13, -2.90, 0.00, -2.71],
        [-0.36, -3.26, -1.15, -1.34, -0.66, -2.18, -1.35, 0.00],
    ]
)
"""Logarithm of how much the pattern of a beat, by row, likes that of the next, [patterns, patterns]."""

PATTERN_BY_TEMPO = np.array(
    [
        [-0.24, 0.46, 1.55, -0.19, 2.41, -0.22, -1.02, -0.38],
        [0.95, -0.79, -0.20, -0.27, -2.08, -0.11, -0.62, -0.29],
        [0.87, -0.53, 0.96, -0.30, -1.34, 0.44, -0.79, -0.42],
        [-0.73, 0.03, -2.01, 1.13, -0.44, -1.12, 1.09, -0.14],
        [1.07, -0.91, -2.05, 0.31, -0.18, -0.21, -0.16, 0.06],
    ]
)
"""What the tempo adds to that, [tempi, patterns]."""

FIRST_PATTERN = np.array([-2.12, -3.93, -1.77, 0.16, -4.38, -4.60, -3.33, -5.31])
"""Logarithm of how much the first beat likes a pattern."""

FIRST_PLACE = (0.42, -2.31, -2.37, -2.21)
"""Logarithm of how likely the first strike is on a place, by kind."""

MARKS = np.array(
    [
        [
            [0.16, 0.22, 0.10, 0.60],
            [-0.08, -0.11, 0.18, -0.61],
            [0.93, -1.05, 0.17, -0.89],
            [-0.66, -0.42, 0.04, 0.46],
        ],
        [
            [0.54, -0.67, 0.17, -0.16],
            [-0.22, -0.00, -0.87, -0.35],
            [0.10, 0.05, -0.41, 0.01],
            [-0.28, 0.22, -0.58, -0.77],
        ],
        [
            [0.84, 0.26, 0.27, 0.03],
            [-0.05, 0.70, 0.21, -0.67],
            [-0.37, 0.08, -0.10, 0.27],
            [-0.88, -0.05, 0.95, -1.31],
        ],
        [
            [0.31, -0.19, 0.07, 0.03],
            [0.46, 0.80, -0.16, -1.88],
            [-0.38, -0.93, -2.17, -0.54],
            [0.12, 1.03, -0.71, 0.05],
        ],
        [
            [-0.85, -0.13, -1.37, -2.61],
            [0.64, -0.36, -0.06, -0.06],
            [-0.84, -1.07, -1.95, -1.41],
            [-1.22, -0.45, -1.46, -2.34],
        ],
        [
            [1.13, 1.17, 0.01, -0.21],
            [-0.68, 1.01, -0.62, -0.70],
            [-0.23, 0.19, -0.17, -1.17],
            [-0.36, 0.24, -0.30, -0.24],
        ],
        [
            [0.54, 1.14, 0.50, 1.07],
            [-0.37, 0.69, 0.49, 0.62],
            [-0.69, -0.70, 0.41, -0.06],
            [-0.30, -0.30, 0.14, 0.35],
        ],
        [
            [-0.01, -0.58, -0.44, -0.85],
            [-1.41, 0.67, -0.57, -0.59],
            [0.63, 0.02, -0.25, -0.65],
            [-0.30, -0.40, -0.28, -0.57],
        ],
    ]
)
"""Logarithm of how likely a strike has a mark, against other places, [patterns, kinds, marks]."""

TEMPO = np.array([-2.10, -0.77, -0.06, 0.90, 0.31])
"""Logarithm of how likely a tempo is."""

GROWTH = np.array([0.12, 0.43, 0.31, 0.21, -0.22])
"""What each beat adds for a tempo, so that neither too few nor too many are counted."""

CHORDS = (1.182, 0.596, 0.408, 0.171)
"""How likely a further note of a strike is, by kind of place."""

CHORD_FLOOR = 0.134
"""The same, of no place."""

CHORD_WEIGHT = 0.373
"""How much that counts: the notes of a strike aren't placed independently."""

STRAY = 0.081
"""Strikes a second that fall on no place."""

SPREAD_NS = 28168600
"""Of strikes around their places."""

DRIFT = 0.0343
"""Spread of the logarithm of the tempo from a beat to the next."""

OCTAVE = 0.02415
"""Chance, from a beat to the next, that it is better counted twice or half as fast."""

JUMP = 0.00110
"""Chance, from a beat to the next, that the tempo is any other."""
