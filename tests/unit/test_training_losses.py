from __future__ import annotations

import numpy as np
import pytest
import torch

from jetcal.training.losses import LOSSES, log_cosh, pinball, quantile_pair, quantile_widths


def fitted(loss, y):
    """Median, low, high that minimise the mean loss of constant predictions."""
    parameters = torch.tensor([0.0, -1.0, -1.0], dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.Adam([parameters], lr=0.05)
    for step in range(600):
        optimiser.param_groups[0]["lr"] = 0.05 * (1 - step / 600)
        optimiser.zero_grad()
        median, widths = parameters[0], parameters[1:].exp()
        if loss == "GaussianNLL":
            widths = widths[:1].expand(2)
        prediction = torch.stack([median, median - widths[0], median + widths[1]]).expand(len(y), 3)
        LOSSES[loss](prediction, y).mean().backward()
        optimiser.step()
    return prediction[0].tolist()


@pytest.fixture(scope="module")
def skewed():
    """Responses with a long tail: mean, median and mode differ."""
    return torch.from_numpy(np.random.default_rng(1).gamma(2.0, 0.1, 4000) - 0.1)


@pytest.mark.parametrize("loss", [name for name in LOSSES if name != "GaussianNLL"])
def test_outer_outputs_converge_to_the_16_and_84_percent_quantiles(loss, skewed):
    _, low, high = fitted(loss, skewed)
    expected = np.quantile(skewed, [0.16, 0.84])
    assert [low, high] == pytest.approx(list(expected), abs=0.006)


def test_masked_error_converges_to_the_median_and_disregards_wrong_matches(skewed):
    with_mismatches = torch.cat([skewed, torch.full((1000,), 3.0, dtype=torch.float64)])
    assert fitted("MaskedMAE", with_mismatches)[0] == pytest.approx(float(skewed.median()), abs=0.004)


@pytest.mark.parametrize("loss", ["Huber", "LogCosh", "LogCoshQuantiles"])
def test_smooth_losses_converge_close_to_the_median(loss, skewed):
    median, mean = float(skewed.median()), float(skewed.mean())
    assert abs(fitted(loss, skewed)[0] - median) < 0.5 * abs(mean - median)


def test_gaussian_likelihood_converges_to_mean_and_standard_deviation(skewed):
    mean, low, high = fitted("GaussianNLL", skewed)
    assert mean == pytest.approx(float(skewed.mean()), abs=1e-3)
    assert (high - low) / 2 == pytest.approx(float(skewed.std()), rel=0.02)


@pytest.mark.parametrize("spread", [0.04, 0.1, 0.25])
@pytest.mark.parametrize("loss", ["Huber", "LogCosh", "LogCoshQuantiles"])
def test_smooth_losses_close_within_a_tenth_of_a_percent_whatever_the_spread(loss, spread):
    # A gamma distribution of shape 4: its mean lies 0.16 standard deviations above its median.
    z = np.random.default_rng(1).gamma(4.0, size=20_000)
    y = torch.from_numpy((z - z.mean()) / z.std() * spread)
    assert fitted(loss, y)[0] == pytest.approx(float(y.median()), abs=0.0015)


def test_losses_follow_their_written_definitions():
    # Two jets, y = 0.3 and 2; predictions 0.1 with quantiles 0 and 0.25. By hand, with s = 0.02:
    prediction, y = torch.tensor([[0.1, 0.0, 0.25]] * 2, dtype=torch.float64), torch.tensor([0.3, 2.0]).double()
    pair = np.array([0.16 * 0.3 + 0.84 * 0.05, 0.16 * 2 + 0.84 * 1.75])
    log_cosh_ = np.array([0.2, 1.9]) - 0.02 * np.log(2)
    sigma = 0.15
    expected = {
        "MaskedMAE": [0.2 + pair[0], 0.0],
        "Huber": np.array([0.2, 1.9]) - 0.01 + pair,
        "LogCosh": log_cosh_ + pair,
        "LogCoshQuantiles": log_cosh_ + pair,
        "GaussianNLL": (np.array([0.2, 1.9]) / sigma) ** 2 / 2 + np.log(sigma),
    }
    for name, loss in LOSSES.items():
        assert loss(prediction, y).tolist() == pytest.approx(list(expected[name]), abs=1e-6), name


def test_pinball_punishes_the_right_side():
    y = torch.tensor([1.0])
    assert pinball(torch.tensor([0.0]), y, 0.84).item() == pytest.approx(0.84)
    assert pinball(torch.tensor([2.0]), y, 0.84).item() == pytest.approx(0.16)


def test_log_cosh_is_quadratic_near_zero_linear_far_away_and_never_overflows():
    assert log_cosh(torch.tensor(0.001, dtype=torch.float64)).item() == pytest.approx(0.001**2 / 2 / 0.02, rel=1e-3)
    far = log_cosh(torch.tensor([1e3, 1e3 + 1], dtype=torch.float64))
    assert (far[1] - far[0]).item() == pytest.approx(1)


def test_widths_leave_the_centre_alone_and_quantiles_do_not():
    def gradient_on_centre(loss):
        centre = torch.zeros(1, requires_grad=True)
        prediction = torch.stack([centre, centre - 0.1, centre + 0.3], dim=-1)
        loss(prediction, torch.ones(1)).sum().backward()
        return centre.grad.item()

    assert gradient_on_centre(quantile_widths) == pytest.approx(0, abs=1e-6)
    assert gradient_on_centre(quantile_pair) == pytest.approx(-(0.16 + 0.84))
