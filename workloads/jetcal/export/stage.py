"""The export stage: checkpoint in; model repository, golden sample and model card out."""

from __future__ import annotations

import hashlib
from importlib.metadata import version

from jetcal import models, storage, worker
from jetcal.data.jets import CONSTITUENT_COLUMNS, JET_COLUMNS, OUTPUTS
from jetcal.data.shards import open_part
from jetcal.errors import JetcalError
from jetcal.export import card, golden, repository
from jetcal.export.ensemble import Ensemble
from jetcal.export.graph import Factors, to_onnx
from jetcal.export.parity import LIMITS
from jetcal.export.validity import Validity
from jetcal.models.registry import ENCODERS
from jetcal.serving.inference import OnnxModel
from jetcal.serving.signature import REVISION, SPREAD, VALIDITY
from jetcal_api.documents import MODEL_NAME, ExportInput
from jetcal_api.results import ExportResult, PrepareResult, TrainResult

PACKAGES = ("jetcal", "torch", "onnx", "onnxruntime")


def export(document: ExportInput) -> ExportResult:
    """Export, check and publish the network, or all networks of the ensemble, that ``document`` names.

    Raises
    ------
    JetcalError
        If an earlier stage is missing, the network cannot be expressed, or ONNX Runtime disagrees with torch.
    """
    source = document.source
    where = [source.trial] if source.trial else []
    training = worker.load_result(document.storage, source.stage, source.fingerprint, TrainResult, *where)
    dataset = worker.load_result(document.storage, "dataset", document.dataset, PrepareResult)
    checkpoints = [member.checkpoint for member in training.members] or [training.checkpoint]
    networks = [models.load(storage.localize(checkpoint)) for checkpoint in checkpoints]
    network = Ensemble(networks) if len(networks) > 1 else networks[0]
    architecture = _architecture(networks[0])
    outputs = (*OUTPUTS, SPREAD) if len(networks) > 1 else OUTPUTS
    validity = Validity.of(open_part(dataset, "train"))
    versions = {package: version(package) for package in PACKAGES}
    properties = {
        "architecture": architecture,
        "constituents": " ".join(CONSTITUENT_COLUMNS),
        "correction": " ".join(outputs),
        "dataset": document.dataset,
        "jet": " ".join(JET_COLUMNS),
        "members": str(len(networks)),
        "training": "/".join([source.stage, source.fingerprint, *where]),
        REVISION: document.fingerprint,
        VALIDITY: validity.to_json(),
        **versions,
    }
    model = to_onnx(network, document.opset, document.ir, properties).SerializeToString(deterministic=True)
    longest = validity.constituents[1]
    sample = golden.make(Factors(network), open_part(dataset, "test"), longest, LIMITS[architecture])
    sha256 = hashlib.sha256(model).hexdigest()
    attempt = worker.attempt_uri(document)
    with storage.working_folder(attempt) as folder:
        told = {name: properties[name] for name in (REVISION, VALIDITY)}
        path = repository.write(folder / "repository", model, told, len(outputs))
        parity = sample.compare(OnnxModel(path).infer)
        parity.require(sample.limits, f"ONNX Runtime {versions['onnxruntime']} on the exported {architecture}")
        (folder / "golden.npz").write_bytes(sample.to_bytes())
        facts = card.Facts(document, architecture, training, dataset, validity, parity, sample, sha256, versions)
        (folder / "model-card.md").write_text(card.write(facts))
    return worker.publish(
        ExportResult(
            uri=worker.result_uri(document),
            repository=storage.join(attempt, "repository"),
            model=MODEL_NAME,
            sha256=sha256,
            opset=document.opset,
            ir=document.ir,
            golden=storage.join(attempt, "golden.npz"),
            card=storage.join(attempt, "model-card.md"),
            members=len(networks),
            parity={"max_relative": parity.max_relative, "share_within_1e5": parity.share_within_1e5},
        )
    )


def _architecture(network: models.Network) -> str:
    for name, encoder in ENCODERS.items():
        if encoder is type(network.encoder):
            return name
    message = f"{type(network.encoder).__name__} is no registered architecture"
    raise JetcalError(message)
