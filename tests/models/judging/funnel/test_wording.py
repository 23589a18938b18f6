"""What is said of whom a funnel counts."""

from __future__ import annotations

from models.judging.funnel.wording import counted_said


def test_which_leads_are_counted():
    """Those that had come by an instant that is said, and not all that are known."""
    said = counted_said(1487, "2026-03-09Z", "2026-03-02Z", " (source is mail)")
    assert said == (
        "By what was known at 2026-03-09Z, of 1,487 leads (source is mail) that had come by"
        " 2026-03-02Z: what happened later does not count yet, as news of it may still come."
    )


def test_where_no_news_is_late():
    assert counted_said(1, "2026-03-09Z", "2026-03-09Z") == (
        "By what was known at 2026-03-09Z, of 1 lead."
    )
