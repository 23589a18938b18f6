"""`rung demo`: the main job on a simulated log, through the verbs that a user would type."""

from __future__ import annotations

import argparse
import shlex
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from features.ladder.words import things
from rung import logs, publishing, training
from rung.call.arguments import as_count
from rung.call.parser import Progress, add_verb, new_parser
from rung.call.printing import print_line
from rung.judging import policy
from rung.service import run_service

if TYPE_CHECKING:
    from training.simulation.world import Simulation

__all__ = ["add_demo"]

_DAYS: Final = 400
_LATER_DAYS: Final = 130
"""The end of the demo's log, on which the bundle is judged: a purchase's horizon, and more."""
_USED: Final = (
    logs.add_import,
    training.add_train,
    training.add_evaluate,
    publishing.add_publish,
    policy.add_policy,
)


def add_demo(verbs: Any) -> None:
    """Add `rung demo`."""
    demo = add_verb(verbs, "demo", _demo, "simulate leads, train, evaluate, promote and serve")
    demo.add_argument("--once", action="store_true", help="print the top of the queue and exit")
    demo.add_argument("--leads", type=as_count, default=1500, help="how many (default: 1500)")
    demo.add_argument("--ladder", default="b2b", help="a file or a shipped ladder (default: b2b)")
    demo.add_argument("--folder", type=Path, default=Path("artifacts/demo"), help="for its files")
    demo.add_argument("--host", default="127.0.0.1")
    demo.add_argument("--port", type=int, default=8000)


def _demo(parsed: argparse.Namespace, progress: Progress) -> None:
    if not parsed.once:
        from serving.running import check_address

        check_address(parsed.host, parsed.port)  # it serves at the end, and that takes a minute
    folder: Path = parsed.folder
    url, bundle = f"sqlite:///{folder / 'events.db'}", str(folder / "bundle")
    simulation = _simulated(parsed, progress)
    for old in folder.glob("events.db*"):
        old.unlink()
    _train(folder, url, (simulation.end - timedelta(days=_LATER_DAYS)).isoformat(), progress)
    _promote_policy(url, bundle, str(folder / "report"), progress)
    environment = {
        "RUNG_DATABASE_URL": url,
        "RUNG_BUNDLE": bundle,
        "RUNG_HOST": parsed.host,
        "RUNG_PORT": str(parsed.port),
    }
    if parsed.once:
        return _print_queue(environment, progress)
    print(f"\nThe queue: http://{parsed.host}:{parsed.port}/   (Ctrl+C stops)", flush=True)
    return run_service(environment)


def _simulated(parsed: argparse.Namespace, progress: Progress) -> Simulation:
    """A log that ends today, in the folder of the demo beside its ladder."""
    from features.clock import now, when
    from features.files import new_file
    from features.ladder.file import read_ladder
    from training.simulation.world import SimulationConfig, simulate

    parsed.folder.mkdir(parents=True, exist_ok=True)
    ladder = read_ladder(parsed.ladder)
    with new_file(parsed.folder / "ladder.toml") as part:
        part.write_text(ladder.source, encoding="utf-8")
    start = when(now()).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=_DAYS)
    config = SimulationConfig(
        leads=parsed.leads, days=_DAYS, start=start, drawn=True, match_sd=0.4, offer_sd=0.4
    )
    simulation = simulate(ladder, config, progress)
    events = parsed.folder / "events.parquet"
    with new_file(events) as part:
        simulation.events.to_parquet(part, index=False)
    progress(
        f"{things(len(simulation.events), 'event')} of {things(parsed.leads, 'lead')} in {events}"
    )
    return simulation


def _train(folder: Path, url: str, split: str, progress: Progress) -> None:
    ladder, bundle, report = (str(folder / name) for name in ("ladder.toml", "bundle", "report"))
    registry = f"sqlite:///{folder / 'mlflow.db'}"
    for arguments in (
        ["import", str(folder / "events.parquet"), "--store", url],
        ["train", url, "--ladder", ladder, "--out", bundle, "--until", split],
        ["evaluate", url, "--ladder", ladder, "--bundle", bundle, "--report", report,
         "--champion", registry],
        ["publish", bundle, "--report", report, "--promote", "--registry", registry,
         "--accept-reordering", "a demo begins anew", "--by", "rung demo"],
    ):  # fmt: skip
        _run_verb(arguments, progress)


def _promote_policy(url: str, bundle: str, report: str, progress: Progress) -> None:
    from features.errors import NotEnoughData

    try:
        _run_verb(["policy", "evaluate", url, "--bundle", bundle, "--report", report], progress)
        _run_verb(["policy", "promote", bundle, "--report", report], progress)
    except NotEnoughData as error:  # a small demo has little to judge a policy on
        progress(f"the careful policy serves: {error}")


def _run_verb(arguments: list[str], progress: Progress) -> None:
    """Run a verb as a user would type it."""
    progress(f"rung {shlex.join(arguments)}")
    parsed = new_parser(_USED).parse_args(arguments)
    parsed.verb(parsed, progress)


def _print_queue(environment: dict[str, str], progress: Progress) -> None:
    """The top of the queue, as the page shows it."""
    from serving.pages.common.words import chance, likely, points, telling
    from serving.pages.queue.top import top_of_queue
    from serving.settings import Settings

    top = top_of_queue(Settings.from_environment(environment), 10, progress)
    print_line(f"\nThe top of the queue ({things(top.queued, 'lead')})\n")
    for number, place in enumerate(top.places, start=1):
        item = place.item
        step, chance_of_it, between = item["step"], item["probability"], item["interval"]
        print_line(f"{number:3}. {place.name}" + (f", {place.below}" if place.below else ""))
        if step is not None and chance_of_it is not None and between is not None:
            told = likely(between["low"], between["high"])
            print_line(f"     {step['title']}: {chance(chance_of_it)}, {told}")
        for reason in telling(item):
            print_line(f"     {points(reason['points'])}  {reason['text']}")
        if item["suggestion"]:
            print_line(f"     {item['suggestion']['text']}")
