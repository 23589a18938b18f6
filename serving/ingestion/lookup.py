"""Which leads an e-mail address, or an id of another tool, belongs to: the reverse of ingestion."""

from __future__ import annotations

from hashlib import sha256

from features.store.identities.finding import known_leads, leads_of_external
from features.store.identities.mailboxes import mailbox
from features.store.privacy.suppressions import suppressed_among
from serving.process.service import Service

__all__ = ["erased_of_id", "erased_of_mail", "ids_of_mail", "leads_of_id", "leads_of_mail"]


def ids_of_mail(address: str) -> tuple[str, str]:
    """The ids that somebody may be kept under by an address in one spelling: itself, and a hash."""
    return address, f"email-{sha256(address.encode()).hexdigest()[:32]}"


def leads_of_mail(service: Service, address: str) -> list[str]:
    """The leads that an address belongs to, sorted: by the ladder's rule, or as an id itself."""
    with service.store.database.reading() as connection:
        return sorted(known_leads(connection, _ids_of_mail(service, address)))


def leads_of_id(service: Service, external_id: str) -> list[str]:
    """The leads that a CRM has under an id, or of which a trait that identifies has that value."""
    with service.store.database.reading() as connection:
        found = known_leads(connection, _ids_of_id(service, external_id))
        return sorted(found | leads_of_external(connection, external_id))


def erased_of_mail(service: Service, address: str) -> list[str]:
    """The ids that an address belongs to and that were erased for good, sorted.

    Whoever is asked about by one is to be left alone, as if the id were asked about.
    """
    with service.store.database.reading() as connection:
        return sorted(suppressed_among(connection, _ids_of_mail(service, address)))


def erased_of_id(service: Service, external_id: str) -> list[str]:
    """As `erased_of_mail`, by an id of another tool."""
    with service.store.database.reading() as connection:
        return sorted(suppressed_among(connection, _ids_of_id(service, external_id)))


def _ids_of_mail(service: Service, address: str) -> list[str]:
    known = service.identification
    of_mail = known.of_mail(address) if known else None
    ids = [*([of_mail] if of_mail else ()), address.strip(), *ids_of_mail(address.strip().lower())]
    if in_one_spelling := mailbox(address):
        ids += ids_of_mail(in_one_spelling)
    return ids


def _ids_of_id(service: Service, external_id: str) -> list[str]:
    known = service.identification
    return [external_id, *(known.of_external(external_id) if known else ())]
