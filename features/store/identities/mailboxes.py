"""E-mail addresses as what they say of a person: which spelling is which mailbox, and whose it is.

A mailbox that several people read, or that programs write for nobody, says nothing of who somebody
is: whoever gives it stays who they were.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from typing import Final

from features.events.junk_ids import is_junk
from features.ladder.ladder import Identity

__all__ = ["is_shared", "mailbox", "own_mailbox", "shared_of"]

_LONGEST: Final = 254
"""By RFC 5321."""
_ADDRESS: Final = re.compile(r"[^@\s<>,;\"]{1,64}@(?:[^@\s<>,;.\"]{1,63}\.)+[^@\s<>,;.\"]{2,63}")
_NAMED: Final = re.compile(r".*<([^<>]+)>", re.DOTALL)
_SHARED: Final = frozenset(
    {
        # RFC 2142, and what companies call the door that anyone may knock at.
        *("info", "information", "contact", "contactus", "hello", "hi", "hey", "mail", "email"),
        *("office", "reception", "frontdesk", "team", "staff", "all", "everyone", "company"),
        *("sales", "marketing", "press", "media", "pr", "newsletter", "news", "events", "event"),
        *("support", "help", "helpdesk", "service", "customerservice", "customercare", "care"),
        *("feedback", "billing", "accounts", "accounting", "finance", "invoice", "invoices"),
        *("payments", "orders", "order", "purchasing", "procurement", "shop", "store", "booking"),
        *("bookings", "reservations", "jobs", "careers", "career", "hr", "recruiting", "legal"),
        *("privacy", "gdpr", "compliance", "security", "abuse", "noc", "postmaster", "webmaster"),
        *("hostmaster", "admin", "administrator", "root", "it", "itsupport", "dev", "tech"),
        *("partners", "partner", "enquiries", "enquiry", "inquiries", "inquiry", "general"),
        # The same in other languages.
        *("kontakt", "buero", "bureau", "vertrieb", "verkauf", "einkauf", "rechnung", "bewerbung"),
        *("contacto", "ventas", "oficina", "ayuda", "contato", "vendas", "contatti", "vendite"),
        *("ufficio", "accueil", "commercial", "service-client", "verkoop", "administratie"),
        # What is written where there is no address.
        *("noreply", "donotreply", "nomail", "noemail", "nobody", "test", "tester", "testing"),
        *("example", "user", "username", "youremail", "yourname", "name", "asdf", "abc", "xyz"),
        *("na", "foo", "bar", "foobar"),
    }
)
_FILLING: Final = re.compile(r"[._-]")


def mailbox(text: str) -> str | None:
    """The mailbox that a text names, in one spelling: "Ann <Ann@ACME.com >" is ann@acme.com.

    None where it names none. What stands before the @ is taken without regard to case, as every
    provider does, and otherwise as it is: ann+news@acme.com is another one.
    """
    named = _NAMED.fullmatch(text.strip())
    address = (named[1] if named else text).strip().removeprefix("mailto:")
    if len(address) > _LONGEST or not _ADDRESS.fullmatch(address):
        return None
    # Not `casefold`, which makes one of two people: strasse@acme.com is not straße@acme.com.
    return unicodedata.normalize("NFKC", address).lower()


def is_shared(address: str, more: Collection[str] = ()) -> bool:
    """Whether a mailbox, as `mailbox` gives it, is that of several people, or of nobody.

    Parameters
    ----------
    more : addresses, and what stands before an @, that are shared as well; in lower case.
    """
    local, _, _ = address.rpartition("@")
    before = local.partition("+")[0]
    if address in more or local in more or before in more:
        return True
    return is_junk(before) or _FILLING.sub("", before) in _SHARED or before in _SHARED


def shared_of(identity: Identity) -> frozenset[str]:
    """What a ladder says is shared as well, as `is_shared` takes it."""
    return frozenset(one.strip().lower() for one in identity.shared_mailboxes)


def own_mailbox(text: str, more: Collection[str] = ()) -> str | None:
    """The mailbox that a text names, where it says who somebody is; None where it does not.

    Parameters
    ----------
    more : as of `is_shared`.
    """
    address = mailbox(text)
    return None if address is None or is_shared(address, more) else address
