"""The system passes what every system must; and its error is that of the gain."""

import pytest

from amcspice.contract import check_system


def test_it_passes_what_every_system_must():
    low, high = (check_system({"problem": "self-test", "gain": gain}) for gain in (1e3, 1e5))
    assert low["test_error"] == pytest.approx(100 * high["test_error"], rel=0.05)
