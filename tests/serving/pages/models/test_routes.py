"""The page of models: every state, the way back, and who may go it."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil

import pytest

from features.errors import BundleError
from features.store.kept.recalibrations import KeptMove
from models.bundle import load_bundle, version_of
from models.judging.served import AHEAD, SCORES
from models.logged.former_bundles import Promotion, promote_into
from serving.process.judged.versions import served_so_far
from tests.gates import scores_gate
from tests.serving.conftest import service_of
from tests.serving.pages.forms import as_reader, said_by, sent, text_of
from tests.serving.pages.models import scene
from tests.serving.process.judged.scene import keep


@pytest.fixture
def client(start, url, folder, tmp_path):
    """A service whose store and bundle nobody else writes into."""
    bundle = shutil.copytree(folder / "fitted", tmp_path / "bundle")
    with start(url, bundle) as running:
        yield running


@pytest.fixture
def judged(client, fitted):
    """One of whose chances it is known what came, and of its ladder what can be learned."""
    service = service_of(client)
    keep(service, SCORES, {"evaluation": scene.evaluation(fitted), "note": ""}, fitted.hash)
    keep(service, "readiness", dict(scene.readiness()))
    return client


@pytest.fixture
def promoted(client, folder):
    """One whose folder was given another model by Ann."""
    service = service_of(client)
    gate = scores_gate(load_bundle(folder / "rates"), beside=service.scorer.model.bundle.hash)
    said = Promotion(service.clock(), "Ann", "it is <b>better</b>")
    assert service.folder is not None
    promote_into(service.folder, folder / "rates", gate, said)
    service.refresh()
    return client


def test_before_outcomes_are_known(judged, fitted):
    """What is expected, and which signals are not what they were; it is time to train again."""
    keep(service_of(judged), AHEAD, dict(scene.ahead()), fitted.hash)
    said = text_of(judged, "/models")
    assert "Of 1,964 chances of 512 leads the time is not over yet." in said
    assert "the likelier one is expected to be it 93 of 100 times." in said
    assert "Where it is over, 93 were expected so and 92 came." in said
    assert 'is "viewed no page" lately.' in said
    assert "Train again? Signals have moved." in said
    assert "Since 24 Aug 2026, beside the last quarter of what it learned from." in said
    of_purchases = text_of(judged, "/models?goal=purchase")
    assert "Before their time is over" not in of_purchases
    table = judged.get("/models?table=signals&format=csv").text
    assert table.splitlines()[1].startswith("content,step.content.did.page_viewed,0.12,0.44,")


def test_where_no_signal_moved(judged, fitted):
    """It is said since when; and before anything came since it was trained, that."""
    keep(service_of(judged), AHEAD, dict(scene.ahead(moved=[])), fitted.hash)
    assert "None has surely moved, by what was seen of leads since 24 Aug 2026." in text_of(
        judged, "/models"
    )
    nothing = scene.ahead(moved=[], goals=[], note="nothing has come since the model was trained")
    keep(service_of(judged), AHEAD, dict(nothing), fitted.hash)
    assert "Nothing has come since the model was trained." in text_of(judged, "/models")


def test_the_first_sentence(judged):
    """What was promised and what came, in words, with where it comes from."""
    said = text_of(judged, "/models")
    assert "Of 100 leads given about 40 %, 39 went on." in said
    assert "That is what was promised: what came speaks for a chance of 34 to 44 %." in said
    assert "3 of 3 sizes of chances were kept. In all, 24.8 of 100 were expected" in said
    assert "What was told from 1 Jun 2026 to 21 Sep 2026, after it was trained" in said
    assert "Of 700 more the outcome is not known yet." in said
    assert "Train again? Nothing says so." in said


def test_all_that_it_rests_on(judged):
    """Each part, with its words."""
    said = text_of(judged, "/models")
    for part in (
        "the likeliest tenth finds 30 of 100 who go on",
        "By the step alone it would be 15 and 30",
        "24.0 expected, 25.0 came",
        "80 of 100 right surely better than one rate for all",
        "A plain formula logistic regression on the same facts",
        "No points",
        "No outcome is known yet that it had not learned from",
        "Tells leads apart: in about 10 weeks",
        "No event has the name contract_signed",
        "What it must not be used for A chance says what goes with going on",
        "Nothing served before that could be gone back to.",
    ):
        assert part in said, part


def test_promises_that_were_not_kept(client, fitted):
    """Are said so plainly, and that it is time to train again."""
    part = scene.advancement()
    part["baselines"][-1]["performance"]["reliability"][1] |= {
        "observed": 0.21, "low": 0.16, "high": 0.26, "inside": False,
    }  # fmt: skip
    part["realised"][-1] |= {"inside": False, "came": 0.1}
    body = {"evaluation": scene.evaluation(fitted, advancement=part), "note": ""}
    keep(service_of(client), SCORES, body, fitted.hash)
    said = text_of(client, "/models")
    assert "Of 100 leads given about 40 %, 21 went on." in said
    assert "Fewer came than was promised: what came speaks for a chance of 16 to 26 %." in said
    assert "24 of 100 were expected in the last four weeks and 10 came" in said
    assert "rung retrain trains on what has come since" in said


def test_purchases_of_which_nothing_is_known_yet(judged):
    """It is said that it is too early, with the whole reason behind a fold."""
    said = text_of(judged, "/models?goal=purchase")
    assert "Whether its chances are kept is not known yet." in said
    assert "Not enough data (n=0): the horizon of none of 3,700 points is over" in said
    assert "Were its chances kept?" not in said


def test_nobody_has_looked_yet(client):
    """What looks, and when."""
    said = text_of(client, "/models")
    assert "Nobody has looked yet whether its chances are kept." in said
    assert "rung champion judge does it now" in said
    assert "rung readiness does it now" in said


def test_nothing_is_looked_at_here(client):
    """Where the service is told to look at nothing the page says by which setting."""
    service = service_of(client)
    service.settings = type(service.settings)(
        service.settings.database_url,
        service.settings.bundle,
        judge_seconds=0.0,
        readiness_seconds=0.0,
        recalibrate_seconds=0.0,
    )
    said = text_of(client, "/models")
    for name in ("RUNG_JUDGE_SECONDS", "RUNG_READINESS_SECONDS", "RUNG_RECALIBRATE_SECONDS"):
        assert f"{name} is 0" in said


def test_news_that_was_not_looked_at(judged, fitted, monkeypatch):
    """A report that is behind is shown, and said to be behind."""
    service = service_of(judged)
    body = {"evaluation": scene.evaluation(fitted), "note": ""}
    for kind, about in ((SCORES, fitted.hash), ("readiness", "")):
        with service.store.database.writing() as connection:
            connection.exec_driver_sql("delete from reports where kind = ?", (kind,))
        held = body if kind == SCORES else dict(scene.readiness())
        keep(service, kind, held, about, age_days=9.0)
    monkeypatch.setattr(service.store.scores, "last_news_at", service.clock)
    said = text_of(judged, "/models")
    assert "News has come since that was not looked at; the log says why." in said
    assert "later news was not looked at, the log says why" in said


def test_without_a_model(start, url, tmp_path):
    """It says how there will be one."""
    with start(url, tmp_path / "none", wait=False) as bare:
        said = text_of(bare, "/models")
        assert "No model yet" in said
        assert "rung train" in said
        assert sent(bare, "/models/back", seen="x", why="y").status_code in (404, 409, 503)
        assert "No model yet" in text_of(bare, "/models/others")
        assert sent(bare, "/models/promote", model="x", seen="x", why="y").status_code in (409, 503)


def test_outcomes_that_moved_chances(client):
    """From where to where, by how many outcomes, and that it is far."""
    service = service_of(client)
    now = service.clock()
    moves = [
        KeptMove("advancement", now - (9 - at) * 10**6, 0.1 * at, 1.1, at) for at in range(1, 9)
    ]
    service.store.recalibrations.add(service.scorer.model.bundle.hash, moves)
    service.refresh()
    said = text_of(client, "/models")
    assert "By 8 outcomes since, a typical lead's chance moved from" in said
    assert "and leads are told further apart." in said
    assert "That is far." in said


def test_a_chance_that_reads_the_same_stays(client):
    """Nobody reads that it moved from 20 % to 20 %."""
    service = service_of(client)
    move = KeptMove("advancement", service.clock() - 10**6, -0.0001, 1.0, 9)  # at no edge of 1 %
    service.store.recalibrations.add(service.scorer.model.bundle.hash, [move])
    service.refresh()
    said = text_of(client, "/models")
    told = re.search(r"By 9 outcomes since, a typical lead's chance (\w+)", said)
    assert told is not None
    assert told[1] == "stays"


def test_back_to_the_one_before(promoted):
    """With a reason, which is kept; the very bytes of before serve again."""
    service = service_of(promoted)
    seen = version_of(service.scorer.model.bundle.hash)
    page = promoted.get("/models").text
    assert "it is &lt;b&gt;better&lt;/b&gt;" in page
    assert "by <bdi>Ann</bdi>" in page
    assert "Go back" in said_by(page)
    silent = sent(promoted, "/models/back", seen=seen, why="  ")
    assert silent.status_code == 409
    assert "Write in one line why you go back" in said_by(silent.text)
    late = sent(promoted, "/models/back", seen="0123456789ab", why="a try")
    assert late.status_code == 409
    assert "serves by now, not 0123456789ab" in said_by(late.text)
    done = sent(promoted, "/models/back", seen=seen, why="The queue looks wrong")
    assert (done.status_code, done.headers["location"]) == (303, "/models#versions")
    assert version_of(service.scorer.model.bundle.hash) != seen
    said = text_of(promoted, "/models")
    assert "The queue looks wrong by this machine" in said
    assert "taken back" in said
    assert "Nothing served before that could be gone back to." in said


def test_who_may_not_go_back(promoted):
    """A reader sees what served and why, no button, and is refused all the same."""
    service = service_of(promoted)
    seen = service.scorer.model.bundle.hash
    for scopes in (("read",), ("read", "decide")):
        key = as_reader(promoted, *scopes)
        page = promoted.get("/models", headers=key)
        assert page.status_code == 200
        assert 'method="post"' not in page.text
        refused = sent(promoted, "/models/back", key, seen=version_of(seen), why="a try")
        assert refused.status_code == 403
    assert service.scorer.model.bundle.hash == seen
    admin = as_reader(promoted, "admin")
    elsewhere = admin | {"Sec-Fetch-Site": "cross-site"}
    assert sent(promoted, "/models/back", elsewhere, seen=seen, why="x").status_code == 403


@pytest.fixture
def gone_back(promoted):
    """One that went back from the model of Ann."""
    service = service_of(promoted)
    seen = version_of(service.scorer.model.bundle.hash)
    assert sent(promoted, "/models/back", seen=seen, why="a try").status_code == 303
    return promoted


def test_another_one_is_let_serve(gone_back, folder):
    """With the verdict of its gate, which was beside what serves; who and why are kept."""
    service = service_of(gone_back)
    seen, other = service.scorer.model.bundle.version, load_bundle(folder / "rates")
    assert "Which others are kept" in said_by(gone_back.get("/models").text)
    page = gone_back.get("/models/others").text
    said = said_by(page)
    assert "May serve The gate was passed, beside the model that serves now." in said
    assert "was taken back" in said
    assert "It had 75 of 100 pairs of leads in the right order" in said
    assert "it is &lt;b&gt;better&lt;/b&gt;" in page
    for given, why in (
        ({"model": other.hash, "seen": seen, "why": " "}, "write in one line why it is to serve"),
        ({"seen": seen, "why": "x"}, "Choose a model"),
        ({"model": other.hash, "seen": "0123456789ab", "why": "x"}, "serves by now, not 0123"),
        ({"model": "0" * 64, "seen": seen, "why": "x"}, "is not, or no more, kept beside"),
    ):
        refused = sent(gone_back, "/models/promote", **given)
        assert refused.status_code == 409
        assert why in said_by(refused.text)
        assert service.scorer.model.bundle.version == seen
    good = {"model": other.hash, "seen": seen, "why": "It was better after all"}
    done = sent(gone_back, "/models/promote", **good)
    assert (done.status_code, done.headers["location"]) == (303, "/models#versions")
    assert service.scorer.model.bundle.hash == other.hash
    told = served_so_far(service)[0]
    assert (told.by, told.why, told.taken_back) == ("this machine", good["why"], False)
    assert told.gate is not None
    assert told.gate.beside[:12] == seen
    assert "It was better after all by this machine" in text_of(gone_back, "/models")


def test_one_that_the_gate_does_not_let_follow(promoted, fitted):
    """It was judged beside another, or by nobody: the page says so, and it is refused."""
    service = service_of(promoted)
    seen = service.scorer.model.bundle.version
    said = text_of(promoted, "/models/others")
    assert "None is kept that the gate lets follow the model that serves." in said
    assert "May not serve" in said
    assert "No verdict of the gate is kept: judge it, and promote it by its report" in said
    assert "rung champion promote with its report" in said
    refused = sent(promoted, "/models/promote", model=fitted.hash, seen=seen, why="x")
    assert refused.status_code == 409
    assert f"Of {fitted.version} no verdict of the gate is kept" in said_by(refused.text)
    again = scores_gate(fitted)  # judged where nothing served
    assert service.folder is not None
    (kept,) = service.folder.parent.glob(f"{service.folder.name}.former/[0-9]*.json")
    held = json.loads(kept.read_text())
    kept.write_text(json.dumps(held | {"gate": again.as_dict()}))
    assert "judged beside no champion, and" in text_of(promoted, "/models/others")
    refused = sent(promoted, "/models/promote", model=fitted.hash, seen=seen, why="x")
    assert refused.status_code == 409
    assert service.scorer.model.bundle.version == seen


def test_who_may_not_let_another_serve(gone_back, folder):
    """A reader sees the verdicts and no button, and is refused all the same."""
    service = service_of(gone_back)
    seen, other = service.scorer.model.bundle.version, load_bundle(folder / "rates")
    given = {"model": other.hash, "seen": seen, "why": "x"}
    for scopes in (("read",), ("read", "decide")):
        key = as_reader(gone_back, *scopes)
        page = gone_back.get("/models/others", headers=key)
        assert page.status_code == 200
        assert "was taken back" in said_by(page.text)
        assert 'method="post"' not in page.text
        assert sent(gone_back, "/models/promote", key, **given).status_code == 403
    assert service.scorer.model.bundle.version == seen


def test_other_models_of_a_place_that_cannot_be_asked(promoted, monkeypatch):
    """Is said, and nothing is listed."""
    service = service_of(promoted)

    def away() -> list[object]:
        raise BundleError("the registry cannot be asked")

    monkeypatch.setattr(type(service.source), "others", lambda _: away())
    answer = promoted.get("/models/others")
    assert answer.status_code == 409
    assert "The registry cannot be asked" in said_by(answer.text)


@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("reliability", "told"),
        ("gain", "share_of_leads"),
        ("steps", "right_order"),
        ("spans", "expected"),
        ("baselines", "surprise"),
        ("versions", "model"),
        ("readiness", "level"),
    ],
)
def test_every_table_is_to_be_had(judged, table, column):
    """As CSV, by a link of the page."""
    assert f"table={table}&amp;format=csv" in judged.get("/models").text
    answer = judged.get(f"/models?table={table}&format=csv")
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert rows
    assert column in rows[0]


def test_tables_of_what_is_not_known(client):
    """Say so in their head; one that there is none of is none."""
    answer = client.get("/models?table=steps&format=csv")
    assert answer.text == "nothing was judged yet\n"
    assert client.get("/models?table=recalibrations&format=csv").text.startswith("goal,")
    assert client.get("/models?table=stops&format=csv").status_code == 404
