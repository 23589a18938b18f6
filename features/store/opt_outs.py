"""Who must not be profiled: ids that were opted out, and all that belong to the same person."""

from __future__ import annotations

import sqlalchemy as sa

from features.store.schema import identities, opt_outs

__all__ = ["opted_out_leads", "opted_out_subjects"]


def opted_out_subjects(connection: sa.Connection) -> frozenset[str]:
    """Every id of every person who opted out."""
    leads = sa.select(identities.c.lead_id).where(identities.c.id.in_(sa.select(opt_outs.c.id)))
    same = sa.select(identities.c.id).where(identities.c.lead_id.in_(leads))
    return frozenset([*connection.scalars(sa.select(opt_outs.c.id)), *connection.scalars(same)])


def opted_out_leads(connection: sa.Connection) -> frozenset[str]:
    """What the leads are called who opted out."""
    lead = sa.func.coalesce(identities.c.lead_id, opt_outs.c.id)
    wanted = sa.select(lead).select_from(
        opt_outs.outerjoin(identities, identities.c.id == opt_outs.c.id)
    )
    return frozenset(connection.scalars(wanted))
