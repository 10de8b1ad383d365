"""Logarithms and exponentials of arrays against those of numpy."""

from __future__ import annotations

import numpy as np

from detectors.evidence.elementary import exponentials, logarithms


def test_exponentials_are_right_to_the_last_bits():
    x = np.concatenate([np.linspace(-690, 690, 9973), np.linspace(-1, 1, 1001), [0.0]])
    values = x.copy()
    exponentials(values)

    np.testing.assert_allclose(values, np.exp(x), rtol=4e-16 * 2)
    assert values[-1] == 1.0


def test_exponentials_stop_at_what_a_double_holds():
    values = np.array([-1e9, 1e9, -np.inf, np.inf])
    exponentials(values)

    assert np.isfinite(values).all()
    assert values[0] == values[2] < 1e-300
    assert values[1] == values[3] > 1e300


def test_logarithms_are_right_to_the_last_bits():
    x = np.concatenate([np.linspace(0.2, 5, 9973), np.geomspace(1e-300, 1e300, 1201)])
    values = x.copy()
    logarithms(values)

    np.testing.assert_allclose(values, np.log(x), rtol=4e-16 * 2, atol=4e-16)


def test_the_place_in_an_array_changes_nothing():
    x = np.linspace(0.5, 2.5, 37)
    for n in range(1, 37):
        part, whole = x[:n].copy(), x.copy()
        logarithms(part)
        logarithms(whole)
        assert part.tolist() == whole[:n].tolist()
        exponentials(part)
        exponentials(whole)
        assert part.tolist() == whole[:n].tolist()
