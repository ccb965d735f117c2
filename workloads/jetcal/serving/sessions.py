"""Opening ONNX files with ONNX Runtime."""

from __future__ import annotations

from pathlib import Path

import onnxruntime

from jetcal.errors import JetcalError

_ERRORS_ONLY = 3


def open_session(path: Path, threads: int | None = None) -> onnxruntime.InferenceSession:
    """A session on this machine's cores.

    Parameters
    ----------
    path
        The ONNX file.
    threads
        Threads of one operator; the runtime's own choice when left out.

    Raises
    ------
    JetcalError
        If the file cannot be loaded.
    """
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _ERRORS_ONLY
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # leaves busy machines to others
    if threads:
        options.intra_op_num_threads = threads
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its errors have no common base but this
        message = f"{path} is no model that ONNX Runtime {onnxruntime.__version__} can load: {error}"
        raise JetcalError(message) from error
