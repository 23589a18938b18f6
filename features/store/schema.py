"""The tables of the database, all of them; the migrations make them and keep them up.

Instants are microseconds since the epoch, UTC. Events are kept under the id that was sent; which
lead an id belongs to is what `identities` says, as far as that is not itself. On disk,
columns keep the names that they were first given: `subject`, and `at` for an instant.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

__all__ = [
    "JOINED",
    "METADATA",
    "NAMED",
    "PREFERENCES",
    "READINESS",
    "account_members",
    "actions",
    "api_keys",
    "champions",
    "deliveries",
    "endpoints",
    "erasures",
    "events",
    "experiments",
    "gone_scores",
    "hands",
    "identities",
    "identity_links",
    "kept_columns",
    "lead_words",
    "leases",
    "meta",
    "notifications",
    "offers",
    "opt_outs",
    "ranks",
    "recalibrations",
    "rep_minutes",
    "reports",
    "scores",
    "sessions",
    "stale",
    "suppressions",
    "trainings",
    "write_backs",
]

METADATA: Final = sa.MetaData()
JOINED: Final = "joined_by"
"""The key of `meta` that says by what the ids of all events have been joined."""
NAMED: Final = "named_by_2"
"""The key of `meta` that says by which event's traits leads can be found, all that are stored.

Its number grows when other words are told of traits: then all that are stored are looked at anew.
"""


def _bytewise() -> sa.Text:
    """Texts in the order of their bytes, so that those with one beginning stand together."""
    return sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def _instant(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=nullable)


# ---------------------------------------------------------------------- what happened, and to whom

# SQLite keeps events in the order in which they came, each under a number, `seq`: in the order of
# the key each would write a page of its own. Where those of an id stand is noted beside them, and
# that a message id is there once is seen to by triggers (`features.store.places`).
events = sa.Table(
    "events",
    METADATA,
    sa.Column("lead_id", sa.Text, primary_key=True),  # the id that was sent
    sa.Column("occurred_at", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("message_id", sa.Text, primary_key=True, unique=True),
    sa.Column("name", sa.Text, nullable=False),
    _instant("known_at"),
    sa.Column("properties", sa.Text, nullable=False),
)
identity_links = sa.Table(
    "identity_links",
    METADATA,
    sa.Column("kind", sa.Text, primary_key=True),  # claim or alias
    sa.Column("source", sa.Text, primary_key=True),  # the anonymous or the previous id
    sa.Column("target", sa.Text, primary_key=True, index=True),  # the user's id
    _instant("occurred_at"),
    _instant("known_at"),
    _instant("undone_at", nullable=True),
    sa.Index("identity_links_source", "source", "occurred_at"),
    sqlite_with_rowid=False,
)
identities = sa.Table(
    "identities",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),  # an id that shares its lead with others
    sa.Column("lead_id", sa.Text, nullable=False),
    _instant("joined_at"),  # when it was known to belong there
    sa.Column("hangs_on", sa.Text),  # the one id that it is there by, where none is there by it
    sa.Index("identities_lead", "lead_id", "hangs_on"),
    sqlite_with_rowid=False,
)
account_members = sa.Table(  # the company that an id was last told to belong to
    "account_members",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),  # the id that was sent
    sa.Column("account_id", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),  # of the company named last; "" where none was
    _instant("told_at"),  # when it was told to belong there
    sa.Column("named_id", sa.Text),  # which company the name is of, be it a former one
    _instant("named_at", nullable=True),  # when that was told
    sa.Index("account_members_account", "account_id"),
    sqlite_with_rowid=False,
)
opt_outs = sa.Table(
    "opt_outs",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),  # an id that must not be profiled
    _instant("at"),
    sa.Column("reason", sa.Text, nullable=False),
)
erasures = sa.Table(
    "erasures",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    _instant("at"),
    sa.Column("events", sa.BigInteger, nullable=False),  # how many were erased
    sa.Column("models", sa.Text, nullable=False),  # JSON: those that were trained on them
)
suppressions = sa.Table(  # whoever was erased and must not come back; it names nobody
    "suppressions",
    METADATA,
    sa.Column("hash", sa.Text, primary_key=True),  # keyed, of one id
    sa.Column("erasure", sa.Text, nullable=False),
    _instant("at"),
    sa.Index("suppressions_erasure", "erasure"),
)
trainings = sa.Table(
    "trainings",
    METADATA,
    sa.Column("bundle", sa.Text, primary_key=True),  # the hash of a bundle trained from this store
    sa.Column("ladder", sa.Text, nullable=False),
    _instant("until"),  # it saw what was known by then
    _instant("trained_at"),
)

# -------------------------------------------------------------------------- how people work with it

lead_words = sa.Table(  # words that a lead is found by, of the traits of an id
    "lead_words",
    METADATA,
    sa.Column("word", _bytewise(), primary_key=True),  # small letters, without accents
    sa.Column("id", sa.Text, primary_key=True),  # the id that was sent
    sa.Index("lead_words_id", "id"),
    sqlite_with_rowid=False,
)
hands = sa.Table(  # in whose hands an id was put last, and until when it is left alone
    "hands",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),  # the id that was sent
    sa.Column("owner", sa.Text, nullable=False),  # a person's name; "" for nobody
    _instant("claimed_at", nullable=True),  # when that happened
    _instant("claimed_until", nullable=True),
    _instant("snoozed_at", nullable=True),
    _instant("snoozed_until", nullable=True),  # None: until it has done something again
    sa.Column("snoozed_by", sa.Text, nullable=False, server_default=""),  # a person's name
    sqlite_with_rowid=False,
)
actions = sa.Table(  # what people said to have done; it becomes events when it is due
    "actions",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("lead_id", sa.Text, nullable=False, index=True),
    sa.Column("ladder", sa.Text, nullable=False),
    sa.Column("action", sa.Text, nullable=False),  # its id in the ladder, or one of Rung's own
    sa.Column("title", sa.Text, nullable=False),  # as the button had it
    sa.Column("events", sa.Text, nullable=False),  # JSON list of what is written to the log
    sa.Column("by", sa.Text, nullable=False),  # the id of a key; "" for this machine
    sa.Column("name", sa.Text, nullable=False),  # of the key, by which leads are claimed
    _instant("done_at"),
    _instant("due_at"),
    _instant("undone_at", nullable=True),
    _instant("entered_at", nullable=True),  # when it was written to the log
    sa.Index("actions_open", "entered_at", "due_at"),
    sa.Index("actions_done", "done_at"),
)

# ------------------------------------------------------------------------------------------ scores

scores = sa.Table(
    "scores",
    METADATA,
    sa.Column("lead_id", sa.Text, primary_key=True),
    sa.Column("ladder", sa.Text, nullable=False),
    _instant("as_of"),
    sa.Column("step", sa.Text, nullable=False),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("p_advance", sa.Double),
    sa.Column("low", sa.Double),
    sa.Column("high", sa.Double),
    sa.Column("p_purchase", sa.Double),
    sa.Column("priority", sa.Double, nullable=False),
    sa.Column("percentile", sa.Double),
    sa.Column("reasons", sa.Text, nullable=False),
    sa.Column("bundle", sa.Text, nullable=False),
    _instant("scored_at"),
    _instant("last_active", nullable=True),
    sa.Column("band", sa.Text),  # low, medium, high; of queued leads alone
    _instant("waiting_since", nullable=True),  # for a reply
    sa.Column("cause", sa.Text, nullable=False, server_default="model"),  # of its last change
    sa.Column("p_week_ago", sa.Double),  # of the same step
    sa.Column("tab", sa.Text),  # reply, talk, marketing, quiet; of queued leads alone
    sa.Column("offer_id", sa.Text),  # what is suggested
    sa.Column("gain", sa.Double),
    sa.Column("rep_minutes", sa.Double),
    sa.Column(
        "traits", sa.Text, nullable=False, server_default="{}"
    ),  # JSON: those the ladder names
    sa.Column("seq", sa.BigInteger),  # grows with each transaction that writes; None: to be given
    sa.Column("account_id", sa.Text),  # the company that it belonged to when it was scored
    sa.Column("source", sa.Text),  # its trait of that name, where the ladder has one
    _instant("asked_at", nullable=True),  # when the last question became known, of who waits
)
sa.Index(  # with all that the queue is filtered by, so that a scan reads nothing else
    "scores_queue",
    scores.c.priority.desc(),
    *(scores.c[name] for name in ("lead_id", "step", "band", "source", "last_active")),
)
sa.Index("scores_source", scores.c.source)
sa.Index("scores_purchase", scores.c.p_purchase.desc(), scores.c.lead_id)
sa.Index("scores_recent", scores.c.last_active.desc(), scores.c.lead_id)
sa.Index("scores_waiting", scores.c.waiting_since)
sa.Index("scores_changes", scores.c.seq, scores.c.lead_id)
sa.Index("scores_account", scores.c.account_id, scores.c.position.desc())
gone_scores = sa.Table(  # leads that had a score and have none, but for those that were erased
    "gone_scores",
    METADATA,
    sa.Column("lead_id", sa.Text, primary_key=True),
    sa.Column("seq", sa.BigInteger),  # as that of scores
    sqlite_with_rowid=False,
)
sa.Index("gone_scores_changes", gone_scores.c.seq, gone_scores.c.lead_id)
stale = sa.Table(  # marks: leads whose score is older than what is known of them
    "stale",
    METADATA,
    sa.Column("subject", sa.Text, primary_key=True, key="sent_id"),
    sa.Column("mark", sa.Text, nullable=False),  # another one each time
    _instant("since"),
    _instant("leased_until"),
    sqlite_with_rowid=False,
)
sa.Index("stale_since", stale.c.since)
PREFERENCES: Final = "preferences"
"""The kind of the report of what was learned from the ranks of a loop; it is about the loop."""
READINESS: Final = "readiness"
"""The kind of the report of what a log has of a ladder; it is about the ladder."""
reports = sa.Table(  # what a worker judged or counted; routes and pages show the newest
    "reports",
    METADATA,
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("ladder", sa.Text, primary_key=True),
    sa.Column("about", sa.Text, primary_key=True),  # a bundle, an experiment; "" for none
    sa.Column("as_of", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("body", sa.Text, nullable=False),  # JSON object
    sa.Column("hash", sa.Text, nullable=False),  # SHA-256 of the body
)
kept_columns = sa.Table(  # a table about leads that a worker made, as Arrow's bytes, cut in parts
    "kept_columns",
    METADATA,
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("ladder", sa.Text, primary_key=True),
    sa.Column("part", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("as_of", sa.BigInteger, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
)
experiments = sa.Table(  # what is tried on leads by lot
    "experiments",
    METADATA,
    sa.Column("ladder", sa.Text, primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("body", sa.Text, nullable=False),  # JSON object
    sa.Column("state", sa.Text, nullable=False),
    _instant("started_at"),
    _instant("stopped_at", nullable=True),
    sa.Column("verdict", sa.Text, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
)
recalibrations = sa.Table(  # how log-odds have moved with the outcomes since a bundle was trained
    "recalibrations",
    METADATA,
    sa.Column("bundle", sa.Text, primary_key=True),  # the whole hash
    sa.Column("goal", sa.Text, primary_key=True),
    sa.Column("known_at", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("intercept", sa.Double, nullable=False),
    sa.Column("slope", sa.Double, nullable=False),
    sa.Column("n", sa.BigInteger, nullable=False),  # outcomes that say so
)
champions = sa.Table(  # what served since when
    "champions",
    METADATA,
    sa.Column("ladder", sa.Text, primary_key=True),
    sa.Column("from_at", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("bundle", sa.Text, nullable=False),  # the whole hash
    sa.Column("policy", sa.Text, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("report_hash", sa.Text, nullable=False),
)
offers = sa.Table(  # versions of offers, which stand in place of the ladder file's
    "offers",
    METADATA,
    sa.Column("ladder", sa.Text, primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("body", sa.Text, nullable=False),  # JSON: the keys of an [[offer]] table
    sa.Column("status", sa.Text, nullable=False),  # active, paused, retired
    _instant("from_at"),
    _instant("made_at"),
    sa.Column("by", sa.Text, nullable=False),
)
ranks = sa.Table(  # actions of callers that were chosen, in Personalizer's words: rank events
    "ranks",
    METADATA,
    sa.Column("loop", sa.Text, primary_key=True),  # what learns together: the source of a key
    sa.Column("event_id", sa.Text, primary_key=True),
    sa.Column("place", sa.Integer, primary_key=True, autoincrement=False),  # of a slot; 0 alone
    sa.Column("slot", sa.Text, nullable=False),  # "" where there is one
    sa.Column("lead_id", sa.Text, index=True),
    _instant("occurred_at"),
    sa.Column("situation", sa.Text),  # JSON: features; None where nothing may be learned of it
    sa.Column("actions", sa.Text, nullable=False),  # JSON: id, probability and features of each
    sa.Column("chosen", sa.Text, nullable=False),
    _instant("exposed_at", nullable=True),
    sa.Column("reward", sa.Double),
    _instant("rewarded_at", nullable=True),
    sa.Index("ranks_occurred", "loop", "occurred_at"),
    sa.Index("ranks_rewarded", "loop", "rewarded_at"),
)
rep_minutes = sa.Table(
    "rep_minutes",
    METADATA,
    sa.Column("day", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("minutes", sa.Double, nullable=False),
)

# -------------------------------------------------------------------------- notifications, outgoing

notifications = sa.Table(
    "notifications",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),  # webhook-id
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("lead_id", sa.Text, index=True),
    _instant("created_at"),
    sa.Column("data", sa.Text, nullable=False),  # JSON object
    sa.Index("notifications_created", "created_at"),
)
endpoints = sa.Table(
    "endpoints",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("types", sa.Text, nullable=False),  # JSON list; empty: all
    sa.Column("include", sa.Text, nullable=False, server_default="[]"),  # JSON list
    sa.Column("secret", sa.Text, nullable=False),  # whsec_...
    sa.Column("former_secret", sa.Text),
    _instant("former_until", nullable=True),  # until then both sign
    _instant("created_at"),
    _instant("disabled_at", nullable=True),
    sa.Column("disabled_why", sa.Text),
)
deliveries = sa.Table(
    "deliveries",
    METADATA,
    sa.Column("notification_id", sa.Text, primary_key=True),
    sa.Column("endpoint_id", sa.Text, primary_key=True, index=True),
    sa.Column("attempts", sa.Integer, nullable=False),
    _instant("due_at", nullable=True),  # None: no further attempt
    _instant("leased_until"),
    _instant("attempted_at", nullable=True),
    _instant("delivered_at", nullable=True),
    sa.Column("status", sa.Integer),  # of the last answer
    sa.Column("error", sa.Text),  # why the last attempt failed
    sa.Column("extra", sa.Text),  # JSON object: what the endpoint asked for; None: not read yet
    sa.Index("deliveries_due", "due_at"),
)
write_backs = sa.Table(  # what a CRM was told of a lead last, and what it is to be told
    "write_backs",
    METADATA,
    sa.Column("connector", sa.Text, primary_key=True),
    sa.Column("lead_id", sa.Text, primary_key=True),
    sa.Column("external_id", sa.Text, nullable=False),
    sa.Column("wanted", sa.Text),  # JSON object of fields; None: nothing to tell
    _instant("due_at", nullable=True),
    _instant("leased_until"),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("written", sa.Text),  # JSON object of fields, as last accepted
    _instant("written_at", nullable=True),
    sa.Column("error", sa.Text),
    sa.Index("write_backs_due", "due_at"),
    sa.Index("write_backs_record", "connector", "external_id"),
)

# ----------------------------------------------------------------------------- access, housekeeping

api_keys = sa.Table(
    "api_keys",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("hash", sa.Text, nullable=False),
    sa.Column("scopes", sa.Text, nullable=False),  # separated by blanks
    sa.Column("source", sa.Text, nullable=False),  # message ids are unique within it; "" for none
    _instant("created_at"),
    _instant("revoked_at", nullable=True),
    sa.Column("ladder", sa.Text, nullable=False, server_default=""),  # the only one; "" for any
    sa.Column(
        "origins", sa.Text, nullable=False, server_default=""
    ),  # of pages, with blanks between
)
sessions = sa.Table(
    "sessions",
    METADATA,
    sa.Column("hash", sa.Text, primary_key=True),
    sa.Column("key_id", sa.Text, nullable=False, index=True),
    _instant("created_at"),
    _instant("expires_at"),
)
leases = sa.Table(  # work that one process at a time does
    "leases",
    METADATA,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("holder", sa.Text, nullable=False),
    _instant("until"),
)
meta = sa.Table(
    "rung_meta",
    METADATA,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)
