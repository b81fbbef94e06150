"""How strikes lie in beats, as the corpora have it: the numbers of the beat tracker.

Fitted on the training pieces in several runs that were ended by the clock and cannot be repeated, beside marks of low and
big strikes in whose place a network is now. `python -m models.beats --data DIR --out livegen/core/beat_statistics.py` goes on
from them, the same every time.
"""

from __future__ import annotations

import numpy as np

PLACES = (0, 3, 4, 6, 8, 9, 12, 15, 16, 18, 20, 21)
"""Of a beat, in pulses."""

KINDS = (0, 3, 3, 3, 2, 3, 1, 3, 2, 3, 3, 3)
"""Of the places: 0 the beat, 1 its half, 2 its thirds, 3 all others."""

TEMPI_BPM = (50.0, 70.0, 100.0, 140.0, 200.0)
"""Between these what depends on the tempo is interpolated over its logarithm, and beyond them it stays."""

# fmt: off
STRIKES = np.array([[0.64 , 0.001, 0.001, 0.028, 0.004, 0.001, 0.775, 0.001, 0.01 , 0.149, 0.001, 0.005],
     [0.819, 0.003, 0.001, 0.03 , 0.001, 0.001, 0.436, 0.001, 0.005, 0.132, 0.001, 0.005],
     [0.803, 0.033, 0.001, 0.014, 0.04 , 0.026, 0.016, 0.041, 0.592, 0.038, 0.012, 0.019],
     [0.943, 0.001, 0.001, 0.004, 0.303, 0.003, 0.148, 0.001, 0.914, 0.011, 0.01 , 0.001],
     [0.916, 0.001, 0.001, 0.004, 0.252, 0.001, 0.066, 0.001, 0.886, 0.011, 0.047, 0.003],
     [0.725, 0.001, 0.001, 0.001, 0.001, 0.001, 0.214, 0.001, 0.001, 0.058, 0.001, 0.001],
     [0.657, 0.001, 0.001, 0.001, 0.001, 0.001, 0.197, 0.001, 0.001, 0.03 , 0.001, 0.001],
     [0.99 , 0.001, 0.003, 0.02 , 0.911, 0.169, 0.109, 0.001, 0.951, 0.006, 0.003, 0.002],
     [0.884, 0.274, 0.323, 0.185, 0.491, 0.235, 0.791, 0.55 , 0.298, 0.472, 0.27 , 0.572],
     [0.886, 0.029, 0.019, 0.776, 0.02 , 0.008, 0.882, 0.012, 0.061, 0.78 , 0.002, 0.007],
     [0.401, 0.006, 0.009, 0.528, 0.007, 0.005, 0.752, 0.017, 0.017, 0.74 , 0.006, 0.023],
     [0.96 , 0.079, 0.815, 0.025, 0.95 , 0.004, 0.99 , 0.015, 0.99 , 0.029, 0.936, 0.033]])
"""Chance of a strike, [patterns, places]."""

TRANSITIONS = np.array([[ -1.38,  -0.71,  -8.19,  -8.36,  -8.66,  -3.81,  -4.01,  -2.48,  -4.93,  -2.87,  -2.67,  -7.92],
     [ -0.89,  -0.99,  -7.96, -10.07,  -9.61,  -3.78,  -3.45,  -3.06,  -4.38,  -3.93,  -2.5 ,  -7.66],
     [ -5.97,  -6.09,  -0.07,  -4.59,  -4.41,  -5.04,  -4.41,  -4.94,  -4.41,  -7.96,  -7.41,  -5.75],
     [ -8.55,  -8.75,  -3.89,  -0.71,  -1.13,  -3.31,  -2.52,  -7.8 ,  -4.12, -10.6 , -11.54,  -3.45],
     [ -9.08,  -9.16,  -3.81,  -1.24,  -0.62,  -3.01,  -2.98,  -7.86,  -4.88, -11.36, -11.35,  -3.15],
     [ -4.27,  -4.89,  -7.94,  -7.49,  -6.42,  -1.01,  -0.5 ,  -5.73,  -7.73,  -6.69,  -6.61,  -7.87],
     [ -3.55,  -3.91,  -7.61,  -6.41,  -5.64,  -0.58,  -0.98,  -5.38,  -6.46,  -5.74,  -5.56,  -7.23],
     [ -3.19,  -0.21,  -3.43,  -7.41,  -6.45,  -3.38,  -2.97,  -3.75,  -5.94,  -8.19,  -9.16,  -6.11],
     [ -2.65,  -1.26,  -3.06,  -2.78,  -2.65,  -3.5 ,  -2.8 ,  -4.35,  -1.86,  -1.83,  -3.69,  -3.86],
     [ -1.55,  -1.83,  -7.32,  -7.44,  -7.3 ,  -2.41,  -2.02,  -4.2 ,  -3.8 ,  -1.95,  -1.51,  -6.17],
     [ -1.88,  -1.68,  -7.94,  -8.05,  -7.83,  -3.46,  -2.33,  -3.59,  -3.9 ,  -1.22,  -1.68,  -6.73],
     [ -3.48,  -2.86,  -3.58,  -1.46,  -0.73,  -3.36,  -3.82,  -2.88,  -3.79,  -5.73,  -5.72,  -3.48]])
"""Logarithm of how much a pattern, by row, likes another to follow it, [patterns, patterns]."""

PATTERN_BY_TEMPO = np.array([[ 0.06,  0.69,  0.86,  1.67,  1.06, -0.1 , -0.34,  2.6 ,  0.07, -1.81, -0.95, -0.83],
     [ 1.05,  0.23,  0.71, -0.71, -1.64, -0.34, -0.95, -2.42, -0.57, -0.26,  0.37, -0.47],
     [ 0.53,  0.96, -0.49,  0.41,  1.62,  0.75,  0.11, -1.22,  0.07, -0.17, -0.94, -1.61],
     [-0.79, -0.1 ,  0.2 , -2.48, -2.38,  0.8 ,  2.27, -1.34,  0.13,  0.98,  0.22, -1.03],
     [ 1.1 ,  0.87, -1.77, -3.52, -3.6 ,  0.26,  0.24,  1.12,  0.06,  0.38,  0.36,  1.18]])
"""What the tempo adds to that, [tempi, patterns]."""

FIRST_PATTERN = np.array([-4.3 , -3.35, -3.95, -4.65, -4.55, -0.41, -1.54, -5.48, -5.22, -3.99, -5.86, -5.34])
"""Logarithm of how much the first beat likes a pattern, [patterns]."""

TEMPO = np.array([-3.91, -2.39, -1.32, -0.7 , -2.1 ])
"""Logarithm of how likely a tempo is, [tempi]."""

GROWTH = np.array([ 0.5 ,  0.47,  0.29,  0.31, -0.24])
"""What each beat adds for a tempo, so that neither too few nor too many are counted, [tempi]."""
# fmt: on

FIRST_PLACE = (-0.105, -3.45, -4.24, -2.92)
"""Logarithm of how likely the first strike is on a place, by kind."""

CHORDS = (1.38, 0.574, 0.428, 0.0622)
"""How likely a further note of a strike is at a place, by kind."""

CHORD_FLOOR = 0.0949
"""The same, anywhere."""

CHORD_WEIGHT = 0.346
"""How much that says: the notes of a strike aren't placed independently."""

STRAY = 0.0308
"""Strikes a second that fall on no place."""

SPREAD_NS = 25904862
"""Standard deviation of strikes around their places."""

DRIFT = 0.0401
"""Standard deviation of the tempo's logarithm from a beat to the next."""

OCTAVE = 0.0132
"""Chance, from a beat to the next, that it is better counted twice or half as fast."""

JUMP = 0.0102
"""Chance, from a beat to the next, that the tempo is any other."""
