"""A lead erased, whoever asks for it: in the store, and in what this process remembers."""

from __future__ import annotations

from features.store.privacy import Privacy
from features.store.privacy.erasures import Erasure
from features.store.privacy.trainings import Training
from models.bundle import Bundle
from serving.process.service import Service

__all__ = ["erase_lead", "training_of"]


def erase_lead(service: Service, lead_id: str, *, is_suppressed: bool) -> Erasure:
    """Erase everything that is kept of a lead; UnknownLead where that is nothing.

    Parameters
    ----------
    is_suppressed : whether nothing may be stored under any of its ids any more.
    """
    privacy, serving = Privacy(service.store.database), training_of(service.scorer.bundle)
    erasure = privacy.erase(lead_id, service.clock(), serving, is_suppressed=is_suppressed)
    service.store.identities.forget()
    service.store.suppressions.forget()
    return erasure


def training_of(bundle: Bundle | None) -> Training | None:
    """What a bundle says of its own training; when that was it does not say."""
    if bundle is None:
        return None
    return Training(bundle.hash, bundle.ladder.name, int(bundle.manifest["until"]))
