"""The training side: corpora, takes, networks, training and evaluation. The daemon never imports it."""
