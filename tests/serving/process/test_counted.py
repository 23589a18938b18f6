"""What was counted last, on the ladder of now; and why there is nothing, where there is not."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import replace

import pytest
from fastapi.exceptions import RequestValidationError

import rung
from features.errors import FunnelError
from features.ladder.file import read_ladder
from features.store.privacy import Privacy
from models.judging.funnel.selection import Selection
from serving.process.counted import (
    by_hand,
    causes_now,
    named_now,
    not_counted,
    only_from,
    stays_now,
    uncounted,
    when_made,
)
from serving.process.service import Service
from serving.settings import Settings
from tests.serving.counting import count


@pytest.fixture
def service(url, folder):
    with closing(Service.open(Settings(url, folder / "rates"))) as service:
        yield service


@pytest.mark.parametrize(
    ("settings", "why", "said"),
    [
        ({}, "no ladder", "once there is a model, or RUNG_LADDER names a ladder"),
        ({"ladder": "b2b"}, "soon", "within minutes of the first events"),
        ({"ladder": "b2b", "funnel_seconds": 0.0}, "off", "RUNG_FUNNEL_SECONDS is 0"),
    ],
)
def test_why_nothing_was_counted(url, tmp_path, settings, why, said):
    with closing(Service.open(Settings(url, tmp_path / "none", **settings))) as service:
        assert stays_now(service) is None
        assert causes_now(service) is None
        assert uncounted(service) == why
        assert said in str(not_counted(service))


@pytest.mark.parametrize("verb", ["funnel", "readiness"])
@pytest.mark.parametrize("ladder", ["b2b", ""])
def test_what_is_to_be_run_by_hand_runs(url, folder, capsys, verb, ladder):
    """The command that is named is one, with what stands in capitals in it; it is there then."""
    settings = Settings(url, folder / "rates", ladder=ladder)
    with closing(Service.open(settings)) as service:
        command = by_hand(service, verb)
        assert f"`{command}` does it now" in when_made(service, verb, 3600.0)
        known = {"URL": url, "LADDER": "b2b", "BUNDLE": str(folder / "rates")}
        program, *words = [known.get(word, word) for word in command.split()]
        assert program == "rung"
        assert rung.main([*words, "--json"]) == 0
        assert json.loads(capsys.readouterr().out)
        assert (stays_now(service) is not None) is (verb == "funnel")


def test_of_another_version_of_the_ladder(service):
    ladder = service.ladder
    count(service.store, replace(ladder, purchase=replace(ladder.purchase, horizon_days=60.0)))
    assert stays_now(service) is None
    assert uncounted(service) == "other version"
    assert "of another version of it; it will be within 3600 seconds" in str(not_counted(service))


def test_what_went_with_a_lead_that_was_erased(service):
    """It was counted, and will be again soon: neither is denied."""
    count(service.store, service.ladder)
    Privacy(service.store.database).erase("lead-0001", service.clock())
    assert stays_now(service) is None
    assert causes_now(service) is None
    assert uncounted(service) == "erased"
    said = str(not_counted(service))
    assert "a lead was erased, and what was counted named it; it will be there within 2" in said
    assert "not counted yet" not in said
    count(service.store, service.ladder)
    assert stays_now(service) is not None


def test_who_was_erased_and_nobody_looked_until_it_was_counted_again(service):
    """What is in memory is not gone by any more, though nothing is known that was not before."""
    before = count(service.store, service.ladder)
    held = stays_now(service)
    assert held is not None
    last = int(service.store.log(service.ladder).known.max())
    gone = next(
        lead for lead in held.leads if max(row[2] for row in service.store.events_of(lead)) < last
    )
    Privacy(service.store.database).erase(gone, service.clock())
    assert count(service.store, service.ladder).until == before.until
    again = stays_now(service)
    assert again is not None
    assert set(held.leads) - set(again.leads) == {gone}


def test_titles_are_those_of_now(service):
    """They are no part of what is counted."""
    ladder = service.ladder
    titled = replace(ladder, purchase=replace(ladder.purchase, title="Signature"))
    count(service.store, titled)
    stays = stays_now(service)
    assert stays is not None
    assert stays.ladder.purchase.title == ladder.purchase.title


def test_who_opted_out_since_is_left_out(service):
    stays = count(service.store, read_ladder("b2b"))
    first = stays.ladder.goals[0].id
    before = named_now(service, stays, first, None, Selection())
    gone = before.leads[int(before.lead[0])]
    service.scorer.privacy.opt_out([gone], service.clock(), "asked")
    after = named_now(service, stays, first, None, Selection())
    assert after.lead.tolist() == before.lead[1:].tolist()


def test_what_is_asked_of_leads():
    assert only_from(["source:paid:search", "industry:"]) == {
        "source": "paid:search",
        "industry": None,
    }
    with pytest.raises(RequestValidationError, match="write a trait, a colon and its value"):
        only_from(["source"])
    with pytest.raises(FunnelError, match="asked for twice"):
        only_from(["source:a", "source:b"])
