"""Opponents of the models, as generators: they are heard through the same path and at the same lookahead."""
