"""What a driver does on a cluster in one session: all verbs, one after another.

Run by the Python that has PySpark, with its arguments as a JSON object.
"""

from __future__ import annotations

import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

from features.ladder.file import read_ladder
from rung.cluster.examples import Drawing, write_examples
from rung.cluster.folds import SharedBundle, score, write_snapshots
from rung.cluster.importing import Importing, import_events
from rung.cluster.parts import PartFolder
from rung.cluster.session import spark_cluster


def main(asked: dict[str, Any]) -> None:
    """Import, signals, scores and training set, each into a folder beside the log's."""
    root, bundle = Path(asked["root"]), Path(asked["bundle"])
    as_of, ladder = datetime.fromisoformat(asked["as_of"]), read_ladder("b2b")
    present = asked["present"]
    with spark_cluster(asked["master"], asked["settings"]) as session:
        import_events(session, Path(asked["events"]), root / "parts", 6, Importing())
        parts = PartFolder.of_events(root / "parts")
        write_snapshots(session, parts, ladder, as_of, present, root / "signals")
        served = SharedBundle(bundle, asked["hash"])
        score(session, parts, served, as_of, present, root / "scores")
        write_examples(session, parts, ladder, Drawing(None, 7, 500), present, root / "examples")


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
