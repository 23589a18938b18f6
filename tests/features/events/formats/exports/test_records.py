"""Contacts and deals: a row with several dates is several events."""

from __future__ import annotations

import pytest

from features.errors import EventsError
from features.events.formats.exports.records import tells_what_came_later
from features.ladder.file import parse_ladder
from features.reading import read_events, read_table
from training.pipeline import train

HUBSPOT = (
    "Record ID,First Name,Email,Lifecycle Stage,Create Date,Became a Lead Date,"
    "Became a Customer Date,Industry,Number of Sessions\n"
    "1,Ann,ann@example.com,Customer,2026-01-01 09:00,2026-01-02 10:00,2026-02-01 10:00,Retail,9\n"
    "2,Bob,bob@example.com,Lead,2026-01-05 09:00,soon,,Finance,1\n"
    "3,Cid,cid@example.com,Lead,,,,Finance,1\n"
)
HUBSPOT_DEALS = (
    "Record ID,Deal Name,Deal Stage,Close Date,Create Date,Amount,Associated Contact IDs\n"
    "7,One,Closed Won (Sales Pipeline),2026-02-01 10:00,2026-01-01 09:00,250,1\n"
    "8,Two,Closed Lost (Sales Pipeline),2026-02-02 10:00,2026-01-01 09:00,90,2\n"
    "9,Three,Appointment Scheduled (Sales Pipeline),2030-02-02 10:00,2026-01-01 09:00,90,3\n"
)
SALESFORCE = (
    "Id,AccountId,StageName,Amount,CloseDate,IsClosed,IsWon,CreatedDate,LeadSource\n"
    "006a,001a,Closed Won,100,2026-02-01,true,true,2026-01-01T09:00:00.000+0000,Web\n"
    "006b,001b,Closed Lost,100,2026-02-01,true,false,2026-01-01T09:00:00.000+0000,Web\n"
)
SALESFORCE_LEADS = (
    "Id,Company,LeadSource,Status,CreatedDate,IsConverted,ConvertedDate\n"
    "00Qa,Acme,Web,Qualified,2026-01-01T09:00:00.000Z,true,2026-01-09\n"
)
PIPEDRIVE = (
    "Deal - ID,Deal - Title,Deal - Value,Deal - Status,Deal - Deal created,Deal - Won time,"
    "Deal - Lost time,Person - Name,Organization - Country\n"
    "7,One,250,Won,2026-01-01 09:00:00,2026-01-04 09:00:00,,Ann,Norway\n"
    "8,Two,90,Lost,2026-01-01 09:00:00,,2026-01-06 09:00:00,Bob,Norway\n"
)


def read(tmp_path, text, zone="Europe/Berlin"):
    file = tmp_path / "x.csv"
    file.write_text(text)
    return read_table(file, assume_timezone=zone)


@pytest.mark.parametrize(
    ("text", "names", "lead"),
    [
        (HUBSPOT_DEALS, ["deal_created", "deal_won"], "1"),
        (SALESFORCE, ["opportunity_created", "opportunity_won"], "001a"),
        (SALESFORCE_LEADS, ["lead_created", "lead_converted"], "00Qa"),
        (PIPEDRIVE, ["deal_created", "deal_won"], "7"),
    ],
)
def test_each_date_is_an_event(text, names, lead, tmp_path):
    """The dates of the first row are events of its lead, in order, with ids that do not change."""
    table, report = read(tmp_path, text)
    rows = [at for at, id_ in enumerate(table.lead_id.to_pylist()) if id_ == lead]
    own = [table.name[at].as_py() for at in rows]
    assert [name for name in own if name != "identify"] == names
    assert report.layouts[0].startswith("looks like an export of ")
    assert table.message_id.null_count == 0
    assert read(tmp_path, text)[0].message_id.to_pylist() == table.message_id.to_pylist()


def test_lost_and_open_deals(tmp_path):
    """A lost deal is lost on its close date; the date on which an open one may close is none."""
    table, _ = read(tmp_path, HUBSPOT_DEALS)
    by_lead: dict[str, tuple[str, ...]] = dict.fromkeys("123", ())
    for lead, name in zip(table.lead_id.to_pylist(), table.name.to_pylist(), strict=True):
        by_lead[lead] = (*by_lead[lead], name)
    assert by_lead["2"][-1] == "deal_lost"
    assert by_lead["3"][-1] == "deal_created"
    won = table.property_texts()[table.name.to_pylist().index("deal_won")]
    assert won == '{"amount":250}'


def test_a_bad_date_is_one_bad_row(tmp_path):
    """The other dates of a row stand; the bad one, and a row without any, are named."""
    table, report = read(tmp_path, HUBSPOT)
    assert report.rejected == {"unreadable time": 1, "missing occurred_at": 1}
    assert report.examples["unreadable time"][0].endswith("x.csv:3: occurred_at = 'soon'")
    assert report.examples["missing occurred_at"][0].endswith("x.csv:4: occurred_at is absent")
    assert table.name.to_pylist().count("contact_created") == 2


def test_traits_tell_nothing_of_the_outcome(tmp_path):
    """What is filled in as a lead goes on is left out of its traits, and that is said."""
    table, report = read(tmp_path, HUBSPOT)
    traits = table.property_texts()[table.name.to_pylist().index("identify")]
    assert traits == '{"email":"ann@example.com","first_name":"Ann","industry":"Retail"}'
    assert "tell what came later: lifecycle_stage, number_of_sessions" in report.layouts[1]


@pytest.mark.parametrize("column", ["industry", "country", "lead_source", "job_title", "company"])
def test_what_is_known_at_first_is_a_trait(column):
    """Columns that stand from the beginning are kept."""
    assert not tells_what_came_later(column)


def test_a_zone_is_asked_for(tmp_path):
    """An account's own time zone is in no export of it: without one its times are refused."""
    _, report = read(tmp_path, PIPEDRIVE, None)
    assert list(report.rejected) == ["naive time (say which time zone is meant)"]


def test_trained(tmp_path):
    """A bundle trains on contacts alone."""
    head, first, *_ = HUBSPOT.splitlines()
    rows = [f"{at}{first[1:]}" if at % 2 else f"{at},B,,Lead,2026-01-05 09:00,,,F,1"
            for at in range(60)]  # fmt: skip
    (tmp_path / "x.csv").write_text("\n".join([head, *rows]) + "\n")
    ladder = parse_ladder("""
[ladder]
name = "contacts"
[[step]]
id = "created"
title = "Created"
horizon_days = 7
complete_when = [{event = "contact_created"}]
[[step]]
id = "lead"
title = "Lead"
horizon_days = 14
band = [0.3, 0.6]
complete_when = [{event = "became_lead"}]
[purchase]
horizon_days = 60
complete_when = [{event = "became_customer"}]
""")
    log, _ = read_events(tmp_path / "x.csv", ladder, assume_timezone="UTC")
    assert len(log.leads) == 60
    trained = train(log, ladder).manifest["trained_on"]
    assert sum(of["reached"] for of in trained.values()) > 0


def test_forced_on_another_file(tmp_path):
    """A file that is no such export is refused with what it lacks."""
    (tmp_path / "x.csv").write_text("a,b\n1,2\n")
    with pytest.raises(EventsError, match="no column Deal - ID and no Deal - Deal created or"):
        read_table(tmp_path / "x.csv", layout="pipedrive-deals")
