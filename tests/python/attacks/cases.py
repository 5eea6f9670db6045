"""How the tests of the attacks name them."""

import pytest


def cases(**bodies):
    """Return what to parametrize by: bodies of functions, with their names."""
    return [pytest.param(body, id=name) for name, body in bodies.items()]
