"""The demonstration: real data through Lua kernels, as pictures and timings.

``python -m demo`` runs it. One module a step, each with its Lua beside it.
"""
