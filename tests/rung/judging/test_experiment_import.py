"""`rung experiment import`: taken in once, told what becomes of whom; or refused in a sentence."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from features.clock import rfc3339
from features.ladder.controls import Arm, Experiment
from features.offers.experiments import body_of
from features.store.events import EventStore
from features.store.schema import METADATA
from tests.rung.scene import call, done, refused
from tests.training.policies.scene import LADDER, event, us

ARMS = ("--arm", "blue=0.5:clip", "--arm", "none=0.5:no_ask")


@pytest.fixture
def place(tmp_path):
    """A folder with a ladder, a store of ten leads, and the file of an experiment on them."""
    (tmp_path / "small.toml").write_text(LADDER.source, encoding="utf-8")
    events = [event(f"lead-{at}", "page", at / 10) for at in range(10)]
    events += [event("lead-0", "order", 1), event("lead-9", "page", 30)]
    rows = [f"lead-{at},{rfc3339(us(2))},{('blue', 'none')[at % 2]}" for at in range(10)]
    rows[1:1] = [f"lead-new,{rfc3339(us(2))},none", f"lead-1,{rfc3339(us(3))},none"]
    (tmp_path / "mail.csv").write_text("lead_id,assigned_at,arm\n" + "\n".join(rows) + "\n")
    with EventStore.open(tmp_path / "rung.db") as store:
        store.append_events(one._replace(message_id=f"m-{at}") for at, one in enumerate(events))
    return tmp_path


def words(place, *more: str, name: str = "mail") -> tuple[object, ...]:
    store = ("--store", f"sqlite:///{place / 'rung.db'}", "--ladder", place / "small.toml")
    return ("experiment", "import", name, place / "mail.csv", *store, *more)


def test_once_and_told(place):
    """Every lead of the file is counted somewhere; to import it again adds nothing."""
    dry = done(*words(place, *ARMS, "--dry-run")).out
    assert dry.endswith("nothing is stored (--dry-run)\n")
    said = done(*words(place, *ARMS)).out.splitlines()
    assert said == [
        "mail: 11 leads, blue 5 (0.5, clip), none 6 (0.5, no_ask)",
        "  The lot: the arms have the leads that their shares give them (p = 1).",
        "  10 stood before the step of the offers: to learn from",
        "  1 kept and not learned from, by where they stood: bought 1",
        "  1 of these: nothing else is known of them; they are leads from now on",
        "  1 of its rows say the same of a lead again",
        "27 new events; 0 were there",
    ]
    assert dry.splitlines()[:-1] == said[:-1]
    again = done(*words(place, *ARMS, "--json")).json
    assert (again["new"], again["known"], again["learnable"]) == (0, 22, 10)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ((), "say what each arm got"),
        (("--arm", "blue"), "write its id, = and its share"),
        (("--arm", "blue=0.5:clip", "--arm", "none=0.4:no_ask"), "sum to 0.9, not to 1"),
        ((*ARMS, "--arm-column", "variant"), "no column variant; it has lead_id, assigned_at, arm"),
    ],
)
def test_what_cannot_be_taken_in_is_said(place, more, said):
    assert said in refused(*words(place, *more))


def test_what_else_a_file_says_of_people_is_not_kept(place):
    """Who was put into which arm, and when: no other column of it gets into the store."""
    path = place / "mail.csv"
    head, *rows = path.read_text().splitlines()
    more = [f"{row},ann@example.com,+49 30 1234567,Ann" for row in rows]
    path.write_text("\n".join([f"{head},email,phone,first_name", *more]) + "\n")
    assert "27 new events" in done(*words(place, *ARMS)).out
    with EventStore.open(place / "rung.db") as store, store.database.reading() as connection:
        kept = [
            tuple(row)
            for table in METADATA.sorted_tables
            for row in connection.execute(sa.select(table))
        ]
    assert len(kept) > 30
    assert not any(word in repr(kept) for word in ("example.com", "1234567", "Ann"))


def test_an_experiment_of_its_own_keeps_its_id(place):
    with EventStore.open(place / "rung.db") as store:
        own = Experiment("own", "content", (Arm("a", 0.5), Arm("b", 0.5)), "a")
        store.experiments.start(LADDER.name, own.id, body_of(own), now=us(30), by="ann")
    said = call(*words(place, *ARMS, name="own"))
    assert (said.code, said.out) == (1, "")
    assert "'own' is an experiment of Rung's own on the ladder 'small'" in said.err
