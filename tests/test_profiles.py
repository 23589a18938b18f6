"""The two profiles of hypothesis: a quick run tries less, and the full one no less than asked."""

import pytest
from hypothesis import settings

from tests.profiles import examples, load_profile


@pytest.fixture
def profile(monkeypatch):
    """Loads the profile that an environment asks for; the one of this run is loaded again."""
    held = settings.get_current_profile_name()

    def load(**environment: str) -> str:
        for name in ("CI", "HYPOTHESIS_PROFILE", "PROOF_EXAMPLES"):
            monkeypatch.delenv(name, raising=False)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        load_profile()
        return settings.get_current_profile_name()

    yield load
    settings.load_profile(held)


@pytest.mark.parametrize(
    ("environment", "name"),
    [
        ({}, "dev"),
        ({"CI": ""}, "dev"),
        ({"CI": "false"}, "dev"),
        ({"CI": "true"}, "ci"),
        ({"CI": "true", "HYPOTHESIS_PROFILE": "dev"}, "dev"),
        ({"HYPOTHESIS_PROFILE": "ci"}, "ci"),
    ],
)
def test_which(profile, environment, name):
    """The environment names the profile; where nothing does, it is the quick one."""
    assert profile(**environment) == name


def test_examples(profile):
    """In `ci` a test gets the examples it asks for, in `dev` a quarter, and never next to none."""
    profile(HYPOTHESIS_PROFILE="ci")
    assert [examples(full) for full in (3, 12, 100, 300)] == [3, 12, 100, 300]
    assert settings().max_examples == 100
    profile(HYPOTHESIS_PROFILE="ci", PROOF_EXAMPLES="50")
    assert [examples(full) for full in (3, 12, 100, 300)] == [3, 6, 50, 150]
    profile(HYPOTHESIS_PROFILE="dev")
    assert [examples(full) for full in (3, 12, 100, 300)] == [3, 5, 25, 75]
    assert settings().max_examples == 25
