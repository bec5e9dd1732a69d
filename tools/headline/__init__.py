"""The headline on stamps: all that its table compares, trained with paired seeds, scored on every split, priced."""
