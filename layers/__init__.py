"""op -> module factories that several dialects share. ``ann`` and ``snn`` decide what is real-valued or spiking."""
