"""op -> module factories that several dialects share. What is real-valued or spiking is decided in ``ann`` and ``snn``."""
