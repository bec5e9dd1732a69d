"""Everything that loops: training, evaluation, the demo, plots, and the modes of the command line."""
