"""Sections of ``JetCalibration.spec``: storage, dataset, network, tuning, training, judgement, endpoint."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator
from pydantic.alias_generators import to_snake

from jetcal_api.base import Model
from jetcal_api.columns import Columns
from jetcal_api.hyperparameters import ARCHITECTURES, OPTIMIZER_PARAMETERS, Optimizer, ParticleNet, Pfn, SearchSpace
from jetcal_api.rules import Problems, named_once
from jetcal_api.scalars import DnsLabel, Quantity, SettingName, SettingValue, TreePath, TritonVersion, Uri
from jetcal_api.weights import JetWeights

Loss = Literal["MaskedMAE", "Huber", "LogCosh", "LogCoshQuantiles", "GaussianNLL"]


class Storage(Model):
    """Where the calibration keeps its artefacts."""

    uri: Uri
    """Folder of the artefacts, for good: ``s3://bucket/prefix`` on a cluster; ``jetcal run --storage`` overrides it."""
    secret_name: DnsLabel | None = None
    """Secret: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY; optional S3_ENDPOINT, AWS_DEFAULT_REGION, AWS_CA_BUNDLE."""


class JetSelection(Model):
    """Which jets take part."""

    min_gen_pt: Annotated[float, Field(ge=0, le=7000)] = 20.0
    """Smallest pT of the matched generator jet, in GeV."""
    max_abs_eta: Annotated[float, Field(gt=0, le=5.2)] = 2.5
    """Largest absolute pseudorapidity of the reconstructed jet."""


class Split(Model):
    """Shares of the events; all jets of an event go to the same part."""

    train: Annotated[float, Field(gt=0, lt=1)] = 0.6
    """Share of the events for training."""
    validation: Annotated[float, Field(gt=0, lt=1)] = 0.2
    """Share of the events that chooses epoch and trial."""
    test: Annotated[float, Field(gt=0, lt=1)] = 0.2
    """Share of the events that only the evaluation sees."""

    @model_validator(mode="after")
    def _sums_to_one(self) -> Split:
        total = self.train + self.validation + self.test
        if not math.isclose(total, 1, abs_tol=1e-6):
            raise Problems.error([((), f"train, validation and test must sum to 1, got {total:g}")])
        return self


class Cache(Model):
    """A shared volume for the prepared shards."""

    claim_name: DnsLabel
    """PersistentVolumeClaim in the resource's namespace."""


class Dataset(Model):
    """The ntuples to learn from."""

    files: Annotated[list[Uri], Field(min_length=1, max_length=256)]
    """ROOT files: s3://, https:// or root:// uris with globs; paths (from the YAML) only in ``jetcal run``."""
    tree: TreePath = "AK4jets/jetTree"
    """Path of the tree in each file; its highest cycle is read."""
    columns: Columns | None = None
    """How the tree names what a jet needs; the schema of CERN Open Data record 12100 when left out."""
    jets: JetSelection = JetSelection()
    """Which jets take part."""
    split: Split = Split()
    """Shares of training, validation and test, by event."""
    cache: Cache | None = None
    """Shared volume for the prepared shards; the node's own disk when left out."""


class ModelSpec(Model):
    """The network: exactly one architecture, its optimiser and its loss."""

    pfn: Pfn | None = None
    """Particle Flow Network; exactly one architecture is given."""
    particle_net: ParticleNet | None = None
    """ParticleNet; exactly one architecture is given."""
    optimizer: Optimizer = Optimizer()
    """How the weights are fitted."""
    loss: Loss = "LogCoshQuantiles"
    """Loss on log(pT_gen / pT_raw): absolute error (masked), Huber, log-cosh (with quantiles), Gaussian."""
    jet_weights: JetWeights = JetWeights()
    """How much each training jet counts."""

    @model_validator(mode="after")
    def _exactly_one_architecture(self) -> ModelSpec:
        given = self._given()
        if len(given) != 1:
            problem = f"give exactly one architecture of {', '.join(ARCHITECTURES)}; got {', '.join(given) or 'none'}"
            raise Problems.error([((), problem)])
        return self

    @property
    def architecture(self) -> str:
        """YAML name of the chosen architecture."""
        return self._given()[0]

    def _given(self) -> list[str]:
        return [name for name in ARCHITECTURES if getattr(self, to_snake(name)) is not None]

    def with_hyperparameters(self, values: Mapping[str, str]) -> ModelSpec:
        """The same network with hyperparameters replaced, given as strings by their names in the search space.

        Raises
        ------
        pydantic.ValidationError
            If a name is not one of the architecture's or a value is not one of the hyperparameter's.
        """
        document = self.model_dump(mode="json", by_alias=True, exclude_none=True)
        places = {tuned: name for name, tuned in OPTIMIZER_PARAMETERS.items()}
        for name, value in values.items():
            if name in places:
                document["optimizer"][places[name]] = value
            else:
                document[self.architecture][name] = value
        return ModelSpec.model_validate(document)

    def without_hyperparameters(self, names: Iterable[str]) -> ModelSpec:
        """The same network with the named hyperparameters at their defaults, where given values have no say."""
        document = self.model_dump(mode="json", by_alias=True, exclude_none=True)
        places = {tuned: name for name, tuned in OPTIMIZER_PARAMETERS.items()}
        for name in names:
            document[self.architecture].pop(name, None)
            document["optimizer"].pop(places.get(name), None)
        return ModelSpec.model_validate(document)


class Setting(Model):
    """One setting of an algorithm."""

    name: SettingName
    """Name that the algorithm knows."""
    value: SettingValue
    """Value, as a string."""


Settings = Annotated[list[Setting], Field(max_length=16), AfterValidator(named_once)]


class Algorithm(Model):
    """How the next trial's hyperparameters are suggested."""

    name: Literal["random", "tpe", "multivariate-tpe", "grid", "bayesianoptimization", "cmaes", "sobol"] = "random"
    """Katib algorithm; ``jetcal run`` knows random and tpe."""
    settings: Settings = []
    """Settings of the algorithm."""


class EarlyStopping(Model):
    """How hopeless trials are ended."""

    algorithm: Literal["medianstop"] = "medianstop"
    """Stop a trial whose objective is worse than the median of the others at the same epoch."""
    settings: Settings = []
    """min_trials_required (3) and start_step (4)."""


class Resources(Model):
    """What each Pod asks for; requests equal limits."""

    cpu: Quantity = "1"
    """Cores."""
    memory: Quantity = "4Gi"
    """Memory."""


class TrainingResources(Resources):
    """What each training Pod asks for."""

    gpus: Annotated[int, Field(ge=0, le=16)] = 0
    """NVIDIA GPUs."""


class Tuning(Model):
    """Search for hyperparameters; leave out to train the given ones."""

    algorithm: Algorithm = Algorithm()
    """How the next trial is suggested."""
    max_trials: Annotated[int, Field(ge=1, le=1000)] = 30
    """Trials in all; counts while the search runs, a search that has ended is not taken up again."""
    parallel_trials: Annotated[int, Field(ge=1, le=100)] = 5
    """Trials at the same time."""
    max_failed_trials: Annotated[int, Field(ge=0, le=1000)] = 5
    """Failed trials that end the search; with 0 the first one does."""
    epochs: Annotated[int, Field(ge=1, le=10_000)] = 10
    """Epochs of each trial."""
    early_stopping: EarlyStopping | None = None
    """End hopeless trials early; never when left out."""
    runtime: Literal["PyTorchJob", "Job"] = "PyTorchJob"
    """Kind of object that runs a trial."""
    resources: TrainingResources = TrainingResources()
    """What each trial asks for."""
    search_space: SearchSpace  # type: ignore[valid-type]  # made by create_model from the table
    """Hyperparameters of the architecture and of the optimiser to tune."""


class Training(Model):
    """The final training; leave out to export the best trial's own model."""

    runtime: Literal["PyTorchJob", "TrainJob", "Job"] = "PyTorchJob"
    """Kind of object that runs the training; Job takes one worker."""
    workers: Annotated[int, Field(ge=1, le=256)] = 1
    """Pods."""
    processes_per_worker: Annotated[int, Field(ge=1, le=64)] = 1
    """Training processes in each Pod."""
    epochs: Annotated[int, Field(ge=1, le=10_000)] = 50
    """Passes over the training set."""
    ensemble: Annotated[int, Field(ge=1, le=16)] = 1
    """Members, each with a seed of its own, trained one after the other and served as one; their spread is reported."""
    resources: TrainingResources = TrainingResources(cpu="4", memory="12Gi")
    """What each Pod asks for."""

    @model_validator(mode="after")
    def _job_is_one_pod(self) -> Training:
        if self.runtime == "Job" and self.workers > 1:
            problem = f"runtime Job takes one worker, got {self.workers}: choose PyTorchJob or TrainJob, or one worker"
            raise Problems.error([(("workers",), problem)])
        return self


class Acceptance(Model):
    """What a candidate must reach to be served."""

    max_non_closure: Annotated[float, Field(gt=0, le=1)] = 0.02
    """Largest allowed abs(median response - 1), beyond its error, in any pT bin above 50 GeV with enough jets."""
    min_resolution_gain: Annotated[float, Field(ge=-1, le=1)] = 0.0
    """Smallest allowed gain 1 - resolution(network) / resolution(standard) above 30 GeV, within its error."""
    must_beat_served: bool = True
    """Whether a resolution worse than that of the revision accepted before, beyond its error, is refused."""


class SystematicSample(Model):
    """Jets of another generator tune or detector, which the correction was not trained for."""

    name: DnsLabel
    """Name in the report and in the corrections' uncertainty sources."""
    files: Annotated[list[Uri], Field(min_length=1, max_length=256)]
    """ROOT files of the same tree and columns as the dataset; every selected jet is a test jet."""


class Evaluation(Model):
    """How a candidate is judged."""

    acceptance: Acceptance = Acceptance()
    """Thresholds."""
    systematics: Annotated[list[SystematicSample], Field(max_length=8), AfterValidator(named_once)] = []
    """Samples whose difference in response is an uncertainty of the correction."""


class Serving(Model):
    """The endpoint."""

    triton_version: TritonVersion = "26.06-py3"
    """Release of Triton; opset and IR of the exported model follow from it."""
    min_replicas: Annotated[int, Field(ge=0, le=1000)] = 1
    """Fewest Pods."""
    max_replicas: Annotated[int, Field(ge=1, le=1000)] = 3
    """Most Pods."""
    resources: TrainingResources = TrainingResources(cpu="2", memory="4Gi")
    """What each Pod asks for."""

    @model_validator(mode="after")
    def _fewest_below_most(self) -> Serving:
        if self.min_replicas > self.max_replicas:
            problem = f"must not be above maxReplicas, got {self.min_replicas} and {self.max_replicas}"
            raise Problems.error([(("minReplicas",), problem)])
        return self


class TensorBoard(Model):
    """The page of the learning curves."""

    enabled: bool = True
    """Whether TensorBoard runs from the start of tuning or training on."""
