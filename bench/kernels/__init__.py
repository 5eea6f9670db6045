"""The kernels that peers are compared on, a module each.

Each has a TITLE and a line WHAT; `data(scale)`, which makes the inputs;
`check(result, expected)`; and a function a peer, `with_<peer>(data, ...)`,
which prepares what it can and returns the function to be timed. A peer that is
missing cannot express the kernel. All make the same result: NumPy's is what
the others are checked against.
"""

from bench.kernels import (
    black_scholes,
    mandelbrot,
    nbody,
    softmax,
    stencil,
    sum_squares,
    triad,
    word_count,
)

ALL = (triad, black_scholes, mandelbrot, sum_squares, stencil, nbody, softmax, word_count)
