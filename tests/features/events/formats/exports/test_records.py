"""Contacts and deals: a row with several dates is several events."""

from __future__ import annotations

import pytest

from features.errors import EventsError
from features.events.formats.exports.records import tells_what_came_later
from features.events.formats.layout import letters
from features.ladder.file import parse_ladder
from features.reading import read_events, read_table
from features.store.events import Event, EventStore
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


def test_a_contact_has_its_name_of_webhooks_too(tmp_path):
    """So that what HubSpot tells live of it is told of one lead; a deal of nobody has no such."""
    assert set(read(tmp_path, HUBSPOT)[0].anonymous_id.to_pylist()) == {
        *(f"hubspot-contact-{number}" for number in (1, 2))
    }
    text = HUBSPOT_DEALS.replace(",250,1\n", ",250,\n").replace(",90,2\n", ",90,2;3\n")
    deals, _ = read(tmp_path, text)
    named = zip(deals.lead_id.to_pylist(), deals.anonymous_id.to_pylist(), strict=True)
    assert set(named) == {
        ("hubspot-deal-7", None), ("2", "hubspot-contact-2"), ("3", "hubspot-contact-3"),
    }  # fmt: skip


@pytest.mark.parametrize("is_live_first", [True, False])
def test_an_export_and_webhooks_are_of_one_lead(tmp_path, is_live_first):
    """Whichever comes first, a store has one lead for a contact of both."""
    with EventStore.open(tmp_path / "s.db") as store:
        live = [Event("live", "hubspot-contact-1", "hubspot_contact_created", 5, 5, "{}")]
        if is_live_first:
            store.append_events(live)
        store.append(read(tmp_path, HUBSPOT)[0])
        if not is_live_first:
            store.append_events(live)
        assert store.lead_of("hubspot-contact-1") == store.lead_of("1")
        names = {row[0] for row in store.events_of("1")}
        assert {"hubspot_contact_created", "contact_created", "became_customer"} <= names
        assert store.lead_of("2") != store.lead_of("1")


@pytest.mark.parametrize(
    ("text", "names", "lead"),
    [
        (HUBSPOT_DEALS, ["deal_created", "deal_won"], "1"),
        (SALESFORCE, ["opportunity_created", "opportunity_won"], "001a"),
        (SALESFORCE_LEADS, ["lead_created", "lead_converted"], "00Qa"),
        (PIPEDRIVE, ["deal_created", "deal_won"], "pipedrive-deal-7"),
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


@pytest.mark.parametrize(
    ("text", "leads"),
    [
        (HUBSPOT_DEALS.replace(",250,1", ",250,"), {"hubspot-deal-7", "2", "3"}),
        (HUBSPOT_DEALS.replace(",250,1", ",250,14; 15"), {"14", "2", "3"}),
        (
            PIPEDRIVE.replace("Person - Name", "Person - ID").replace(",Ann,", ",8,")
            .replace(",Bob,", ",,"),
            {"8", "pipedrive-deal-8"},
        ),
    ],
)  # fmt: skip
def test_a_deal_is_of_nobody_who_has_its_number(text, leads, tmp_path):
    """Deals and people are numbered apart: a deal of nobody is a lead of its own, and one of
    several people is the first one's."""
    table, report = read(tmp_path, text)
    assert set(table.lead_id.to_pylist()) == leads
    assert "-deal- and " in report.layouts[0]


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


WHO_THEY_ARE = {
    "HubSpot contacts": (
        "First Name|Last Name|Email|Phone Number|Mobile Phone Number|WhatsApp Phone Number|"
        "Fax Number|Company Name|Company size|Number of Employees|Annual Revenue|Industry|"
        "Job Title|Job function|Seniority|Employment Role|Website URL|Street Address|City|"
        "State/Region|Postal Code|Country/Region|Time Zone|IP Timezone|Preferred language|"
        "Salutation|Date of birth|Gender|Marital Status|Relationship Status|Military status|"
        "Degree|School|Graduation date|Persona|Buying Role|Original Source|"
        "Original Source Drill-Down 1|First Page Seen|First Referring Site|Record source|"
        "Work email|Twitter Username|firstname|lastname|phone|mobilephone|numemployees|"
        "annualrevenue|jobtitle|hs_timezone|hs_language|hs_persona|hs_seniority|"
        "hs_analytics_source|company_size"
    ),
    "Salesforce leads": (
        "FirstName|LastName|Salutation|Title|Company|Street|City|State|PostalCode|Country|Phone|"
        "MobilePhone|Fax|Email|Website|LeadSource|Industry|AnnualRevenue|NumberOfEmployees|"
        "CompanyDunsNumber|Company / Account|No. of Employees|Annual Revenue|Lead Source|"
        "State/Province|Zip/Postal Code|GenderIdentity|Pronouns|ProductInterest__c|"
        "NumberOfLocations__c"
    ),
    "Pipedrive people": (
        "Person - Name|Person - First name|Person - Last name|Person - Email - Work|"
        "Person - Phone - Work|Person - Organization|Person - Postal address|Person - Job title|"
        "Organization - Country|Organization - Annual revenue|Organization - Industry|"
        "Organization - Number of employees|Person - Birthday"
    ),
}
WHAT_CAME_LATER = {
    "HubSpot contacts": (
        "Lifecycle Stage|Lead Status|Marketing contact status|HubSpot Score|Likelihood to close|"
        "Contact priority|Contact owner|Owner Assigned Date|Contact unworked|Close Date|"
        "Days To Close|Last Activity Date|Last Contacted|Last Modified Date|Next Activity Date|"
        "Last Page Seen|Latest Source|Latest Traffic Source|Time First Seen|Time Last Seen|"
        "Time of Last Session|Number of Pageviews|Number of Sessions|Average Pageviews|"
        "Number of event completions|Event Revenue|Number of Form Submissions|"
        "Number of Unique Forms Submitted|Number of Associated Deals|Number of Sales Activities|"
        "Number of times contacted|Recent Conversion|Recent Conversion Date|"
        "First Conversion Date|Recent Deal Amount|Recent Deal Close Date|"
        "First Deal Created Date|Total Revenue|Marketing emails opened|Marketing emails clicked|"
        "Marketing emails bounced|Marketing emails replied|Marketing emails delivered|"
        "First marketing email open date|Sends Since Last Engagement|Currently in workflow|"
        "Unsubscribed from all email|Opted out of email: Marketing Information|"
        "Recent Sales Email Opened Date|Last Meeting Booked|"
        'Date exited "Lead (Lifecycle Stage Pipeline)"|'
        'Cumulative time in "Lead (Lifecycle Stage Pipeline)"|'
        "lifecyclestage|hs_lead_status|hubspotscore|closedate|lastmodifieddate|days_to_close|"
        "num_associated_deals|num_notes|num_conversion_events|notes_last_contacted|"
        "recent_deal_amount|total_revenue|hs_time_in_lead|hs_analytics_num_visits|"
        "hs_email_open|hs_predictivecontactscore|number_of_form_submissions|lifecycle_stage"
    ),
    "Salesforce leads": (
        "Status|Lead Status|Rating|OwnerId|Lead Owner|IsConverted|Converted|ConvertedDate|"
        "ConvertedAccountId|ConvertedOpportunityId|LastModifiedDate|LastModifiedById|"
        "SystemModstamp|LastActivityDate|Last Activity|LastTransferDate|LastViewedDate|"
        "LastReferencedDate|IsUnreadByOwner|EmailBouncedReason|EmailBouncedDate|"
        "HasOptedOutOfEmail|FirstCallDateTime|ScoreIntelligenceId|IsPriorityRecord|"
        "Email Opt Out|Amount|ExpectedRevenue|Probability|NextStep|ForecastCategory|Fiscal|"
        "FiscalQuarter|FiscalYear|HasOpenActivity|PushCount|TotalOpportunityQuantity|IsClosed"
    ),
    "Pipedrive people": (
        "Person - Label|Person - Open deals|Person - Closed deals|Person - Won deals|"
        "Person - Lost deals|Person - Owner|Person - Next activity date|"
        "Person - Last activity date|Person - Last email received|Person - Total activities|"
        "Person - Done activities|Person - Activities to do|Person - Email messages count|"
        "Person - Update time|Person - Marketing status|Deal - Value|Deal - Status|Deal - Stage|"
        "Deal - Probability|Deal - Lost reason|Deal - Expected close date|"
        "Deal - Last stage change|Deal - Email messages count"
    ),
}


@pytest.mark.parametrize("export", WHO_THEY_ARE)
def test_who_somebody_is_is_kept(export):
    """No column of a default export that stands from the beginning is taken for what came later."""
    columns = WHO_THEY_ARE[export].split("|")
    assert [one for one in columns if tells_what_came_later(letters(one))] == []


@pytest.mark.parametrize("export", WHAT_CAME_LATER)
def test_what_came_later_is_left_out(export):
    """Each counter, date and outcome of a default export is known for what it is."""
    columns = WHAT_CAME_LATER[export].split("|")
    assert [one for one in columns if not tells_what_came_later(letters(one))] == []


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
