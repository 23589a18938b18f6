"""Which ids hang on one other id: a lead with very many is not read whole for each that comes."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add what is lacking. An id whose row does not say yet is found out when a link names it."""
    op.add_column("identities", sa.Column("hangs_on", sa.Text))
    op.create_index("identities_lead", "identities", ["lead_id", "hangs_on"])
    op.drop_index("ix_identities_lead_id", "identities")
    op.drop_index("identity_links_source", "identity_links")
    op.create_index("identity_links_source", "identity_links", ["source", "occurred_at"])
