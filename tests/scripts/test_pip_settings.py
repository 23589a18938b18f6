"""What pip is told on a machine reaches uv, and what uv cannot be told is left to pip."""

import sys
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import pytest

from tests.scripts.loading import load

LISTED = """\
:env:.find-links='/wheels more'
global.cert='/ca.pem'
global.extra-index-url='\\nhttps://one.example/simple\\nhttps://two.example/simple'
global.find-links='/not/these'
global.timeout='10'
install.timeout='60'
download.timeout='5'
"""


@pytest.fixture(scope="module")
def settings() -> ModuleType:
    """The script, which belongs to no package."""
    return load("pip_settings")


@pytest.fixture(autouse=True)
def unconfigured(monkeypatch, settings):
    """No setting of the machine that runs the tests."""
    for name in (*settings.OWN_SOURCES, "UV_HTTP_TIMEOUT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(settings, "_system_has_certificates", lambda: False)


def after(words: list[str], option: str) -> list[str]:
    """The values that an option is given."""
    return [value for word, value in pairwise(words) if word == option]


def test_strongest_wins(settings):
    """The environment comes before [install], that before [global]; other commands do not count."""
    found = settings.parse(LISTED)
    assert (found["find-links"], found["timeout"]) == ("/wheels more", "60")


def test_places(settings):
    """A setting may name several places; a folder is found from where make runs."""
    words = settings.options(settings.parse(LISTED), Path("/clone"))
    assert after(words, "--find-links") == ["/wheels", "/clone/more"]
    assert after(words, "--index") == ["https://one.example/simple", "https://two.example/simple"]
    assert after(words, "--index-strategy") == ["unsafe-best-match"]
    assert after(words, "--cert") == ["/ca.pem"]


def test_mirror_alone(settings):
    """An index in place of the public one stays the only one."""
    words = settings.options({"index-url": "https://mirror.example/simple"}, Path("/clone"))
    assert after(words, "--default-index") == ["https://mirror.example/simple"]


@pytest.mark.parametrize(("value", "said"), [("1", True), ("true", True), ("0", False)])
def test_switch(settings, value, said):
    """A switch counts when it is on, in any of pip's spellings."""
    assert ("--no-index" in settings.options({"no-index": value}, Path("/clone"))) is said


def test_who_configured_uv_is_heard(settings, monkeypatch):
    """Where uv has been told its index, pip's is not put over it."""
    monkeypatch.setenv("UV_DEFAULT_INDEX", "https://mine.example/simple")
    monkeypatch.setenv("UV_HTTP_TIMEOUT", "7")
    assert "--index" not in settings.options(settings.parse(LISTED), Path("/clone"))
    assert settings.variables(settings.parse(LISTED))["UV_HTTP_TIMEOUT"] == "7"


def test_proxy(settings):
    """A proxy of pip's is uv's for every kind of address."""
    said = settings.variables({"proxy": "http://proxy.example:3128"})
    assert said["ALL_PROXY"] == said["HTTPS_PROXY"] == "http://proxy.example:3128"


def test_no_python_is_fetched(settings, monkeypatch):
    """uv uses the Python of .venv: it fetches none and takes none of the system."""
    monkeypatch.setenv("UV_SYSTEM_PYTHON", "1")
    said = settings.variables({})
    assert said["UV_PYTHON_DOWNLOADS"] == "never"
    assert "UV_SYSTEM_PYTHON" not in said


def test_unknown_setting_is_for_pip(settings):
    """What uv has no word for is named; what does not matter is not."""
    found = {"keyring-provider": "import", "no-input": "1", "index-url": "https://mirror.example"}
    assert settings.only_pip(found, []) == ["keyring-provider"]


@pytest.mark.parametrize(
    ("text", "matters"),
    [
        ("# cap\ntorch<=2.14\n", False),
        ("torch<=2.14\nNumPy<3  # ours\n", True),
        ("scikit_learn<2", True),
        ("-r other.txt", True),
    ],
)
def test_constraint(settings, tmp_path, text, matters):
    """A constraint matters when it names a package that is locked, in any spelling."""
    file = tmp_path / "constraints.txt"
    file.write_text(text)
    locked = ["numpy", "scikit-learn"]
    assert (settings.only_pip({"constraint": str(file)}, locked) == ["constraint"]) is matters


def test_constraint_out_of_reach(settings, tmp_path):
    """A constraint that cannot be read is left to pip."""
    assert settings.only_pip({"constraint": str(tmp_path / "none")}, []) == ["constraint"]


def test_pip_is_asked(settings, monkeypatch):
    """What a real pip lists is understood."""
    monkeypatch.setenv("PIP_INDEX_URL", "https://mirror.example/simple")
    assert settings.read(Path(sys.executable))["index-url"] == "https://mirror.example/simple"
