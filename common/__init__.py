"""What every room may use: words that a user got wrong, choices as types, files written whole. Knows nothing else."""
