"""The page as a whole: however long a ladder is and whatever is known, it stays a light one."""

from __future__ import annotations

from contextlib import closing

from features.events.log import DAY_US
from serving.pages.common.rendering import rendered
from serving.pages.ladder.choices import LadderChoice
from serving.pages.ladder.leads import leads_values
from serving.pages.ladder.page import counted_values
from serving.process.counted import stays_now
from serving.process.service import Service
from serving.settings import Settings
from tests.serving import world
from tests.serving.counting import count

STEPS, LEADS, WEEKS = 12, 80, 53
MOST_BYTES = 100_000


def long_ladder() -> str:
    """As many steps as a ladder can have, and traits by which leads are told apart."""
    steps = [
        f'[[step]]\nid = "step-{at}"\ntitle = "The long name of step {at}"\nhorizon_days = 14\n'
        f'band = [0.4, 0.6]\ncomplete_when = [{{event = "did_{at}"}}]\n'
        for at in range(STEPS)
    ]
    steps[0] = steps[0].replace("band = [0.4, 0.6]\n", "")
    traits = [f'[[trait]]\nid = "trait_{at}"\ntype = "category"\n' for at in range(4)]
    return "\n".join(
        [
            '[ladder]\nname = "long"\n',
            *steps,
            '[purchase]\nhorizon_days = 14\ncomplete_when = [{event = "bought"}]\n',
            *traits,
        ]
    )


def lives(now):
    """Leads in every week of a year, who climb one a day and then stop, all unlike."""
    for number in range(LEADS):
        lead, began = f"lead-{number:04}", now - (number % WEEKS + 1) * 7 * DAY_US
        known: dict[str, object] = {f"trait_{at}": f"value {number * at % 30}" for at in range(4)}
        yield world.event(lead, "identify", began, known)
        for at in range(number % (STEPS + 2)):
            name = f"did_{at}" if at < STEPS else "bought"
            yield world.event(lead, name, began + (at + 1) * DAY_US)


def test_a_long_ladder_is_no_heavy_page(tmp_path):
    (tmp_path / "ladder.toml").write_text(long_ladder())
    url, ladder = world.filled(tmp_path, lives(world.now())), str(tmp_path / "ladder.toml")
    with closing(Service.open(Settings(url, tmp_path / "none", ladder=ladder))) as service:
        count(service.store, service.ladder)
        stays = stays_now(service)
        assert stays is not None
        values = counted_values(service, stays, LadderChoice("all", every="week"))
        around = {"reader": None, "fresh": None, "query": ""}
        page = rendered("ladder/ladder.html", around | values)
    assert page.count("<figure>") == STEPS + 1
    assert page.count('class="step') > STEPS
    assert MOST_BYTES // 2 < len(page.encode()) < MOST_BYTES


def test_who_begins_anew(tmp_path):
    """The page of the steps says that leads count each time, and a list names each of them once."""
    text = long_ladder().replace('name = "long"', 'name = "long"\nrestart_on = [{event = "anew"}]')
    (tmp_path / "ladder.toml").write_text(text)
    now = world.now()
    days = {"ann": (("did_0", 60), ("anew", 40), ("did_0", 35)), "bob": (("did_0", 50),)}
    days["zoe"] = (("seen", 1),)
    events = [
        world.event(lead, name, now - day * DAY_US) for lead in days for name, day in days[lead]
    ]
    url, ladder = world.filled(tmp_path, events), str(tmp_path / "ladder.toml")
    with closing(Service.open(Settings(url, tmp_path / "none", ladder=ladder))) as service:
        count(service.store, service.ladder)
        stays = stays_now(service)
        assert stays is not None
        choice = LadderChoice("all")
        around = {"reader": None, "fresh": None, "query": ""}
        page = rendered("ladder/ladder.html", around | counted_values(service, stays, choice))
        assert page.count("1 lead has begun the ladder anew") == 1
        assert "3 came</a>" in page
        values = leads_values(service, stays, "step-1", None, choice, 0)
        listed = " ".join(rendered("ladder/leads.html", around | values).split())
        assert "2 leads that came to this step at any time" in listed
