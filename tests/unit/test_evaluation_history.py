"""The search as the storage holds it, and which hyperparameters mattered in it."""

from __future__ import annotations

import numpy as np
import pytest
from tests.support.evaluation import toy_history

from jetcal.errors import JetcalError
from jetcal.evaluation.page import history
from jetcal.evaluation.page.history import History, Trial
from jetcal.evaluation.page.importance import importance
from jetcal.evaluation.page.plots.tuning import parallel
from jetcal_api.results import TrainResult


def put(folder, name, loss):
    place = folder / "tuning" / "abc" / name
    place.mkdir(parents=True)
    result = TrainResult(
        uri=str(place / "result.json"),
        checkpoint=str(place / "best.pt"),
        trial=name,
        hyperparameters={"fcDim": "50"},
        epochs=3,
        best_epoch=2,
        metrics={"validation_loss": loss},
        parameters=10,
    )
    (place / "result.json").write_text(result.model_dump_json(by_alias=True))


def trials(*values, objectives):
    return History(
        tuple(
            Trial(f"t{number}", objective, {"x": str(value), "same": "1"}, 1, 1)
            for number, (value, objective) in enumerate(zip(values, objectives, strict=True))
        )
    )


def test_finished_trials_come_best_first_and_others_by_name(tmp_path):
    put(tmp_path, "slow", 0.3)
    put(tmp_path, "good", 0.1)
    for name in ("good", "collapsed"):
        left = tmp_path / "tuning" / "abc" / "attempts" / "uid" / name
        left.mkdir(parents=True)
        (left / "last.pt").write_bytes(b"")
    found = history.load(str(tmp_path), "abc", None)
    assert [(trial.name, trial.objective) for trial in found.trials] == [("good", 0.1), ("slow", 0.3)]
    assert found.unfinished == ("collapsed",)
    assert found.training is None


def test_without_a_search_there_is_no_history(tmp_path):
    assert history.load(str(tmp_path), None, "training/nowhere") == History()
    assert history.load(str(tmp_path), "nowhere", None) == History()


def test_a_damaged_result_is_named(tmp_path):
    put(tmp_path, "good", 0.1)
    (tmp_path / "tuning/abc/good/result.json").write_text("{}")
    with pytest.raises(JetcalError, match=r"good/result\.json"):
        history.load(str(tmp_path), "abc", None)


def test_only_what_differs_was_searched():
    assert trials(1, 2, objectives=[1.0, 2.0]).searched == ("x",)


def test_importance_of_eight_trials_by_hand():
    # Ranks 1 2 | 3 5 | 4 6 | 7 8 in four groups: within 0.5 + 2 + 2 + 0.5 = 5 of 42 in all, so that
    # eta^2 = 1 - 5/42 and epsilon^2 = 1 - 5/42 * 7/4 = 0.7917.
    found = importance(trials(1, 1, 2, 2, 3, 3, 4, 4, objectives=[1, 2, 3, 5, 4, 6, 7, 80]))
    assert [each.name for each in found] == ["x"]
    assert found[0].share == pytest.approx(1 - 5 / 42 * 7 / 4)


def test_an_optimum_in_the_middle_is_seen_and_what_does_not_matter_is_not():
    found = {each.name: each for each in importance(toy_history(60))}
    assert found["learningRate"].share > 5 * found["learningRate"].error
    assert max(found, key=lambda name: found[name].share) == "learningRate"
    for name in ("phiLayers", "fcDim", "dropout", "optimizer"):
        assert abs(found[name].share) < 3 * found[name].error + 0.05


def test_no_influence_has_importance_zero_on_average():
    rng = np.random.default_rng(3)
    shares = [importance(trials(*rng.uniform(0, 1, 12), objectives=rng.normal(size=12)))[0].share for _ in range(200)]
    assert np.mean(shares) == pytest.approx(0, abs=4 * np.std(shares) / np.sqrt(len(shares)))


def test_few_trials_say_nothing_about_importance():
    assert importance(trials(1, 2, 3, 4, 5, 6, 7, objectives=range(7))) == []


def test_equal_objectives_have_no_importance():
    assert importance(trials(*range(9), objectives=[1.0] * 9))[0].share == 0


def test_every_trial_is_a_line_that_tells_its_numbers():
    drawn = parallel(toy_history(9))
    for number in range(9):
        assert f'data-trial="toy-{number:02d}"' in drawn.svg
        assert f"<title>toy-{number:02d}: validation loss 0.0" in drawn.svg
    assert "fcDim" in drawn.svg


def test_names_of_trials_cannot_become_markup():
    odd = Trial("<b>&\"'", 0.1, {"x": "<i>"}, 1, 1)
    drawn = parallel(History((odd, Trial("plain", 0.2, {"x": "1"}, 1, 1))))
    assert "<b>" not in drawn.svg
    assert "<i>" not in drawn.svg
    assert "<title>&lt;b&gt;&amp;&quot;&#x27;: validation loss 0.10000" in drawn.svg
