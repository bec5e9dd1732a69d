"""What conversion alone is worth, without a step of training after it: over T, over D, beside SpikingJelly's."""
