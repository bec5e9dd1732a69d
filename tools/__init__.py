"""What only the keepers of this project run: benchmarks, parity, tables of the README, the golden file, the doctor."""
