"""Benchmarks: C programs for the core, and Python for the rest.

``python -m bench.figures`` measures what moonpool promises, ``python -m
bench.peers`` compares it with its peers.
"""
