"""Official checkpoints: one map a family from their keys to ours."""
