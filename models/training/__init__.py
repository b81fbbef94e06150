"""A training run: recipe, data, ranks, steps, journal."""
