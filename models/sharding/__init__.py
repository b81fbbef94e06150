"""Pieces as memory-mapped arrays on the disk, with a manifest of hashes."""
