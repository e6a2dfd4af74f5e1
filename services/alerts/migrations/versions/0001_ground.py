"""The ground of alerts: alerts with history, endpoints, pushes with attempts, outbox, progress."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from shared.database import UtcDateTime, WideInteger

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table('alert',
    sa.Column('id', sa.String(), nullable=False),
    sa.Column('risk_id', sa.String(), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('revision', sa.Integer(), nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('condition', sa.String(), nullable=False),
    sa.Column('stage', sa.String(), nullable=False),
    sa.Column('level', sa.String(), nullable=False),
    sa.Column('status', sa.String(), nullable=False),
    sa.Column('rule', sa.String(), nullable=False),
    sa.Column('credit_code', sa.String(), nullable=True),
    sa.Column('region', sa.String(), nullable=False),
    sa.Column('outlet', sa.String(), nullable=True),
    sa.Column('factor', sa.String(), nullable=True),
    sa.Column('hidden_from_enterprise', sa.Boolean(), nullable=False),
    sa.Column('opened_at', UtcDateTime(), nullable=False),
    sa.Column('changed_at', UtcDateTime(), nullable=False),
    sa.Column('cleared_at', UtcDateTime(), nullable=True),
    sa.Column('change', sa.String(), nullable=False),
    sa.Column('previous', sa.String(), nullable=True),
    sa.Column('announced_stage', sa.String(), nullable=True),
    sa.Column('announced_level', sa.String(), nullable=True),
    sa.Column('due_enterprise', UtcDateTime(), nullable=True),
    sa.Column('due_authority', UtcDateTime(), nullable=True),
    sa.Column('audience', sa.JSON(), nullable=False),
    sa.Column('risk', sa.JSON(), nullable=False),
    sa.Column('document', sa.JSON(), nullable=False),
    sa.PrimaryKeyConstraint('id'),
    sa.UniqueConstraint('risk_id', 'number', name='uq_alert_risk_id_number')
    )
    op.create_index('ix_alert_credit_code_opened_at', 'alert', ['credit_code', 'opened_at'], unique=False)
    op.create_index('ix_alert_opened_at_id', 'alert', ['opened_at', 'id'], unique=False)
    op.create_index('ix_alert_region_opened_at', 'alert', ['region', 'opened_at'], unique=False)
    op.create_index('ix_alert_status_opened_at', 'alert', ['status', 'opened_at'], unique=False)
    op.create_table('alert_history',
    sa.Column('id', WideInteger(), nullable=False),
    sa.Column('alert_id', sa.String(), nullable=False),
    sa.Column('revision', sa.Integer(), nullable=False),
    sa.Column('at', UtcDateTime(), nullable=False),
    sa.Column('what', sa.String(), nullable=False),
    sa.Column('who', sa.String(), nullable=False),
    sa.Column('text', sa.String(), nullable=False),
    sa.Column('status', sa.String(), nullable=False),
    sa.Column('push', sa.String(), nullable=True),
    sa.Column('reason', sa.String(), nullable=True),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index(op.f('ix_alert_history_alert_id'), 'alert_history', ['alert_id'], unique=False)
    op.create_table('attempt',
    sa.Column('id', WideInteger(), nullable=False),
    sa.Column('push_id', sa.String(), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('at', UtcDateTime(), nullable=False),
    sa.Column('outcome', sa.String(), nullable=False),
    sa.Column('reason', sa.String(), nullable=False),
    sa.Column('status', sa.Integer(), nullable=True),
    sa.Column('latency_ms', sa.Integer(), nullable=False),
    sa.Column('snippet', sa.String(), nullable=False),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index(op.f('ix_attempt_push_id'), 'attempt', ['push_id'], unique=False)
    op.create_table('endpoint',
    sa.Column('id', sa.String(), nullable=False),
    sa.Column('url', sa.String(), nullable=False),
    sa.Column('credit_code', sa.String(), nullable=True),
    sa.Column('region', sa.String(), nullable=True),
    sa.Column('operators', sa.Boolean(), nullable=False),
    sa.Column('state', sa.String(), nullable=False),
    sa.Column('state_reason', sa.String(), nullable=True),
    sa.Column('state_at', UtcDateTime(), nullable=False),
    sa.Column('sealed_secret', sa.String(), nullable=False),
    sa.Column('sealed_previous', sa.String(), nullable=True),
    sa.Column('previous_until', UtcDateTime(), nullable=True),
    sa.Column('created_at', UtcDateTime(), nullable=False),
    sa.Column('created_by', sa.String(), nullable=False),
    sa.Column('failing_since', UtcDateTime(), nullable=True),
    sa.Column('last_failure_at', UtcDateTime(), nullable=True),
    sa.Column('last_success_at', UtcDateTime(), nullable=True),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index(op.f('ix_endpoint_credit_code'), 'endpoint', ['credit_code'], unique=False)
    op.create_index(op.f('ix_endpoint_region'), 'endpoint', ['region'], unique=False)
    op.create_index(op.f('ix_endpoint_state'), 'endpoint', ['state'], unique=False)
    op.create_table('lease',
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('holder', sa.String(), nullable=False),
    sa.Column('until', UtcDateTime(), nullable=False),
    sa.Column('fence', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('name')
    )
    op.create_table('outbox',
    sa.Column('id', WideInteger(), nullable=False),
    sa.Column('topic', sa.String(), nullable=False),
    sa.Column('key', sa.String(), nullable=False),
    sa.Column('event_id', sa.String(), nullable=False),
    sa.Column('value', sa.LargeBinary(), nullable=True),
    sa.Column('headers', sa.JSON(), nullable=False),
    sa.Column('created_at', UtcDateTime(), nullable=False),
    sa.Column('sent_at', UtcDateTime(), nullable=True),
    sa.Column('stream_no', WideInteger(), nullable=True),
    sa.Column('credit_code', sa.String(), nullable=True),
    sa.Column('region', sa.String(), nullable=True),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index(op.f('ix_outbox_credit_code'), 'outbox', ['credit_code'], unique=False)
    op.create_index(op.f('ix_outbox_event_id'), 'outbox', ['event_id'], unique=False)
    op.create_index(op.f('ix_outbox_region'), 'outbox', ['region'], unique=False)
    op.create_index(op.f('ix_outbox_sent_at'), 'outbox', ['sent_at'], unique=False)
    op.create_index(op.f('ix_outbox_stream_no'), 'outbox', ['stream_no'], unique=True)
    op.create_table('progress',
    sa.Column('group', sa.String(), nullable=False),
    sa.Column('topic', sa.String(), nullable=False),
    sa.Column('partition', sa.Integer(), nullable=False),
    sa.Column('next_offset', WideInteger(), nullable=False),
    sa.Column('epoch', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('group', 'topic', 'partition')
    )
    op.create_table('push',
    sa.Column('id', sa.String(), nullable=False),
    sa.Column('endpoint_id', sa.String(), nullable=False),
    sa.Column('alert_id', sa.String(), nullable=True),
    sa.Column('alert_revision', sa.Integer(), nullable=True),
    sa.Column('audience', sa.String(), nullable=False),
    sa.Column('reason', sa.String(), nullable=False),
    sa.Column('event_id', sa.String(), nullable=False),
    sa.Column('body', sa.LargeBinary(), nullable=False),
    sa.Column('schedule_s', sa.JSON(), nullable=False),
    sa.Column('step', sa.Integer(), nullable=False),
    sa.Column('attempts', sa.Integer(), nullable=False),
    sa.Column('state', sa.String(), nullable=False),
    sa.Column('state_reason', sa.String(), nullable=True),
    sa.Column('created_at', UtcDateTime(), nullable=False),
    sa.Column('due_at', UtcDateTime(), nullable=False),
    sa.Column('lease_until', UtcDateTime(), nullable=True),
    sa.Column('fence', sa.Integer(), nullable=False),
    sa.Column('delivered_at', UtcDateTime(), nullable=True),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index(op.f('ix_push_alert_id'), 'push', ['alert_id'], unique=False)
    op.create_index('ix_push_created_at_id', 'push', ['created_at', 'id'], unique=False)
    op.create_index('ix_push_endpoint_id_created_at', 'push', ['endpoint_id', 'created_at'], unique=False)
    op.create_index('ix_push_state_due_at', 'push', ['state', 'due_at'], unique=False)


def downgrade() -> None:
    op.drop_index('ix_push_state_due_at', table_name='push')
    op.drop_index('ix_push_endpoint_id_created_at', table_name='push')
    op.drop_index('ix_push_created_at_id', table_name='push')
    op.drop_index(op.f('ix_push_alert_id'), table_name='push')
    op.drop_table('push')
    op.drop_table('progress')
    op.drop_index(op.f('ix_outbox_stream_no'), table_name='outbox')
    op.drop_index(op.f('ix_outbox_sent_at'), table_name='outbox')
    op.drop_index(op.f('ix_outbox_region'), table_name='outbox')
    op.drop_index(op.f('ix_outbox_event_id'), table_name='outbox')
    op.drop_index(op.f('ix_outbox_credit_code'), table_name='outbox')
    op.drop_table('outbox')
    op.drop_table('lease')
    op.drop_index(op.f('ix_endpoint_state'), table_name='endpoint')
    op.drop_index(op.f('ix_endpoint_region'), table_name='endpoint')
    op.drop_index(op.f('ix_endpoint_credit_code'), table_name='endpoint')
    op.drop_table('endpoint')
    op.drop_index(op.f('ix_attempt_push_id'), table_name='attempt')
    op.drop_table('attempt')
    op.drop_index(op.f('ix_alert_history_alert_id'), table_name='alert_history')
    op.drop_table('alert_history')
    op.drop_index('ix_alert_status_opened_at', table_name='alert')
    op.drop_index('ix_alert_region_opened_at', table_name='alert')
    op.drop_index('ix_alert_opened_at_id', table_name='alert')
    op.drop_index('ix_alert_credit_code_opened_at', table_name='alert')
    op.drop_table('alert')
