"""SpikingJelly's neurons, the judge of ours, imported once with its import-time warnings silenced."""

import warnings

import pytest


@pytest.fixture(scope="session")
def jelly():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from spikingjelly.activation_based import neuron, surrogate
    neuron.surrogate = surrogate
    return neuron
