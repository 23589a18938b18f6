"""`rung lead`: what is kept of a lead is shown, exported and erased; and `rung train` says so."""

from __future__ import annotations

import json

import pytest

from features.store.arrivals import Arrival
from features.store.events import EventStore
from features.store.privacy import Privacy
from models.bundle import load_bundle
from tests.rung.scene import done, message, refused

VERBS = ("show", "export", "opt-out", "opt-in", "erase", "unsuppress")


@pytest.fixture
def url(tmp_path) -> str:
    """A store with a lead that has two ids."""
    address = f"sqlite:///{tmp_path / 'events.db'}"
    with EventStore.open(address) as store:
        store.ingest(
            [
                Arrival("m1", "visitor", "page_viewed", 10, 10, '{"page":"pricing"}'),
                Arrival("m2", "ann", "identify", 20, 20, anonymous_id="visitor"),
                Arrival("m3", "bob", "page_viewed", 30, 30),
            ]
        )
    return address


@pytest.mark.parametrize("verb", VERBS)
def test_help(verb):
    """Every verb explains itself."""
    said = done("lead", verb, "--help")
    assert said.out.startswith(f"usage: rung lead {verb}")


@pytest.mark.parametrize("verb", ["show", "export", "erase"])
def test_nobody(verb, url, tmp_path):
    """Of an id that nothing is held of, every verb says so; and it makes no store."""
    assert message("lead", verb, "nobody", "--store", url) == (
        "rung: nothing is held of lead 'nobody'"
    )
    gone = f"sqlite:///{tmp_path / 'nothing.db'}"
    assert "there is no such store" in refused("lead", verb, "ann", "--store", gone)
    assert not (tmp_path / "nothing.db").exists()


@pytest.mark.parametrize("lead", ["a\0b", "\udcff"])
def test_what_no_database_holds(lead, url):
    """An id that no database can hold is refused in a sentence."""
    for verb in VERBS[:-1]:
        assert "nothing is held of lead" in message("lead", verb, lead, "--store", url)


def test_show(url):
    """A lead by any of its ids, in words and as JSON."""
    said = done("lead", "show", "visitor", "--store", url)
    assert said.out.splitlines() == [
        "ann: 2 events, 1970-01-01T00:00:00Z to 1970-01-01T00:00:00Z",
        "  id ann",
        "  id visitor",
        "  claim visitor = ann, 1970-01-01T00:00:00Z",
        "  may be profiled",
    ]
    found = done("lead", "show", "ann", "--store", url, "--json").json
    assert (found["lead_id"], found["subjects"], found["events"]) == ("ann", ["ann", "visitor"], 2)


def test_opt_out_and_in(url):
    """The state is told after each change, and holds for all ids."""
    said = done("lead", "opt-out", "visitor", "--reason", "a letter", "--store", url)
    assert "  opted out 20" in said.out
    assert said.out.endswith("Z a letter\n")
    assert done("lead", "show", "ann", "--store", url, "--json").json["opted_out"]
    assert done("lead", "opt-in", "ann", "--store", url).out == "ann may be profiled\n"
    assert not done("lead", "show", "ann", "--store", url, "--json").json["opted_out"]
    early = done("lead", "opt-out", "not-yet-known", "--store", url, "--json").json
    assert (early["lead_id"], early["opted_out"], early["events"]) == ("not-yet-known", True, 0)
    found = done("lead", "opt-in", "not-yet-known", "--store", url, "--json").json
    assert found == {"lead_id": "not-yet-known", "opted_out": False}


def test_export(url):
    """The document is what the store holds of the lead, and of nobody else."""
    document = done("lead", "export", "visitor", "--store", url).json
    assert [event["message_id"] for event in document["events"]] == ["m1", "m2"]
    assert document["events"][0]["properties"] == {"page": "pricing"}
    assert "bob" not in json.dumps(document)


def test_erase(url):
    """All of it goes, and what was erased and trained on it is told."""
    with EventStore.existing(url) as store:
        Privacy(store.database).record_training("a" * 64, "b2b", 50, 60)
    said = done("lead", "erase", "visitor", "--store", url)
    assert said.out.splitlines() == [
        "erased: 2 events of 2 ids",
        "  trained on them: aaaaaaaaaaaa (b2b, 1970-01-01T00:00:00Z)",
        "  the files hold no byte of them: yes",
    ]
    with EventStore.existing(url) as store:
        assert store.lead_ids() == ["bob"]
    erased = done("lead", "erase", "bob", "--store", url, "--json").json
    assert (erased["subjects"], erased["events"], erased["is_wiped"]) == (1, 1, True)


@pytest.mark.slow
def test_train_records_itself(events_file, trained_until, tmp_path):
    """An erasure names a bundle that was trained on the store, unless the lead was opted out."""
    url = f"sqlite:///{tmp_path / 'events.db'}"
    done("import", events_file, "--store", url)
    with EventStore.existing(url) as store:
        first, second = store.lead_ids()[:2]
    done("lead", "opt-out", second, "--store", url)
    out = tmp_path / "bundle"
    done("train", url, "--ladder", "b2b", "--out", out, "--until", trained_until.isoformat())
    bundle = load_bundle(out)
    erased = [
        done("lead", "erase", lead, "--store", url, "--json").json for lead in (first, second)
    ]
    assert [[model["version"] for model in one["models"]] for one in erased] == [
        [bundle.version],
        [],
    ]


def test_a_lead_with_very_many_ids(tmp_path):
    """In words the first ids are told, and how many more there are; JSON has all."""
    url = f"sqlite:///{tmp_path / 'many.db'}"
    with EventStore.open(url) as store:
        store.ingest(
            [Arrival(f"m{n}", "ann", "page_viewed", n, n, "{}", f"a{n:02}") for n in range(70)]
        )
    said = done("lead", "show", "a07", "--store", url).out
    assert said.count("  id ") == said.count("  claim ") == 50
    assert "  and 21 more ids; --json has them all\n" in said
    assert "  and 20 more links; --json has them all\n" in said
    assert len(json.loads(done("lead", "show", "ann", "--store", url, "--json").out)["links"]) == 70


def test_suppress(url, tmp_path):
    """Who was erased for good is left out of an import, until that is taken back."""
    said = done("lead", "erase", "visitor", "--suppress", "--store", url).out
    assert "erased: 2 events of 2 ids" in said
    assert "nothing is stored under these ids any more" in said
    file = tmp_path / "more.csv"
    file.write_text("lead_id,name,occurred_at\nann,view,2026-03-01T12:00:00Z\n")
    said = done("import", file, "--store", url).out
    assert "1 left out: their leads were erased and must not come back" in said
    assert json.loads(done("import", file, "--store", url, "--json").out)["suppressed"] == 1
    said = done("lead", "unsuppress", "ann", "--store", url).out
    assert said == "events of ann are stored again; it was erased with 2 ids\n"
    assert json.loads(done("import", file, "--store", url, "--json").out)["new"] == 1
    assert message("lead", "unsuppress", "ann", "--store", url) == (
        "rung: lead 'ann' is not suppressed"
    )
