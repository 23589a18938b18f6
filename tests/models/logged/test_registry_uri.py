"""Which MLflow is meant."""

import pytest

from features.errors import BundleError
from models.logged.registry_uri import DEFAULT_URI, address, folder_named, in_short, shown

HERE, THERE = "http://127.0.0.1:5000", "http://127.0.0.1:5001"
FILE = "sqlite:///a.db"
TRACKING, REGISTRY = "MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI"


@pytest.mark.parametrize(
    ("option", "environment", "tracking", "registry", "source"),
    [
        (None, {}, DEFAULT_URI, DEFAULT_URI, "the default"),
        (None, {TRACKING: HERE}, HERE, HERE, TRACKING),
        (None, {REGISTRY: THERE}, DEFAULT_URI, THERE, REGISTRY),
        (None, {TRACKING: HERE, REGISTRY: THERE}, HERE, THERE, f"{TRACKING} and {REGISTRY}"),
        (
            "sqlite:///a.db",
            {TRACKING: HERE, REGISTRY: THERE},
            *[FILE] * 2,
            "--registry",
        ),
        (None, {TRACKING: " ", REGISTRY: ""}, DEFAULT_URI, DEFAULT_URI, "the default"),
    ],
)
def test_the_option_then_the_variables_then_the_default(
    option, environment, tracking, registry, source
):
    """An option decides about both URIs; else MLflow's variables do; an empty one is none."""
    found = address(option, environment)
    assert (found.tracking, found.registry, found.source) == (tracking, registry, source)


def test_what_it_says():
    """It names both places, the experiment and who says so."""
    told = {TRACKING: HERE, REGISTRY: THERE, "MLFLOW_EXPERIMENT_NAME": "leads"}
    said = f"{HERE}, versions in {THERE}, experiment 'leads' ({TRACKING} and {REGISTRY})"
    assert str(address(None, told)) == said
    assert address(HERE, told).experiment == "leads"


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("https://ann:secret@mlflow.example/x", "https://***@mlflow.example/x"),
        ("postgresql://a:p@w@db/x", "postgresql://***@db/x"),
        ("sqlite:///artifacts/mlflow.db", "sqlite:///artifacts/mlflow.db"),
        ("postgresql:///x?host=db&password=secret", "postgresql:///x?host=db&password=***"),
        ("http://[broken@secret", "an address that cannot be read"),
    ],
)
def test_no_password_is_shown(uri, said):
    """Who logs in, and with what, is no part of what is printed."""
    assert shown(uri) == said
    assert "secret" not in str(address(uri, {}))


def test_a_program_can_name_it_again():
    """Both URIs stand alone, as an option takes them; a login is no part of them."""
    told = {TRACKING: "https://ann:secret@mlflow.example/x", REGISTRY: FILE}
    found = address(None, told).as_dict()
    assert found == {"tracking": "https://mlflow.example/x", "registry": FILE}
    assert address(found["registry"], {}).registry == FILE


def test_a_folder_of_mlflow_is_no_bundle(tmp_path):
    """Whoever names it is told how the registry beside it is named."""
    runs = tmp_path / "mlruns"
    (runs / "models").mkdir(parents=True)
    for named in (runs, tmp_path):
        with pytest.raises(BundleError, match="where MLflow keeps its files, and no bundle; name"):
            folder_named(str(named))
    file = tmp_path / "mlflow.db"
    file.touch()
    for named in (runs, tmp_path):
        with pytest.raises(BundleError, match=f"beside it is named sqlite:///{file}$"):
            folder_named(str(named))


def test_a_folder_with_anything_but_a_bundle(tmp_path):
    """A bundle may be there, or nothing yet, and what a volume of its own holds is nothing."""
    folder = tmp_path / "serving"
    assert folder_named(str(folder)) == folder
    (folder / "lost+found").mkdir(parents=True)
    (folder / ".keep").touch()
    assert folder_named(str(folder)) == folder
    (folder / "report.json").touch()
    with pytest.raises(BundleError, match=r"holds 'report.json' and no bundle; name the folder of"):
        folder_named(str(folder))
    (folder / "manifest.json").touch()
    assert folder_named(str(folder)) == folder
    with pytest.raises(BundleError, match="file:mlruns is neither a folder nor the URI"):
        folder_named("file:mlruns")


@pytest.mark.parametrize(
    ("said", "short"),
    [
        (
            "API request to http://127.0.0.1:9/api/2.0/x failed with exception"
            " HTTPConnectionPool(host='127.0.0.1', port=9): Max retries exceeded with url: /x"
            " (Caused by NewConnectionError(\"HTTPConnection(host='127.0.0.1', port=9): Failed to"
            ' establish a new connection: [Errno 111] Connection refused"))',
            "nobody answers there (Failed to establish a new connection: [Errno 111] Connection"
            " refused); see that it runs, and that the address is right",
        ),
        (
            "failed (Caused by ReadTimeoutError(\"HTTPConnectionPool(host='a', port=9): Read timed"
            ' out. (read timeout=30)"))',
            "nobody answers there (Read timed out. (read timeout=30)); see that it runs, and that"
            " the address is right",
        ),
        ("RESOURCE_EXHAUSTED: come back later", "RESOURCE_EXHAUSTED: come back later"),
    ],
)
def test_a_server_that_does_not_answer(said, short):
    """What MLflow says of it is told in brief, with what to look at; the rest as it is."""
    assert in_short(said) == short
