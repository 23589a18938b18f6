"""What a finding says, and the message that stops training."""

from __future__ import annotations

from training.trust.suspicion import LeakFound, Suspicion


def test_the_message_names_all_and_says_how_to_go_on():
    """Every finding has a line, and the first id is shown with what accepts it."""
    found = [
        Suspicion("trait.x", "too good", "is too good"),
        Suspicion("order", "time reversed", "runs"),
    ]
    assert str(LeakFound(found)).splitlines() == [
        "not trained: the log seems to know outcomes before they come about",
        "  trait.x (too good): is too good",
        "  order (time reversed): runs",
        "  what is meant to be so is accepted with a reason, which the bundle keeps:"
        ' --accept-leak trait.x "why it is known by then"',
    ]
    assert found[0].as_dict()["figures"] == {}


def test_the_message_has_the_example():
    """Who is at the terminal is told whom to look at."""
    found = Suspicion("copies", "shuffled", "some are alike", example="such as 'a' and 'b'")
    assert "  copies (shuffled): some are alike (such as 'a' and 'b')" in str(LeakFound([found]))
    assert "example" not in found.as_dict()
