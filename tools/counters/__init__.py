"""``python -m tools.counters RUN``: one network under several counters, and why they differ.

``layers``: what every node read and what it cost by our accountant; ``rules``: what another counter makes of it;
``difference``: the words, with numbers that add up.
"""
