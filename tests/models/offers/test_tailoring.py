"""An offer made to fit a lead: what it continues, what is asked, and how it is put."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from features.ladder.ladder import Effort, Framing, Limits, Offer, Trait
from features.offers.history import OfferHistory, history_of
from models.offers.tailoring import (
    framing_of,
    next_field,
    personalisation,
    something_useful,
)


@pytest.fixture
def ladder(b2b):
    """The shipped ladder with three traits, one of them personal, and room for two fields."""
    traits = (
        Trait("phone", "category", personal=True),
        Trait("industry", "category"),
        Trait("size", "number"),
    )
    return replace(b2b, traits=traits, limits=replace(Limits(), form_fields=2))


@pytest.fixture
def nothing(ladder) -> OfferHistory:
    return history_of((), ladder, 0)


def offer(**more: object) -> Offer:
    plain = Offer(id="talk", step="x", title="A talk", kind="session", effort=Effort())
    return replace(plain, **more)  # type: ignore[arg-type]


# ----------------------------------------------------------------------------------- the next field


def test_the_field_that_tells_most(ladder, nothing):
    """Of what is unknown; between equals the first that is not personal."""
    assert next_field(ladder, 1, nothing, {"size": 0.3, "industry": 0.1}) == "size"
    assert next_field(ladder, 1, nothing, {}) == "industry"
    known = replace(nothing, fields=frozenset({"size"}))
    assert next_field(ladder, 1, known, {"size": 0.3, "phone": 0.2}) == "phone"
    assert next_field(ladder, 1, nothing, {"size": 0.3}, already=["size"]) == "industry"


def test_nothing_is_asked_twice_or_at_the_first_step(ladder, nothing):
    """Nor of a customer, nor where everything is known."""
    everything = replace(nothing, fields=frozenset({"size", "industry", "phone"}))
    assert next_field(ladder, 1, everything, {}) is None
    assert next_field(ladder, 0, nothing, {}) is None
    assert next_field(ladder, len(ladder.goals), nothing, {}) is None


def test_one_more_field_where_there_is_room(ladder, nothing):
    """A form lists what the offer needs and is not known; a full one asks nothing beside it."""
    short = offer(effort=Effort(form_fields=("email",)))
    full = offer(effort=Effort(form_fields=("email", "name")))
    known = replace(nothing, fields=frozenset({"email"}))
    assert personalisation(short, ladder, 1, nothing, {})["ask_field"] == "industry"
    assert personalisation(full, ladder, 1, nothing, {})["ask_field"] is None
    found = personalisation(full, ladder, 1, known, {})
    assert (found["form_fields"], found["ask_field"]) == (["name"], "industry")
    assert personalisation(offer(role="support"), ladder, 1, nothing, {})["ask_field"] is None


@pytest.mark.parametrize(
    ("known", "form", "left"),
    [
        ({"email", "name"}, ("name", "email"), []),
        ({"email", "firstname", "name"}, ("firstName", "E-Mail", "company_size"), ["company_size"]),
        ({"companysize"}, ("email", "company size", "companySize"), ["email"]),
        (set(), ("email", "emailAddress", "Email"), ["email"]),
    ],
)
def test_a_form_asks_nothing_known(ladder, nothing, known, form, left):
    """Whatever the offer calls it; nor the same thing twice by two names."""
    asks = offer(effort=Effort(form_fields=form))
    known = replace(nothing, fields=frozenset(known))
    assert personalisation(asks, ladder, 1, known, {})["form_fields"] == left


def test_a_trait_that_is_known_by_another_name(b2b, nothing):
    """It is not asked for, neither where a form told it nor where the offer's own form asks."""
    traits = (Trait("companySize", "number"), Trait("role", "category", personal=True))
    ladder = replace(b2b, traits=traits)
    assert next_field(ladder, 1, nothing, {}) == "companySize"
    known = replace(nothing, fields=frozenset({"companysize"}))
    assert next_field(ladder, 1, known, {"companySize": 1.0}) == "role"
    assert next_field(ladder, 1, nothing, {}, already=["company_size"]) == "role"
    assert next_field(ladder, 1, known, {}, already=["Job title"]) is None


# ------------------------------------------------------------------------------ topics and sessions


def test_what_the_lead_read_is_continued(ladder, nothing):
    """The first topic that both share, else the offer's own."""
    read = replace(nothing, topics=("pricing", "security"))
    on = offer(topics=("roi", "security"))
    found = personalisation(on, ladder, 1, read, {})
    assert (found["topic"], found["continues"]) == ("security", ["security"])
    found = personalisation(on, ladder, 1, nothing, {})
    assert (found["topic"], found["continues"]) == ("roi", [])
    assert personalisation(offer(), ladder, 1, read, {})["topic"] is None


def test_a_topic_in_another_spelling_is_continued(ladder, nothing):
    """What an offer is about stands as the offer has it, and no other topic by it."""
    known = replace(nothing, topics=("Data-Security", "ROI"))
    about = offer(topics=("data security", "roi", "risk"))
    found = personalisation(about, ladder, 2, known, {})
    assert (found["topic"], found["continues"]) == ("data security", ["data security", "roi"])
    assert personalisation(offer(topics=("!?",)), ladder, 2, known, {})["continues"] == []
    plainly, other = offer(id="a"), offer(id="b", topics=("DATA SECURITY",))
    assert something_useful([plainly, other], known) == other


def test_gaps_are_the_agenda_of_a_session(ladder, nothing):
    """Only where people meet; the minutes are shared evenly. A pilot is no session."""
    told = replace(nothing, gaps=("routing", "reports"))
    session = offer(effort=Effort(minutes=45, human=True), topics=("roi",))
    found = personalisation(session, ladder, 1, told, {})
    assert found["gaps"] == ["routing", "reports"]
    assert found["agenda"] == [
        {"topic": "routing", "minutes": 22.5},
        {"topic": "reports", "minutes": 22.5},
    ]
    plain = personalisation(session, ladder, 1, nothing, {})
    assert plain["agenda"] == [{"topic": "roi", "minutes": 45}]
    for other in (offer(), replace(session, scope_days=30)):
        found = personalisation(other, ladder, 1, told, {})
        assert (found["gaps"], found["agenda"]) == ([], [])


@pytest.mark.parametrize(
    ("minutes", "count", "held"),
    [
        (15, 20, 3),
        (15, 2, 2),
        (14.9, 3, 2),
        (60, 20, 12),
        (4, 3, 1),
        (0, 2, 1),
        (20, 3, 3),
        (10, 0, 1),
    ],
)
def test_an_agenda_holds_what_fits(ladder, nothing, minutes, count, held):
    """Five minutes a topic at least, and no more minutes in all than the session has."""
    told = replace(nothing, gaps=tuple(f"gap {at}" for at in range(count)))
    session = offer(effort=Effort(minutes=minutes, human=True), topics=("roi",))
    found = personalisation(session, ladder, 1, told, {})
    agenda = found["agenda"]
    assert len(agenda) == held
    assert len(found["gaps"]) == count
    assert sum(item["minutes"] for item in agenda) <= minutes + 1e-9
    if held > 1:
        assert min(item["minutes"] for item in agenda) >= 5.0


def test_the_offers_own_topics_come_first(ladder, nothing):
    """Of more gaps than fit, those that the session is about are on the agenda."""
    told = replace(nothing, gaps=("routing", "reports", "Weak handovers", "COSTS", "roi"))
    session = offer(effort=Effort(minutes=15, human=True), topics=("costs", "weak-handovers"))
    found = personalisation(session, ladder, 1, told, {})
    assert [item["topic"] for item in found["agenda"]] == ["Weak handovers", "COSTS", "routing"]


# ----------------------------------------------------------------------------------- how it is put


def test_ways_come_as_often_as_their_shares():
    """By the ids of decisions; the chance that is told is that of the way drawn."""
    framed = offer(framings=(Framing("short", "In short"), Framing("deep", "In depth")))
    shares = {"short": 0.8, "deep": 0.2}
    drawn = [framing_of(framed, shares, f"d-{n}") for n in range(1000)]
    counts = Counter(framing.id for framing, _ in drawn)
    assert counts["short"] / 1000 == pytest.approx(0.8, abs=0.04)
    assert all(chance == pytest.approx(shares[framing.id]) for framing, chance in drawn)
    assert framing_of(framed, shares, "d-1") == framing_of(framed, shares, "d-1")


def test_without_shares_all_ways_are_as_likely():
    """And an offer with one way only is put that way."""
    framed = offer(framings=(Framing("short", "In short"), Framing("deep", "In depth")))
    assert framing_of(framed, {}, "d-1")[1] == pytest.approx(0.5)
    assert framing_of(offer(framing="As it is"), {}, "d-1") == (Framing("", "As it is"), 1.0)


# -------------------------------------------------------------------------------- something useful


def test_what_to_send_to_whom_nothing_is_asked(b2b, nothing):
    """On the lead's topic and new to it before lighter ones; never what asks for something."""

    def sent(**more: object) -> str:
        found = something_useful(b2b.offers, replace(nothing, **more))
        assert found is not None
        return found.id

    lightest = sent()
    assert sent(topics=("costs",)) in {"delay-explorer", "savings-case-study"}
    assert sent(topics=("handovers",)) in {"diagnosis-guide", "checklist-tips"}
    assert sent(taken={lightest: 1}) != lightest
    assert sent(extended=((lightest, 1),)) != lightest
    assert sent(sent={lightest: 1}) != lightest
    asking = [each for each in b2b.offers if each.effort.form_fields or each.effort.human]
    asking += [each for each in b2b.offers if each.scope_days is not None]
    assert "team-trial" in {each.id for each in asking}
    assert something_useful(asking, nothing) is None
    endless = [replace(each, kind="trial", scope_days=None) for each in b2b.offers]
    assert something_useful(endless, nothing) is None


def test_what_was_had_longest_ago_comes_again(b2b, nothing):
    """One piece after the other until all were sent, then those again in the same order."""
    history, order = nothing, []
    for at in range(40):
        found = something_useful(b2b.offers, history)
        assert found is not None
        order.append(found.id)
        history = replace(history, sent={**history.sent, found.id: at})
    count = len(set(order))
    assert 1 < count == order.index(order[0], 1)
    assert order == (order[:count] * 40)[:40]
    again = replace(history, taken={order[40 % count]: 50}, extended=((order[41 % count], 51),))
    found = something_useful(b2b.offers, again)
    assert found is not None
    assert found.id == order[42 % count]
