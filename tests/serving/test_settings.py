"""Settings: read once from the environment, refused early, all mistakes at once."""

from dataclasses import fields
from pathlib import Path

import pytest

from serving.settings import Settings, SettingsError


def test_defaults():
    """An environment that says nothing gives the defaults; what is not ours is left alone."""
    assert Settings.from_environment({"PATH": "/bin", "RUNG_PORT": " "}) == Settings()


def test_read():
    """Each variable sets its field."""
    settings = Settings.from_environment(
        {
            "RUNG_DATABASE_URL": "postgresql://db/rung",
            "RUNG_BUNDLE": "bundles/current",
            "RUNG_HOST": "::",
            "RUNG_PORT": "80",
            "RUNG_RESCORE_SECONDS": "60",
            "RUNG_LOG_LEVEL": "WARNING",
            "RUNG_MODEL": "rung-b2b@champion",
            "RUNG_REGISTRY": "sqlite:///mlflow.db",
            "RUNG_LADDER": "b2c",
            "RUNG_SCORING": "elsewhere",
            "RUNG_REPLY_MINUTES": "45",
            "RUNG_RATE_LIMIT": "100",
            "RUNG_RETRAIN_DAYS": "7",
            "RUNG_RETRAIN_ON_DRIFT": "Yes",
            "RUNG_WEBHOOK_PRIVATE": "ALLOW",
            "RUNG_CONNECTORS": "connectors.toml",
        }
    )
    assert settings == Settings(
        database_url="postgresql://db/rung",
        bundle=Path("bundles/current"),
        host="::",
        port=80,
        rescore_seconds=60.0,
        log_level="warning",
        model="rung-b2b@champion",
        registry="sqlite:///mlflow.db",
        ladder="b2c",
        scoring="elsewhere",
        reply_minutes=45.0,
        rate_limit=100.0,
        retrain_days=7.0,
        retrain_on_drift="yes",
        webhook_private="allow",
        connectors=Path("connectors.toml"),
    )


def test_unknown_variable():
    """An unknown RUNG_ variable is an error that names the closest one."""
    with pytest.raises(SettingsError, match=r"RUNG_BUNDEL: no such setting .*'RUNG_BUNDLE'"):
        Settings.from_environment({"RUNG_BUNDEL": "x"})


def test_what_is_for_others_is_passed_over():
    """`rung mcp` reads RUNG_KEY, and may be started from the shell of a service."""
    assert Settings.from_environment({"RUNG_KEY": "rung_a_b"}) == Settings.from_environment({})


@pytest.mark.parametrize(
    ("variable", "value", "remedy"),
    [
        ("RUNG_PORT", "http", "whole number"),
        ("RUNG_PORT", "70000", "whole number"),
        ("RUNG_RESCORE_SECONDS", "soon", "write seconds"),
        ("RUNG_RESCORE_SECONDS", "0", "write seconds"),
        ("RUNG_RESCORE_SECONDS", "nan", "write seconds"),
        ("RUNG_LOG_LEVEL", "loud", "one of debug"),
        ("RUNG_MODEL", "@champion", "a model of the registry and an alias"),
        ("RUNG_MODEL", "rung-b2b@", "a model of the registry and an alias"),
        ("RUNG_REPLY_MINUTES", "soon", "write minutes"),
        ("RUNG_RETRAIN_DAYS", "0.5", "write days"),
        ("RUNG_RETRAIN_DAYS", "nan", "write days"),
        ("RUNG_RETRAIN_DAYS", "weekly", "write days"),
        ("RUNG_SCORING", "outside", "one of inside, elsewhere"),
        ("RUNG_REPLY_MINUTES", "-1", "write minutes"),
        ("RUNG_RATE_LIMIT", "fast", "requests a second"),
        ("RUNG_RATE_LIMIT", "-1", "requests a second"),
        ("RUNG_RATE_LIMIT", "nan", "requests a second"),
    ],
)
def test_unreadable_value(variable, value, remedy):
    """A value that will not do is refused with what would."""
    with pytest.raises(SettingsError, match=f"{variable}: '{value}' will not do .*{remedy}"):
        Settings.from_environment({variable: value})


def test_all_mistakes_at_once():
    """Every mistake is reported, not the first alone."""
    with pytest.raises(SettingsError, match="RUNG_PORT") as caught:
        Settings.from_environment({"RUNG_PORT": "x", "RUNG_HOTS": "y", "RUNG_LOG_LEVEL": "z"})
    assert len(caught.value.mistakes) == 3


@pytest.mark.parametrize(
    ("environment", "registry", "tracking"),
    [
        ({"MLFLOW_TRACKING_URI": "http://127.0.0.1:1"}, "http://127.0.0.1:1", ""),
        (
            {"MLFLOW_TRACKING_URI": "http://127.0.0.1:1", "MLFLOW_REGISTRY_URI": "sqlite:///a.db"},
            "sqlite:///a.db",
            "http://127.0.0.1:1",
        ),
        (
            {"MLFLOW_TRACKING_URI": "http://127.0.0.1:1", "RUNG_REGISTRY": "sqlite:///b.db"},
            "sqlite:///b.db",
            "",
        ),
    ],
)
def test_the_registry_of_mlflows_own_variables(environment, registry, tracking):
    """Where RUNG_REGISTRY says nothing, MLflow's variables do."""
    found = Settings.from_environment(environment)
    assert (found.registry, found.tracking) == (registry, tracking)


def test_documented():
    """Every setting is in the operator's page, with its default."""
    page = (Path(__file__).parents[2] / "docs" / "serving.md").read_text()
    for field in fields(Settings):
        default = f"{field.default:g}" if isinstance(field.default, float) else field.default
        shown = f"`{default}`" if default else "–"
        (row,) = [line for line in page.splitlines() if f"| `RUNG_{field.name.upper()}`" in line]
        assert row.endswith(f"| {shown} |")
