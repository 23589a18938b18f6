"""A card of the shared bundle, with what is said of it changed."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from models.logged.card.on_record import OnRecord
from tests.gates import scores_gate


@pytest.fixture
def known(trained) -> Callable[..., OnRecord]:
    """What is known of the bundle: with keys of its manifest, and with a report or without."""

    def made(report: dict[str, Any] | None = None, ladder: Any = None, **manifest: Any) -> OnRecord:
        bundle = replace(trained, manifest=trained.manifest | manifest)
        bundle = bundle if ladder is None else replace(bundle, ladder=ladder)
        return OnRecord(
            bundle, None if report is None else scores_gate(bundle, **report), "careful"
        )

    return made
