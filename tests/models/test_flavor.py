"""The bundle as an MLflow pyfunc."""

import pandas as pd

from features.signals.snapshot import snapshot
from models.flavor import SignalsToScores, _load_pyfunc


def test_it_scores_as_the_bundle_does(trained, bundle_folder, simulated_log, b2b, simulation):
    """A frame of signals becomes the frame of scores that the bundle itself gives."""
    shot = snapshot(simulated_log, b2b, None, simulation.end)
    model = _load_pyfunc(str(bundle_folder))
    assert isinstance(model, SignalsToScores)
    found = model.predict(shot.frame(), params={"ignored": 1})
    pd.testing.assert_frame_equal(found, trained.score_frame(shot.frame()))
    assert list(found)[:2] == ["lead_id", "as_of"]
