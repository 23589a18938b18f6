"""The notebooks run from top to bottom, in silence, and are stored without what they showed."""

from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = sorted((Path(__file__).resolve().parent.parent / "notebooks").glob("*.ipynb"))


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request: pytest.FixtureRequest) -> Any:
    return nbformat.read(request.param, as_version=4)


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to run in; Jupyter's own files, and those of the user, are kept out of it."""
    for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"):
        monkeypatch.setenv(name, str(tmp_path / "jupyter"))
    monkeypatch.delenv("PYTHONWARNINGS", raising=False)
    monkeypatch.delenv("MPLBACKEND", raising=False)
    (tmp_path / "cwd").mkdir()
    return tmp_path


def outputs(notebook: Any) -> list[Any]:
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return [output for cell in cells for output in cell.outputs]


def test_there_are_three():
    """The pages speak of three notebooks."""
    assert len(NOTEBOOKS) == 3


def test_stored_without_outputs(notebook):
    """What a notebook showed is not stored, nor how often its cells were run."""
    assert outputs(notebook) == []
    assert {cell.get("execution_count") for cell in notebook.cells} == {None}
    assert all(not cell.metadata for cell in notebook.cells)


@pytest.mark.slow
def test_runs(notebook, folders):
    """Every cell runs; nothing is said on standard error, no warning and no file is left behind.

    The kernel is a process of its own, so what is an error to our tests is a line of text there.
    """
    client = NotebookClient(
        notebook,
        timeout=300,
        kernel_name="python3",  # which Jupyter takes to be this interpreter
        resources={"metadata": {"path": str(folders / "cwd")}},
    )
    client.execute()
    said = [output.text for output in outputs(notebook) if output.get("name") == "stderr"]
    assert said == []
    assert any("image/png" in output.get("data", {}) for output in outputs(notebook))
    assert list((folders / "cwd").iterdir()) == []
