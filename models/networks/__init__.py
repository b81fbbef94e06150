"""What can be trained: the backbones, what they share, the chord chooser, losses and checkpoints."""
