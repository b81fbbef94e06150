"""Readers: from the files of each corpus to pieces."""
