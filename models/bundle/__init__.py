"""What was trained: what it says of leads, and the folder in which it lies."""

from models.bundle.bundle import Bundle, Scores, version_of
from models.bundle.files import (
    UNREADABLE,
    check_folder,
    copy_bundle,
    load_bundle,
    manifest_of,
    save_bundle,
    signals_fingerprint,
    told_by,
    unreadable,
    why_not_loaded,
)

__all__ = [
    "UNREADABLE",
    "Bundle",
    "Scores",
    "check_folder",
    "copy_bundle",
    "load_bundle",
    "manifest_of",
    "save_bundle",
    "signals_fingerprint",
    "told_by",
    "unreadable",
    "version_of",
    "why_not_loaded",
]
