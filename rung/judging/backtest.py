"""`rung backtest`: how good bundles would have been, origin by origin, and how best to train."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from rung.call import arguments, options
from rung.call.parser import Progress, add_verb
from rung.call.printing import print_json, print_line, print_markdown
from rung.call.reading import read

if TYPE_CHECKING:
    from features.events.log import EventLog
    from models.bundle import Bundle
    from training.scores.backtest.folds import TrainingChoice

__all__ = ["add_backtest"]


def add_backtest(verbs: Any) -> None:
    """Add `rung backtest`."""
    verb = add_verb(verbs, "backtest", _backtest, "train and judge at instants of the past")
    options.events_argument(verb)
    options.ladder_option(verb)
    verb.add_argument("--folds", type=arguments.as_count, default=6, help="default: 6")
    verb.add_argument(
        "--look-back",
        type=arguments.as_days,
        nargs="+",
        default=[],
        metavar="DAYS",
        help="compare training on points of so many days alone with training on all",
    )
    verb.add_argument(
        "--report", type=arguments.as_folder, help="write backtest.json, backtest.md, a plot here"
    )
    options.accept_leak_option(verb)
    options.reading_options(verb)
    options.json_option(verb)


def _backtest(parsed: argparse.Namespace, progress: Progress) -> None:
    from training.pipeline import TrainConfig, train
    from training.scores.backtest.folds import DEFAULT, TrainingChoice, backtest
    from training.scores.backtest.page import as_dict, table, verdict_lines, write_backtest
    from training.scores.written.wording import TITLES

    accepted = options.accepted_leaks(parsed)
    ladder, log = read(parsed, progress)

    def fit(log: EventLog, until: int, choice: TrainingChoice) -> Bundle:
        config = TrainConfig(look_back_days=choice.look_back_days)
        return train(log, ladder, until=until, config=config, accepted=accepted)

    choices = [DEFAULT, *(TrainingChoice(days) for days in dict.fromkeys(parsed.look_back))]
    found = backtest(log, ladder, fit, folds=parsed.folds, choices=choices, progress=progress)
    if parsed.report:
        progress(f"report in {write_backtest(found, parsed.report)}")
    if parsed.json:
        return print_json(as_dict(found))
    for goal, title in TITLES.items():
        print(title)
        print_markdown(table(found, goal))
        print()
    for line in verdict_lines(found):
        print_line(line)
    return None
