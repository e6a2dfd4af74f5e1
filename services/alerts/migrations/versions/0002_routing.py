"""What goes to many: facts and exposure of peers, notices, subscriptions, digests."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from shared.database import UtcDateTime, WideInteger

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table('digest_item',
    sa.Column('id', WideInteger(), nullable=False),
    sa.Column('endpoint_id', sa.String(), nullable=False),
    sa.Column('cadence', sa.String(), nullable=False),
    sa.Column('alert_id', sa.String(), nullable=False),
    sa.Column('added_at', UtcDateTime(), nullable=False),
    sa.Column('digest_id', sa.String(), nullable=True),
    sa.PrimaryKeyConstraint('id'),
    sa.UniqueConstraint('endpoint_id', 'cadence', 'alert_id', name='uq_digest_item_recipient_alert')
    )
    op.create_index('ix_digest_item_digest_id', 'digest_item', ['digest_id', 'endpoint_id', 'cadence'], unique=False)
    op.create_table('peer_enterprise',
    sa.Column('credit_code', sa.String(), nullable=False),
    sa.Column('industry', sa.String(), nullable=False),
    sa.Column('industry_group', sa.String(), nullable=False),
    sa.Column('region', sa.String(), nullable=False),
    sa.Column('province', sa.String(), nullable=False),
    sa.Column('party', sa.String(), nullable=True),
    sa.PrimaryKeyConstraint('credit_code')
    )
    op.create_index('ix_peer_enterprise_place', 'peer_enterprise', ['province', 'industry_group'], unique=False)
    op.create_table('peer_fact',
    sa.Column('risk_id', sa.String(), nullable=False),
    sa.Column('credit_code', sa.String(), nullable=False),
    sa.Column('party', sa.String(), nullable=True),
    sa.Column('industry', sa.String(), nullable=False),
    sa.Column('industry_group', sa.String(), nullable=False),
    sa.Column('region', sa.String(), nullable=False),
    sa.Column('province', sa.String(), nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('family', sa.String(), nullable=False),
    sa.Column('at', UtcDateTime(), nullable=False),
    sa.Column('seen_at', UtcDateTime(), nullable=False),
    sa.Column('slot', UtcDateTime(), nullable=False),
    sa.Column('counted', sa.Boolean(), nullable=False),
    sa.Column('judged', sa.Boolean(), nullable=False),
    sa.PrimaryKeyConstraint('risk_id')
    )
    op.create_index('ix_peer_fact_judged_slot', 'peer_fact', ['judged', 'slot'], unique=False)
    op.create_index('ix_peer_fact_topic', 'peer_fact', ['province', 'industry_group', 'kind', 'family', 'at'], unique=False)
    op.create_table('peer_notice',
    sa.Column('id', sa.String(), nullable=False),
    sa.Column('outcome', sa.String(), nullable=False),
    sa.Column('reason', sa.String(), nullable=False),
    sa.Column('industry', sa.String(), nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('family', sa.String(), nullable=False),
    sa.Column('area', sa.String(), nullable=False),
    sa.Column('slot', UtcDateTime(), nullable=False),
    sa.Column('document', sa.JSON(), nullable=False),
    sa.Column('body', sa.LargeBinary(), nullable=False),
    sa.Column('affected', sa.JSON(), nullable=False),
    sa.Column('crowd', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index('ix_peer_notice_outcome_slot', 'peer_notice', ['outcome', 'slot', 'id'], unique=False)
    op.create_index('ix_peer_notice_topic', 'peer_notice', ['kind', 'family', 'slot'], unique=False)
    op.create_table('peer_notice_recipient',
    sa.Column('notice_id', sa.String(), nullable=False),
    sa.Column('credit_code', sa.String(), nullable=False),
    sa.PrimaryKeyConstraint('notice_id', 'credit_code')
    )
    op.create_index('ix_peer_notice_recipient_credit_code', 'peer_notice_recipient', ['credit_code'], unique=False)
    op.create_table('peer_permit',
    sa.Column('number', sa.String(), nullable=False),
    sa.Column('credit_code', sa.String(), nullable=False),
    sa.Column('versions', sa.JSON(), nullable=False),
    sa.PrimaryKeyConstraint('number')
    )
    op.create_index('ix_peer_permit_credit_code', 'peer_permit', ['credit_code'], unique=False)
    op.create_table('subscription',
    sa.Column('id', sa.String(), nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('region', sa.String(), nullable=False),
    sa.Column('scopes', sa.JSON(), nullable=False),
    sa.Column('filter', sa.JSON(), nullable=False),
    sa.Column('endpoint_id', sa.String(), nullable=False),
    sa.Column('digest', sa.String(), nullable=True),
    sa.Column('quiet_from', sa.String(), nullable=True),
    sa.Column('quiet_to', sa.String(), nullable=True),
    sa.Column('created_at', UtcDateTime(), nullable=False),
    sa.Column('created_by', sa.String(), nullable=False),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index('ix_subscription_created_at_id', 'subscription', ['created_at', 'id'], unique=False)
    op.create_index('ix_subscription_endpoint_id', 'subscription', ['endpoint_id'], unique=False)
    op.create_index('ix_subscription_region', 'subscription', ['region'], unique=False)
    op.add_column('outbox', sa.Column('notice_id', sa.String(), nullable=True))
    op.create_index('ix_outbox_notice_id', 'outbox', ['notice_id'], unique=False)


def downgrade() -> None:
    op.drop_index('ix_outbox_notice_id', table_name='outbox')
    op.drop_column('outbox', 'notice_id')
    op.drop_index('ix_subscription_region', table_name='subscription')
    op.drop_index('ix_subscription_endpoint_id', table_name='subscription')
    op.drop_index('ix_subscription_created_at_id', table_name='subscription')
    op.drop_table('subscription')
    op.drop_index('ix_peer_permit_credit_code', table_name='peer_permit')
    op.drop_table('peer_permit')
    op.drop_index('ix_peer_notice_recipient_credit_code', table_name='peer_notice_recipient')
    op.drop_table('peer_notice_recipient')
    op.drop_index('ix_peer_notice_topic', table_name='peer_notice')
    op.drop_index('ix_peer_notice_outcome_slot', table_name='peer_notice')
    op.drop_table('peer_notice')
    op.drop_index('ix_peer_fact_topic', table_name='peer_fact')
    op.drop_index('ix_peer_fact_judged_slot', table_name='peer_fact')
    op.drop_table('peer_fact')
    op.drop_index('ix_peer_enterprise_place', table_name='peer_enterprise')
    op.drop_table('peer_enterprise')
    op.drop_index('ix_digest_item_digest_id', table_name='digest_item')
    op.drop_table('digest_item')
