"""The example notebook, run cell by cell against a real tritonserver."""

from __future__ import annotations

from pathlib import Path

import nbclient
import nbformat
import pytest
from tests.support.exports import SPECS, export_input, trained_storage
from tests.support.ntuples import write_ntuple
from tests.support.toys import toy_jets
from tests.support.triton import serving

from jetcal.export.stage import export

NOTEBOOK = Path(__file__).parents[2] / "examples" / "analysis.ipynb"

pytestmark = [pytest.mark.triton, pytest.mark.filterwarnings("default")]  # jupyter's own warnings are not ours


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("calibration")
    trained_storage(folder, SPECS["pfn"])
    result = export(export_input(folder))
    ntuple = folder / "jets.root"
    write_ntuple(ntuple, toy_jets(1500, seed=4))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    with (
        serving(Path(result.repository), tmp_path_factory.mktemp("server")) as server,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("JETCAL_ENDPOINT", server.url)
        patch.setenv("JETCAL_NTUPLE", str(ntuple))
        nbclient.NotebookClient(notebook, timeout=240).execute()
    return notebook


def printed(notebook):
    return "".join(output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", []))


def test_every_cell_runs_and_the_plots_are_drawn(executed):
    outputs = [output for cell in executed.cells for output in cell.get("outputs", [])]
    assert not [output for output in outputs if output.output_type == "error"]
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 3


def test_the_server_has_counted_the_jets_that_were_asked_for(executed):
    text = printed(executed)
    jets = int(text.split(" jets with ")[0].rsplit(maxsplit=1)[-1])
    assert jets > 1000
    assert f"{jets} jets in " in text
    assert "resolution above 30 GeV" in text
