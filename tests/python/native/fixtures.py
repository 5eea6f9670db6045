"""What tests of the native tier share by ``pytest_plugins = ["tests.python.native.fixtures"]``."""

import pytest
from tests.python.native import tiers


@pytest.fixture(scope="module")
def pools():
    """Return one of each tier, with one worker: of two errors they report the same one."""
    pytest.importorskip("llvmlite")
    made = {tier: tiers.pool(tier, 1) for tier in tiers.TIERS}
    yield made
    for pool in made.values():
        pool.close()
