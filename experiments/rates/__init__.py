"""How much a run's neurons fire: ``collect`` watches them, ``table`` and the figures show it, ``mode`` is ``--mode
rates``."""
