"""The questions of an evaluation: each asks all models, and shows what it found."""
