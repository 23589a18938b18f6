"""Which ids are one lead: the rule beside a naive one, and its consequences."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from features.store.identities.rule import ALIAS, CLAIM, Link, resolve
from tests.oracles.identity_oracle import leads

IDS = st.sampled_from(["a", "b", "c", "u1", "u2", "u3"])
INSTANTS = st.integers(1, 6)
LINKS = st.lists(
    st.builds(Link, st.sampled_from([CLAIM, ALIAS]), IDS, IDS, INSTANTS, INSTANTS).filter(
        lambda link: link.source != link.target
    ),
    max_size=10,
    unique_by=lambda link: link[:3],
)


def link(kind: str, source: str, target: str, at: int = 1) -> Link:
    return Link(kind, source, target, at, at)


@given(LINKS)
def test_it_is_the_naive_rule(links):
    """Leads and instants are those that joining sets by hand gives."""
    assert resolve(links) == leads(links)


@given(LINKS, st.randoms())
def test_the_order_of_links_has_no_effect(links, random):
    """The same links in another order give the same leads."""
    shuffled = links[:]
    random.shuffle(shuffled)
    assert resolve(shuffled) == resolve(links)


def test_anonymous_to_known():
    """An anonymous id joins the lead of the user who claims it; the user gives the name."""
    assert resolve([link(CLAIM, "anon", "user", 5)]) == {"anon": ("user", 5), "user": ("user", 0)}


def test_two_people_at_one_computer():
    """An anonymous id that two users claim is the first's alone; the users stay two."""
    found = resolve([link(CLAIM, "kiosk", "bob", 7), link(CLAIM, "kiosk", "ann", 3)])
    assert found == {"kiosk": ("ann", 3), "ann": ("ann", 0)}


def test_claims_of_one_instant():
    """Of claims of one instant the first user in the alphabet has it, whichever came first."""
    claims = [link(CLAIM, "kiosk", "bob"), link(CLAIM, "kiosk", "ann")]
    assert resolve(claims)["kiosk"].lead_id == "ann"


def test_a_chain():
    """Aliases one after the other are one lead, called by the id that was given up by none."""
    links = [link(ALIAS, "v1", "v2", 1), link(ALIAS, "v2", "v3", 2), link(CLAIM, "anon", "v1", 9)]
    found = resolve(links)
    assert {one: member.lead_id for one, member in found.items()} == dict.fromkeys(
        ["v1", "v2", "v3", "anon"], "v3"
    )
    assert found["v1"].joined_at == 2
    assert found["anon"].joined_at == 9


def test_a_cycle():
    """Aliases in a circle are one lead, called by the first id in the alphabet."""
    links = [link(ALIAS, "a", "b"), link(ALIAS, "b", "c"), link(ALIAS, "c", "a")]
    assert {member.lead_id for member in resolve(links).values()} == {"a"}


def test_nothing_to_say():
    """Without links nobody shares a lead."""
    assert resolve([]) == {}
