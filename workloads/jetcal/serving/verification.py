"""Whether an endpoint serves the wanted revision and answers as the exported network does."""

from __future__ import annotations

from jetcal import storage, worker
from jetcal.errors import TransientError
from jetcal.export.golden import Golden
from jetcal.serving.triton import TritonModel
from jetcal_api.documents import VerifyInput
from jetcal_api.results import ExportResult, VerifyResult

READY_SECONDS = 300.0


def verify(document: VerifyInput, ready_seconds: float = READY_SECONDS) -> VerifyResult:
    """Replay the golden sample of the wanted export at the endpoint.

    Parameters
    ----------
    document
        Which export, at which address.
    ready_seconds
        How long to wait for the model.

    Raises
    ------
    TransientError
        If the endpoint does not answer in time, or still serves another revision: a rollout may be under way.
    JetcalError
        If the wanted revision gives other answers.
    """
    exported = worker.load_result(document.storage, "export", document.export, ExportResult)
    golden = Golden.from_bytes(storage.read_bytes(exported.golden))
    with TritonModel(document.url) as model:
        model.wait_ready(ready_seconds)
        version = model.server_version()
        revision = model.revision()
        if revision != document.export:
            message = (
                f"{document.url}: serves revision {revision or 'unknown'}, not {document.export}; "
                f"point it at {exported.repository}"
            )
            raise TransientError(message)
        parity = golden.compare(model.infer)
    parity.require(golden.limits, f"Triton {version} at {document.url}")
    return VerifyResult(
        uri=document.url,
        revision=revision,
        server_version=version,
        jets=len(golden),
        max_relative=parity.max_relative,
    )
