"""The layouts of tools that export contacts and deals: a row with several dates."""

from __future__ import annotations

import re
from typing import Final

from features.events.formats.layout import Dated, Layout, Places

__all__ = ["RECORD_LAYOUTS", "tells_what_came_later"]

_TRUE: Final = r"(?i)true|1|yes"
_WON: Final = r"(?i)closed ?won.*|won.*"
_LOST: Final = r"(?i)closed ?lost.*|lost.*"

_WHO: Final = re.compile(
    r"(.*_)?("
    r"last|last_(name|initial)|name_last|"
    r"(phone|mobile|fax|telephone|duns|vat|tax|house)_number(_.*)?|"
    r"(number|num|count)_of_(employees|locations|offices)|(employees?|headcount)_(count|number)|employees|"
    r"(annual|yearly|company)_revenue(_.*)?|revenue_(range|band)|"
    r"time_?zones?(_.*)?|(best|preferred)_time(_.*)?|"
    r"date_of_birth|birth_?date|graduation_date|"
    r"(marital|relationship|military|employment)_status|"
    r"hs_(language|persona|seniority|role|sub_role|buying_role|state_code|country_region_code|"
    r"linkedin_url|analytics_source(_data_[12])?|analytics_first_(url|referrer))"
    r")(_c)?"
)
"""Columns that say who somebody is, though a word of theirs is one of those below."""

_LATER: Final = re.compile(
    r"(.*_)?(stage|status|last|latest|recent|next|score|probability|close|closed|closing|won|lost|"
    r"reason|amount|value|revenue|converted|forecast|modified|updated|update|days|date|time|times|"
    r"became|entered|exited|number(?=_[a-z])|num|count|activity|activities|opened|clicked|replied|"
    r"bounced|delivered|is_won|owner|deals|lifecycle\w*|hs_\w*|rating|priority|labels?|fiscal|"
    r"total|average|pageviews|currently|unworked|unsubscribed|opt|opted|"
    r"closedate|lastmodifieddate|hubspotscore|modstamp)(_.*)?"
)
"""Counters, dates and outcomes; `number` where it counts something."""


def tells_what_came_later(column: str) -> bool:
    """Whether a column of a record is filled in as the lead goes on, and so tells the outcome.

    Parameters
    ----------
    column : in small letters and digits, with _ between words.
    """
    return _LATER.fullmatch(column) is not None and _WHO.fullmatch(column) is None


_STAGES: Final = (
    ("subscriber", "subscriber"),
    ("lead", "lead"),
    ("marketing_qualified_lead", "marketingqualifiedlead"),
    ("sales_qualified_lead", "salesqualifiedlead"),
    ("opportunity", "opportunity"),
    ("customer", "customer"),
)


def _became(stage: str, own: str) -> Dated:
    words = stage.replace("_", " ")
    at: Places = (
        f"Became a {words} date",
        f"Became an {words} date",
        f"hs_lifecyclestage_{own}_date",
        f'Date entered "{words} (Lifecycle Stage Pipeline)"',
    )
    return Dated(f"became_{stage}", at)


_AMOUNT: Final = ("amount", ("Amount", "Deal - Value", "Deal - Weighted value"))
_HUBSPOT_WON: Final = (
    ("Is Closed Won", _TRUE), ("hs_is_closed_won", _TRUE), ("Deal Stage", _WON),
    ("dealstage", r"closedwon"),
)  # fmt: skip
_HUBSPOT_LOST: Final = (
    ("Is closed lost", _TRUE), ("hs_is_closed_lost", _TRUE), ("Deal Stage", _LOST),
    ("dealstage", r"closedlost"),
)  # fmt: skip
_SALESFORCE_CLOSED: Final = ("CloseDate", "Close Date")

RECORD_LAYOUTS: Final = (
    Layout(
        name="hubspot-deals",
        title="an export of HubSpot deals",
        marks=(("Record ID", "hs_object_id"), ("Deal Stage", "dealstage"),
               ("Create Date", "createdate")),
        lead=("Associated Contact IDs", "Associated Contact"),
        alone="hubspot-deal-",
        live="hubspot-contact-",
        message_id=("Record ID", "hs_object_id"),
        kind="records",
        dated=(
            Dated("deal_created", ("Create Date", "createdate")),
            Dated("deal_won", ("Close Date", "closedate"), _HUBSPOT_WON, (_AMOUNT,)),
            Dated("deal_lost", ("Close Date", "closedate"), _HUBSPOT_LOST),
        ),
    ),
    Layout(
        name="hubspot-contacts",
        title="an export of HubSpot contacts",
        marks=(
            ("Record ID", "hs_object_id"), ("Create Date", "createdate"),
            ("Lifecycle Stage", "lifecyclestage",
             *(one for stage in _STAGES for one in _became(*stage).at)),
        ),
        lead=("Record ID", "hs_object_id"),
        live="hubspot-contact-",
        message_id=("Record ID", "hs_object_id"),
        kind="records",
        dated=(
            Dated("contact_created", ("Create Date", "createdate")),
            *(_became(*stage) for stage in _STAGES),
        ),
    ),
    Layout(
        name="salesforce-opportunities",
        title="an export of Salesforce opportunities",
        marks=(("Id", "Opportunity ID"), ("StageName", "Stage"), _SALESFORCE_CLOSED,
               ("CreatedDate", "Created Date")),
        lead=("ContactId", "AccountId", "Account ID", "Id", "Opportunity ID"),
        message_id=("Id", "Opportunity ID"),
        kind="records",
        dated=(
            Dated("opportunity_created", ("CreatedDate", "Created Date")),
            Dated("opportunity_won", _SALESFORCE_CLOSED,
                  (("IsWon", _TRUE), ("Won", _TRUE), ("StageName", _WON), ("Stage", _WON)),
                  (_AMOUNT,)),
            Dated("opportunity_lost", _SALESFORCE_CLOSED, (("StageName", _LOST), ("Stage", _LOST))),
        ),
        zone="UTC",
    ),
    Layout(
        name="salesforce-leads",
        title="an export of Salesforce leads",
        marks=(("Id", "Lead ID"), ("LeadSource", "Lead Source", "Company"),
               ("CreatedDate", "Created Date", "Create Date"),
               ("IsConverted", "ConvertedDate", "Converted Date")),
        lead=("ConvertedContactId", "Id", "Lead ID"),
        message_id=("Id", "Lead ID"),
        kind="records",
        dated=(
            Dated("lead_created", ("CreatedDate", "Created Date", "Create Date")),
            Dated("lead_converted", ("ConvertedDate", "Converted Date")),
        ),
        zone="UTC",
    ),
    Layout(
        name="pipedrive-deals",
        title="an export of Pipedrive deals",
        marks=(("Deal - ID",), ("Deal - Deal created", "Deal - Created", "Deal - Add time"),
               ("Deal - Won time", "Deal - Lost time", "Deal - Deal closed on")),
        lead=("Person - ID", "Deal - Person ID"),
        alone="pipedrive-deal-",
        message_id=("Deal - ID",),
        kind="records",
        dated=(
            Dated("deal_created", ("Deal - Deal created", "Deal - Created", "Deal - Add time")),
            Dated("deal_won", ("Deal - Won time",), (), (_AMOUNT,)),
            Dated("deal_lost", ("Deal - Lost time",)),
        ),
    ),
)  # fmt: skip
