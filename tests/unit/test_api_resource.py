"""Models of the resource: hyperparameters in and out, quantities, the limits of a message."""

from __future__ import annotations

import pytest
from pydantic import ValidationError
from tests.support.calibrations import calibration, changed

from jetcal_api.documents import ADDITIONAL_METRICS, OBJECTIVE, parse_input
from jetcal_api.hyperparameters import ARCHITECTURES, OPTIMIZER_PARAMETERS, hyperparameters
from jetcal_api.resource import JetCalibration
from jetcal_api.results import TrainResult
from jetcal_api.spec import ModelSpec
from jetcal_api.status import BestTrial
from jetcal_operator.platform import Platform, UnknownTritonError
from jetcal_operator.stages.dataset import Inventory
from jetcal_operator.stages.scope import Scope


def test_chosen_hyperparameters_replace_the_given_ones():
    model = ModelSpec.model_validate({"particleNet": {"convDim": 64}, "loss": "Huber"})
    chosen = model.with_hyperparameters({"convDim": "128", "learningRate": "0.0003", "optimizer": "RAdam"})
    assert chosen.particle_net.conv_dim == 128
    assert chosen.optimizer.learning_rate == pytest.approx(0.0003)
    assert chosen.optimizer.name == "RAdam"
    assert (chosen.loss, chosen.particle_net.blocks) == ("Huber", model.particle_net.blocks)


@pytest.mark.parametrize("wrong", [{"convDim": "9999"}, {"phiDim": "10"}, {"learningRate": "fast"}])
def test_hyperparameters_that_do_not_fit_are_refused(wrong):
    model = ModelSpec.model_validate({"particleNet": {}})
    with pytest.raises(ValidationError):
        model.with_hyperparameters(wrong)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_tuned_hyperparameters_go_back_to_their_defaults(architecture):
    model = ModelSpec.model_validate({architecture: {"fcDim": 33}, "optimizer": {"batchSize": 77}})
    assert model.without_hyperparameters(hyperparameters(architecture)) == ModelSpec.model_validate({architecture: {}})


def test_every_field_of_the_optimiser_can_be_tuned_under_a_name_of_its_own():
    for architecture in ARCHITECTURES:
        assert set(OPTIMIZER_PARAMETERS.values()) <= set(hyperparameters(architecture))


@pytest.mark.parametrize(("given", "kept"), [(2, "2"), ("0.5", "0.5"), ("500m", "500m")])
def test_quantities_may_be_bare_whole_numbers(given, kept):
    document = changed(calibration(), "spec.training.resources", {"cpu": given})
    assert JetCalibration.parse(document).spec.training.resources.cpu == kept


def test_a_document_reads_back_as_it_was_hashed():
    document = Inventory(Scope.of(JetCalibration.parse(calibration()), Platform())).document
    assert parse_input(document.to_json()) == document
    assert parse_input(document.to_json()).fingerprint == document.fingerprint


def test_a_message_leaves_out_what_is_long_and_refuses_to_be_cut():
    fields = {
        "uri": "s3://jec/x",
        "checkpoint": "s3://jec/x/best.pt",
        "epochs": 1000,
        "bestEpoch": 3,
        "metrics": {OBJECTIVE: 0.1},
        "parameters": 10,
        "history": [{OBJECTIVE: 0.1, "timestamp": "2026-11-21T09:00:00Z"}] * 1000,
    }
    short = TrainResult.model_validate(fields | {"hyperparameters": {}})
    assert len(short.message().encode()) <= 4096
    assert "history" not in short.message()
    with pytest.raises(ValueError, match="4096"):
        TrainResult.model_validate(fields | {"hyperparameters": {"x" * 50: "y" * 5000}}).message()


def test_metrics_have_names_that_katibs_filter_finds():
    for name in (OBJECTIVE, *ADDITIONAL_METRICS):
        assert name.replace("_", "").isalnum()


@pytest.mark.parametrize(
    ("release", "target"),
    [("26.06-py3", (20, 10)), ("24.03-py3", (20, 9)), ("23.05-py3", (19, 9)), ("21.09-py3", (14, 7))],
)
def test_a_model_is_exported_for_what_the_release_can_load(release, target):
    assert Platform().export_target(release) == target


def test_an_unknown_release_is_refused_with_the_known_ones():
    with pytest.raises(UnknownTritonError, match=r"26\.09-py3 is not known; known are 21\.09-py3, .*26\.07-py3"):
        Platform().export_target("26.09-py3")


def test_a_status_shows_figures_in_as_many_digits_as_people_read():
    metrics = {"validation_loss": 0.06856278443389517, "jets": 123456789.0}
    shown = BestTrial(name="a", hyperparameters={"learningRate": "0.0081112791099"}, metrics=metrics)
    assert shown.metrics == {"validation_loss": 0.0685628, "jets": 123457000.0}
    assert shown.hyperparameters == {"learningRate": "0.0081112791099"}
