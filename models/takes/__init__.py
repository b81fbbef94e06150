"""From a piece to what the stage would hear and what the agent should answer: casting, staging, slips, and takes as arrays."""
