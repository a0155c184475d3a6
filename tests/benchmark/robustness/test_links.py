"""Links against scipy and statsmodels, and what happens at 0 and 1."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import logistic, norm

from imagenet_g.benchmark.errors import UnknownNameError
from imagenet_g.benchmark.robustness.links import LINKS, apply_fit_link, apply_link, invert_link


@given(value=st.floats(1e-6, 1 - 1e-6), link=st.sampled_from(sorted(LINKS)))
def test_links_round_trip(value: float, link: str) -> None:
    """Applying a link and inverting it gives the fraction back."""
    assert float(invert_link(apply_link(value, link), link)) == pytest.approx(value, rel=1e-9)


def test_links_are_the_quantile_functions_they_are_named_after() -> None:
    """Logit and probit agree with the logistic and the normal distribution."""
    shares = np.linspace(0.01, 0.99, 99)
    np.testing.assert_allclose(apply_link(shares, "logit"), logistic.ppf(shares))
    np.testing.assert_allclose(apply_link(shares, "probit"), norm.ppf(shares))


@given(num_images=st.integers(1, 100_000), link=st.sampled_from(["logit", "probit"]))
def test_none_and_all_right_become_half_an_image_inside_a_fit(num_images: int, link: str) -> None:
    """K = 0 and k = n turn into (k + 1/2) / (n + 1); nothing is infinite."""
    found = apply_fit_link([0.0, 1.0], num_images, link)
    expected = apply_link([0.5 / (num_images + 1), (num_images + 0.5) / (num_images + 1)], link)
    np.testing.assert_allclose(found, expected)
    assert np.isfinite(found).all()


@given(num_images=st.integers(2, 10_000), share=st.floats(0, 1), link=st.sampled_from(["logit", "probit"]))
def test_other_counts_are_left_as_they_are_inside_a_fit(num_images: int, share: float, link: str) -> None:
    """Every k from 1 to n - 1 goes into the fit unchanged, so published fits are reproduced."""
    right = min(max(round(share * num_images), 1), num_images - 1)
    value = right / num_images
    assert float(apply_fit_link(value, num_images, link)) == float(apply_link(value, link))


def test_linear_axes_keep_0_and_1() -> None:
    """A linear link has no infinity to avoid."""
    np.testing.assert_array_equal(apply_fit_link([0.0, 1.0], 10, "linear"), [0.0, 1.0])


def test_a_line_that_leaves_the_range_on_linear_axes_is_cut_at_0_and_1() -> None:
    """An expected accuracy is always a fraction."""
    np.testing.assert_array_equal(invert_link([-0.2, 0.5, 1.3], "linear"), [0.0, 0.5, 1.0])


def test_an_unknown_link_is_named_with_the_known_ones() -> None:
    """One message: the link, what it may have meant, what there is."""
    with pytest.raises(UnknownNameError, match=r"Unknown link 'loggit'\. Did you mean 'logit'\?.*probit"):
        apply_link(0.5, "loggit")
