"""ANN -> SNN: calibrate, fold, snap to the dyadic grid, execute from events, and say whether that was exact."""
