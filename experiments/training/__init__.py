"""Training: one visible loop (`loop`), and around it what it needs: frames, processes, checkpoints, faults."""
