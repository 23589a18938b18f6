"""How figures are written down."""

from training.scores.written.wording import number, percent, with_error


def test_figures_as_text():
    """A figure is rounded; one that does not exist is a dash."""
    assert [number(None, ".2f"), number(1.234, ".2f")] == ["–", "1.23"]
    assert [percent(None), percent(0.1234)] == ["–", "12.3%"]


def test_errors_stand_beside():
    """Where there is one; a minus is a real minus sign, and a plus is written where asked for."""
    assert [with_error(None, 0.1), with_error(0.5, None)] == ["–", "0.5000"]
    assert with_error(-0.5, 0.25) == "\N{MINUS SIGN}0.5000 ± 0.2500"
    assert with_error(0.5, 0.25, sign="+") == "+0.5000 ± 0.2500"
