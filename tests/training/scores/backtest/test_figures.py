"""A fold's figures are found by choice and goal."""

from training.scores.backtest.figures import FoldFigures, FoldResult


def test_of_a_choice_and_goal():
    """Each choice has one set of figures a goal."""
    figures = tuple(
        FoldFigures(choice, goal, at, 0)
        for at, (choice, goal) in enumerate([("a", "x"), ("a", "y"), ("b", "x"), ("b", "y")])
    )
    fold = FoldResult(0, 1, figures)
    assert fold.of("b", "x").n == 2
    assert fold.of("a", "y").n == 1
