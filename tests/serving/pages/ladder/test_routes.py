"""The page of the ladder over HTTP: each state, and each number beside the list that it opens."""

from __future__ import annotations

import csv
import html
import io
import re
import shutil

import pytest

from features.store.events import EventStore
from serving.edge.access.keys import Keys
from tests.serving import world
from tests.serving.conftest import service_of
from tests.serving.counting import count
from tests.serving.pages.ladder.scene import ASKERS, HTML, LEADS, app_of, asked

MOST_BYTES = 100_000


def shown(client, address="/ladder"):
    """A page as text, its tags taken out."""
    answer = client.get(address, headers=HTML)
    assert answer.status_code == 200, answer.text
    assert len(answer.content) < MOST_BYTES
    text = re.sub(r"<(head|script|style)\b.*?</\1>", "", answer.text, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", "", text)).split())


def rows_of(client, address):
    answer = client.get(address)
    assert answer.headers["content-type"].startswith("text/csv")
    assert "attachment" in answer.headers["content-disposition"]
    return list(csv.DictReader(io.StringIO(answer.text)))


def links(client, address="/ladder"):
    """The addresses of the lists that a page opens, with the words of each link."""
    page = client.get(address, headers=HTML).text
    found = re.findall(r'<a[^>]*href="(/ladder/leads[^"]*)"[^>]*>(.*?)</a>', page)
    return [(html.unescape(one), re.sub(r"<[^>]+>", "", text)) for one, text in found]


def test_the_first_sentence_answers(many):
    page = shown(many, "/ladder?within=all")
    assert re.search(
        r"Most stop before Assessment: \d+ of 100 go on, below the usual 40 to 60\.", page
    )
    assert re.search(r"It was so in each of the \d months\.", page)
    assert "Worksheet" in page
    assert "above the usual" in page
    assert "The biggest lever If Assessment went from" in page


def test_every_number_opens_as_many_leads(many, some):
    for client, address in ((many, "/ladder?within=all"), (some, "/ladder?within=90&every=month")):
        opened = links(client, address)
        assert len(opened) > 20
        for one, text in opened[::5]:
            number = int(re.findall(r"[\d,]+", text)[0].replace(",", ""))
            assert f"{number:,} lead" in shown(client, one), (one, text)


def test_the_leads_by_name(many):
    """Fifty a page; names of strangers are text, and open the page of each."""
    address = "/ladder/leads?within=all&step=assess&state=lapsed"
    page = shown(many, address)
    assert "Did not go on to Assessment in time" in page
    first = set(re.findall(r'href="(/leads/[^"]+)"', many.get(address, headers=HTML).text))
    assert len(first) == 50
    (following,) = re.findall(r'rel="next" href="([^"]+)"', many.get(address, headers=HTML).text)
    second = many.get(html.unescape(following), headers=HTML).text
    assert len(first | set(re.findall(r'href="(/leads/[^"]+)"', second))) == 100
    assert 'rel="prev"' in second
    beyond = shown(many, f"{address}&offset=100000")
    assert "beyond the end of the list" in beyond


def test_the_leads_as_a_sheet(many):
    """All of them, and no name of theirs is a formula."""
    rows = rows_of(many, "/ladder/leads?within=all&step=assess&format=csv")
    assert len(rows) == LEADS
    hostile = next(row for row in rows if row["lead_id"] == "lead-000000")
    assert (hostile["name"], hostile["company"]) == ("'=HYPERLINK(1)", "<i>&")
    assert {row["state"] for row in rows} == {"advanced", "lapsed"}
    assert all(row["went_on_at"] for row in rows if row["state"] == "advanced")
    page = many.get("/ladder/leads?within=all&step=assess", headers=HTML).text
    assert "<i>&" not in page


def test_tables_as_csv(many, some):
    """The figures are those of the API."""
    for table in ("steps", "cohorts", "segments"):
        own = rows_of(many, f"/ladder?within=all&table={table}&every=week")
        of_api = many.get("/v1/funnel", params={"table": table}).text
        assert own == list(csv.DictReader(io.StringIO(of_api)))
    assert rows_of(many, "/ladder?table=content") == []
    weeks = rows_of(some, "/ladder?table=replies")
    assert sum(int(week["asked"]) for week in weeks) >= ASKERS


def test_of_some_leads_alone(many):
    """What is chosen is named, stands in the address, and can be taken back."""
    everybody = rows_of(many, "/ladder?within=all&table=steps")
    south = "/ladder?within=all&only=region:south&only="
    some = rows_of(many, f"{south}&table=steps")
    assert 0 < int(some[2]["came"]) < int(everybody[2]["came"])
    page = shown(many, south)
    assert "Only Region: south" in page
    assert "Of all leads of all time, whoever is chosen above." in page
    assert any("only=region%3Asouth" in one for one, _ in links(many, south))
    nobody = shown(many, "/ladder?only=region:moon&within=all")
    assert "No lead with region “moon” came to a step at any time." in nobody
    assert "Show all leads of all time" in nobody


def test_beside_the_stretch_before(many):
    """A stretch has one before it; all time has none. It can be hidden."""
    page = many.get("/ladder?within=90", headers=HTML).text
    assert 'class="former"' in page
    assert "in the 90 days before" in shown(many, "/ladder?within=90").lower()
    hidden = many.get("/ladder?within=90&beside=no", headers=HTML).text
    assert 'class="former"' not in hidden
    assert 'class="former"' not in many.get("/ladder?within=all", headers=HTML).text


def test_why_and_what_to_try(many):
    page = shown(many, "/ladder?within=all")
    assert "The jump to this step is too large: it asks 7.3 times the effort" in page
    assert "Try next: ask for fewer fields at “Assessment”" in page
    assert "Of those who began" in page
    assert "Asked for 5 fields" in page
    assert "What the method says of your ladder" in page
    assert "“Assessment” asks" in page


def test_who_waits_too_long(some):
    """The first ten by name; all of them are in the queue."""
    page = shown(some)
    assert "Who waits longer than 24 hours now" in page
    assert "Asker 00 asked" in page
    assert "2 more wait as well" in page
    assert "Answered in time, by week" in page


def test_who_opts_out_is_named_no_more(some_folder, tmp_path):
    folder = shutil.copytree(some_folder, tmp_path / "own")
    with asked(app_of(folder)) as client:
        address = "/ladder/leads?within=all&step=content"
        before = rows_of(client, f"{address}&format=csv")
        gone = ["asker-00", before[0]["lead_id"]]
        for lead in gone:
            assert client.post(f"/v1/leads/{lead}/opt-out", json={"reason": "x"}).is_success
        after = rows_of(client, f"{address}&format=csv")
        assert {row["lead_id"] for row in before} - {row["lead_id"] for row in after} == set(gone)
        assert "Asker 00" not in shown(client)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "Not counted yet Rung counts every hour how many leads go on"),
        ({"funnel_seconds": 300.0}, "Rung counts every 5 minutes"),
        ({"funnel_seconds": 0.0}, "Not counted here Counting is switched off"),
        (
            {"ladder": None},
            "No ladder yet Rung counts where leads stop as soon as there is a model",
        ),
    ],
)
def test_before_anything_was_counted(tmp_path, settings, said):
    world.filled(tmp_path, world.climber("ann", world.now(), 2))
    with asked(app_of(tmp_path, **{"ladder": "b2b", **settings})) as client:
        assert said in shown(client)
        is_named = "rung funnel --store URL --ladder LADDER" in shown(client)
        assert is_named is ("ladder" not in settings)
        assert client.get("/ladder?table=steps").status_code == 404
        assert client.get("/ladder/leads?step=content").status_code == 404


def test_after_an_erasure(some_folder, tmp_path):
    """What was counted went with the lead; the page says so, and shows it by itself."""
    folder = shutil.copytree(some_folder, tmp_path / "own")
    with asked(app_of(folder)) as client:
        assert client.delete("/v1/leads/asker-00").is_success
        assert "Being counted again A lead was erased" in shown(client)
        assert 'hx-trigger="every 10s"' in client.get("/ladder").text
        assert "a lead was erased" in client.get("/v1/funnel").json()["detail"]
        assert "a lead was erased" in client.get("/v1/funnel/causes").json()["detail"]


def test_counted_on_another_version_of_the_ladder(some_folder, tmp_path):
    folder = shutil.copytree(some_folder, tmp_path / "own")
    source = (folder / "ladder.toml").read_text()
    (folder / "ladder.toml").write_text(source.replace("horizon_days = 90", "horizon_days = 60"))
    with asked(app_of(folder)) as client:
        assert "Your ladder has changed What was counted" in shown(client)


def test_one_lead(tmp_path):
    """Of whom nobody's time is over; then the sentence says so."""
    world.filled(tmp_path, [world.event("ann", "page_viewed", world.now() - 1000)])
    with asked(app_of(tmp_path, ladder="b2b")) as client:
        service = service_of(client)
        count(service.store, service.ladder)
        page = shown(client)
        assert "too early to say where leads stop: 1 lead came to stand before Content, and" in page
        assert "1 still has time" in page
        assert "Nobody’s time at a step is over yet" in page
        assert "1 lead that came to this step" in shown(client, "/ladder/leads?step=content")


def test_nobody_yet(tmp_path):
    world.filled(tmp_path, [])
    with asked(app_of(tmp_path, ladder="b2b")) as client:
        service = service_of(client)
        count(service.store, service.ladder)
        assert "No lead has come to the ladder yet." in shown(client)


def test_the_last_count_failed(some):
    service = service_of(some)
    service.failures["funnel"] = "funnel failed; see the log"
    try:
        assert "The last count failed, so you see the one before." in shown(some)
    finally:
        service.failures.clear()


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("/ladder?within=7", "'30', '90', '365' or 'all'"),
        ("/ladder?only=sorce:fair", "did you mean 'source'"),
        ("/ladder?only=source", "write a trait, a colon and its value"),
        ("/ladder?table=leads", "'steps', 'cohorts', 'segments', 'content' or 'replies'"),
        ("/ladder?since=2026-13-01", "month"),
        ("/ladder/leads?step=trail", "did you mean 'trial'"),
        ("/ladder/leads?step=trial&state=left", "'advanced', 'lapsed', 'lost' or 'pending'"),
        ("/ladder/leads?step=trial&format=csv&only=sorce:fair", "did you mean 'source'"),
    ],
)
def test_what_cannot_be_asked_is_said(some, address, said):
    answer = some.get(address, headers=HTML)
    assert answer.status_code == 422
    assert said in html.unescape(answer.text)


def test_who_may_look(some_folder, tmp_path):
    """Who may read this ladder; there is nothing here that only others may do."""
    folder = shutil.copytree(some_folder, tmp_path / "own")
    with EventStore.open(f"sqlite:///{folder / 'events.db'}") as store:
        keys, now = Keys(store.database), world.now()
        texts = {
            name: keys.create(name, [scope], ladder=ladder, as_of=now)[1]
            for name, scope, ladder in (
                ("reader", "read", ""),
                ("sender", "ingest", ""),
                ("elsewhere", "read", "b2c"),
            )
        }
    with asked(app_of(folder)) as client:
        for address in ("/ladder", "/ladder?table=steps", "/ladder/leads?step=content"):
            seen = {
                name: client.get(address, headers={"Authorization": f"Bearer {text}"}).status_code
                for name, text in texts.items()
            }
            assert seen == {"reader": 200, "sender": 403, "elsewhere": 403}
            assert client.get(address).status_code == 401
            sent = client.get(address, headers=HTML, follow_redirects=False)
            assert (sent.status_code, sent.headers["location"][:6]) == (303, "/login")
