CREATE SEQUENCE event_positions INCREMENT BY 1000 START WITH 1;

CREATE TABLE counters (
  space_id INTEGER NOT NULL,
  subscription_id TEXT NOT NULL,
  meter_id TEXT NOT NULL,
  "window" TEXT NOT NULL,
  start BIGINT NOT NULL,
  events BIGINT NOT NULL,
  total NUMERIC(36, 12) NOT NULL,
  highest NUMERIC(36, 12),
  lowest NUMERIC(36, 12),
  latest NUMERIC(36, 12),
  latest_at BIGINT,
  members BIGINT NOT NULL,
  version BIGINT NOT NULL,
  CONSTRAINT pk_counters PRIMARY KEY (space_id, subscription_id, meter_id, "window", start)
);

CREATE TABLE counter_members (
  space_id INTEGER NOT NULL,
  subscription_id TEXT NOT NULL,
  meter_id TEXT NOT NULL,
  "window" TEXT NOT NULL,
  start BIGINT NOT NULL,
  member BYTEA NOT NULL,
  CONSTRAINT pk_counter_members PRIMARY KEY (space_id, subscription_id, meter_id, "window", start, member)
);

CREATE TABLE events (
  position BIGINT NOT NULL,
  space_id INTEGER NOT NULL,
  owner BYTEA NOT NULL,
  key TEXT NOT NULL,
  content BIGINT NOT NULL,
  at BIGINT NOT NULL,
  received_at BIGINT NOT NULL,
  status SMALLINT NOT NULL,
  over_limit SMALLINT NOT NULL,
  meter BYTEA,
  subscription BYTEA,
  period INTEGER,
  agent BYTEA,
  quantity NUMERIC(36, 12) NOT NULL,
  value NUMERIC(36, 12),
  member TEXT,
  action_type TEXT,
  customer_external_id TEXT,
  meter_ref TEXT,
  subscription_ref TEXT,
  agent_ref TEXT,
  reason TEXT,
  attributes TEXT,
  metadata TEXT,
  CONSTRAINT pk_events PRIMARY KEY (position)
);

CREATE INDEX ix_events_owner_at ON events (space_id, owner, at);

CREATE INDEX ix_events_unmatched ON events (space_id, position) WHERE status = 1;

CREATE UNIQUE INDEX uq_events_key ON events (space_id, owner, key);

CREATE TABLE secrets (
  name TEXT NOT NULL,
  value BYTEA NOT NULL,
  CONSTRAINT pk_secrets PRIMARY KEY (name)
);

CREATE TABLE idempotency_records (
  space_id INTEGER NOT NULL,
  route TEXT NOT NULL,
  key TEXT NOT NULL,
  fingerprint BYTEA NOT NULL,
  status INTEGER NOT NULL,
  body BYTEA NOT NULL,
  created_at BIGINT NOT NULL,
  CONSTRAINT pk_idempotency_records PRIMARY KEY (space_id, route, key)
);

CREATE INDEX ix_idempotency_records_created_at ON idempotency_records (created_at);

CREATE TABLE outbox (
  position BIGSERIAL NOT NULL,
  space_id INTEGER NOT NULL,
  id TEXT NOT NULL,
  event TEXT NOT NULL,
  object_id TEXT NOT NULL,
  sequence INTEGER NOT NULL,
  data JSONB NOT NULL,
  created_at BIGINT NOT NULL,
  feed_position BIGINT,
  published_at BIGINT,
  CONSTRAINT pk_outbox PRIMARY KEY (position),
  CONSTRAINT uq_outbox_space_id_object_id_sequence UNIQUE (space_id, object_id, sequence),
  CONSTRAINT uq_outbox_id UNIQUE (id)
);

CREATE INDEX ix_outbox_published_at ON outbox (published_at);

CREATE INDEX ix_outbox_space_id_feed_position ON outbox (space_id, feed_position);

CREATE INDEX ix_outbox_unpublished ON outbox (position) WHERE feed_position IS NULL;

CREATE TABLE generations (
  slot INTEGER NOT NULL,
  changes BIGINT NOT NULL,
  CONSTRAINT pk_generations PRIMARY KEY (slot)
);

CREATE TABLE outbox_feed (
  name TEXT NOT NULL,
  last_position BIGINT NOT NULL,
  CONSTRAINT pk_outbox_feed PRIMARY KEY (name)
);

CREATE TABLE due_work (
  space_id INTEGER NOT NULL,
  kind TEXT NOT NULL,
  subject_id TEXT NOT NULL,
  due_at BIGINT NOT NULL,
  lease_until BIGINT,
  fence BIGINT NOT NULL,
  attempts INTEGER NOT NULL,
  last_error TEXT,
  parked INTEGER NOT NULL,
  CONSTRAINT pk_due_work PRIMARY KEY (space_id, kind, subject_id)
);

CREATE INDEX ix_due_work_parked_due_at ON due_work (parked, due_at);

CREATE TABLE jobs (
  space_id INTEGER NOT NULL,
  id TEXT NOT NULL,
  kind TEXT NOT NULL,
  status TEXT NOT NULL,
  params JSONB NOT NULL,
  done INTEGER NOT NULL,
  total INTEGER NOT NULL,
  result JSONB,
  error TEXT,
  next_at BIGINT,
  attempts INTEGER NOT NULL,
  created_at BIGINT NOT NULL,
  finished_at BIGINT,
  CONSTRAINT pk_jobs PRIMARY KEY (id)
);

CREATE INDEX ix_jobs_next_at ON jobs (next_at);

CREATE INDEX ix_jobs_space_id ON jobs (space_id, created_at, id);

CREATE TABLE projects (
  id TEXT NOT NULL,
  name TEXT NOT NULL,
  timezone TEXT NOT NULL,
  default_currency TEXT NOT NULL,
  settings JSONB NOT NULL,
  created_at BIGINT NOT NULL,
  CONSTRAINT pk_projects PRIMARY KEY (id)
);

CREATE TABLE customers (
  space_id INTEGER NOT NULL,
  id TEXT NOT NULL,
  external_id TEXT,
  name TEXT NOT NULL,
  type TEXT NOT NULL,
  status TEXT NOT NULL,
  email TEXT,
  phone TEXT,
  currency TEXT,
  taxes JSONB,
  address TEXT,
  tax_id TEXT,
  locale TEXT,
  payment_account JSONB,
  metadata JSONB NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  archived_at BIGINT,
  CONSTRAINT pk_customers PRIMARY KEY (id)
);

CREATE INDEX ix_customers_created_at ON customers (space_id, created_at, id);

CREATE UNIQUE INDEX uq_customers_external_id ON customers (space_id, external_id);

CREATE TABLE ledger_accounts (
  id TEXT NOT NULL,
  space_id INTEGER NOT NULL,
  name TEXT NOT NULL,
  kind TEXT NOT NULL,
  unit TEXT NOT NULL,
  customer_id TEXT NOT NULL,
  object_id TEXT NOT NULL,
  balance_micros BIGINT NOT NULL,
  version BIGINT NOT NULL,
  CONSTRAINT pk_ledger_accounts PRIMARY KEY (id),
  CONSTRAINT uq_ledger_accounts_space_id_name UNIQUE (space_id, name)
);

CREATE TABLE ledger_transactions (
  id TEXT NOT NULL,
  space_id INTEGER NOT NULL,
  key TEXT NOT NULL,
  kind TEXT NOT NULL,
  reference TEXT NOT NULL,
  fingerprint BYTEA NOT NULL,
  at BIGINT NOT NULL,
  CONSTRAINT pk_ledger_transactions PRIMARY KEY (id),
  CONSTRAINT uq_ledger_transactions_space_id_key UNIQUE (space_id, key)
);

CREATE INDEX ix_ledger_transactions_space_id_reference ON ledger_transactions (space_id, reference);

CREATE TABLE ledger_entries (
  space_id INTEGER NOT NULL,
  account_id TEXT NOT NULL,
  version BIGINT NOT NULL,
  transaction_id TEXT NOT NULL,
  amount_micros BIGINT NOT NULL,
  balance_before_micros BIGINT NOT NULL,
  balance_after_micros BIGINT NOT NULL,
  CONSTRAINT pk_ledger_entries PRIMARY KEY (account_id, version),
  CONSTRAINT ck_ledger_entries_adds_up CHECK (balance_before_micros + amount_micros = balance_after_micros)
);

CREATE INDEX ix_ledger_entries_transaction_id ON ledger_entries (transaction_id);

CREATE TABLE ledger_requests (
  space_id INTEGER NOT NULL,
  operation TEXT NOT NULL,
  key TEXT NOT NULL,
  fingerprint BYTEA NOT NULL,
  object_id TEXT NOT NULL,
  at BIGINT NOT NULL,
  CONSTRAINT pk_ledger_requests PRIMARY KEY (space_id, operation, key)
);

CREATE TABLE payments (
  space_id INTEGER NOT NULL,
  id TEXT NOT NULL,
  customer_id TEXT NOT NULL,
  amount_micros BIGINT NOT NULL,
  currency TEXT NOT NULL,
  status TEXT NOT NULL,
  source TEXT NOT NULL,
  payment_method TEXT,
  payment_date TEXT,
  description TEXT,
  notes TEXT,
  failure_reason TEXT,
  external_transaction_id TEXT,
  provider TEXT,
  invoice_id TEXT,
  contract_id TEXT,
  wallet_id TEXT,
  credits_micros BIGINT,
  refunded_micros BIGINT NOT NULL,
  applied_micros BIGINT NOT NULL,
  completed_at BIGINT,
  version INTEGER NOT NULL,
  metadata JSONB NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  CONSTRAINT pk_payments PRIMARY KEY (id),
  CONSTRAINT ck_payments_positive CHECK (amount_micros > 0),
  CONSTRAINT ck_payments_refund_within_payment CHECK (refunded_micros >= 0 AND applied_micros >= 0 AND refunded_micros + applied_micros <= amount_micros)
);

CREATE INDEX ix_payments_created_at ON payments (space_id, created_at, id);

CREATE INDEX ix_payments_customer_id ON payments (space_id, customer_id, created_at);

CREATE INDEX ix_payments_invoice_id ON payments (space_id, invoice_id);

CREATE INDEX ix_payments_wallet_id ON payments (space_id, wallet_id, created_at);

CREATE UNIQUE INDEX uq_payments_external_transaction_id ON payments (space_id, external_transaction_id);

CREATE TABLE provider_orders (
  space_id INTEGER NOT NULL,
  id TEXT NOT NULL,
  kind TEXT NOT NULL,
  provider TEXT NOT NULL,
  payment_id TEXT NOT NULL,
  amount_micros BIGINT NOT NULL,
  currency TEXT NOT NULL,
  provider_customer_id TEXT,
  provider_method_id TEXT,
  charge_reference TEXT,
  reference TEXT,
  attempts INTEGER NOT NULL,
  next_at BIGINT,
  lease_until BIGINT,
  last_error TEXT,
  created_at BIGINT NOT NULL,
  CONSTRAINT pk_provider_orders PRIMARY KEY (id)
);

CREATE INDEX ix_provider_orders_next_at ON provider_orders (next_at);

CREATE INDEX ix_provider_orders_payment_id ON provider_orders (space_id, payment_id);

CREATE TABLE provider_events (
  space_id INTEGER NOT NULL,
  provider TEXT NOT NULL,
  id TEXT NOT NULL,
  received_at BIGINT NOT NULL,
  CONSTRAINT pk_provider_events PRIMARY KEY (space_id, provider, id)
);

CREATE INDEX ix_provider_events_received_at ON provider_events (received_at);

CREATE TABLE wallets (
  space_id INTEGER NOT NULL,
  id TEXT NOT NULL,
  customer_id TEXT NOT NULL,
  name TEXT NOT NULL,
  description TEXT,
  currency TEXT NOT NULL,
  conversion_rate NUMERIC(36, 12) NOT NULL,
  is_default BOOLEAN NOT NULL,
  balance_micros BIGINT NOT NULL,
  floor_micros BIGINT NOT NULL,
  overdraft_value_micros BIGINT NOT NULL,
  allow_negative_balance BOOLEAN NOT NULL,
  auto_recharge_enabled BOOLEAN NOT NULL,
  auto_recharge_threshold_micros BIGINT,
  auto_recharge_amount_micros BIGINT,
  version BIGINT NOT NULL,
  metadata JSONB NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  CONSTRAINT pk_wallets PRIMARY KEY (id),
  CONSTRAINT ck_wallets_not_below_floor CHECK (balance_micros >= floor_micros)
);

CREATE INDEX ix_wallets_created_at ON wallets (space_id, created_at, id);

CREATE INDEX ix_wallets_customer_id ON wallets (space_id, customer_id, currency);

CREATE UNIQUE INDEX uq_wallets_default ON wallets (space_id, customer_id, currency) WHERE is_default;

CREATE UNIQUE INDEX uq_wallets_name ON wallets (space_id, customer_id, name) WHERE NOT is_default;

CREATE TABLE invoices (
  space_id INTEGER NOT NULL,
  id TEXT NOT NULL,
  number TEXT,
  customer_id TEXT NOT NULL,
  subscription_id TEXT,
  contract_id TEXT,
  type TEXT NOT NULL,
  period_number INTEGER,
  status TEXT NOT NULL,
  currency TEXT NOT NULL,
  issue_date TEXT NOT NULL,
  due_date TEXT,
  due_at BIGINT,
  period_start BIGINT,
  period_end BIGINT,
  subtotal_micros BIGINT NOT NULL,
  tax_micros BIGINT NOT NULL,
  total_micros BIGINT NOT NULL,
  paid_micros BIGINT NOT NULL,
  credited_micros BIGINT NOT NULL,
  collection_method TEXT NOT NULL,
  payment_terms INTEGER NOT NULL,
  tax_rounding TEXT NOT NULL,
  is_lump INTEGER NOT NULL,
  held_reason TEXT,
  notes TEXT,
  parties JSONB,
  metadata JSONB NOT NULL,
  sent_at BIGINT,
  finalized_at BIGINT,
  paid_at BIGINT,
  voided_at BIGINT,
  uncollectible_at BIGINT,
  past_due_at BIGINT,
  void_reason TEXT,
  version INTEGER NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  CONSTRAINT pk_invoices PRIMARY KEY (id),
  CONSTRAINT ck_invoices_not_negative CHECK (total_micros >= 0),
  CONSTRAINT ck_invoices_adds_up CHECK (total_micros = subtotal_micros + tax_micros),
  CONSTRAINT ck_invoices_paid_within_total CHECK (paid_micros >= 0 AND credited_micros >= 0 AND paid_micros + credited_micros <= total_micros),
  CONSTRAINT ck_invoices_numbered_when_finalized CHECK ((status = 'draft') = (number IS NULL)),
  CONSTRAINT uq_invoices_space_id_number UNIQUE (space_id, number),
  CONSTRAINT uq_invoices_generated UNIQUE (space_id, subscription_id, period_number, type)
);

CREATE INDEX ix_invoices_created_at ON invoices (space_id, created_at, id);

CREATE INDEX ix_invoices_customer_id ON invoices (space_id, customer_id, created_at);

CREATE INDEX ix_invoices_status ON invoices (space_id, status, due_at);

CREATE TABLE invoice_counters (
  space_id INTEGER NOT NULL,
  series TEXT NOT NULL,
  count INTEGER NOT NULL,
  CONSTRAINT pk_invoice_counters PRIMARY KEY (space_id, series)
);

CREATE TABLE mails (
  space_id INTEGER NOT NULL,
  id TEXT NOT NULL,
  kind TEXT NOT NULL,
  customer_id TEXT NOT NULL,
  invoice_id TEXT NOT NULL,
  recipient TEXT NOT NULL,
  status TEXT NOT NULL,
  attempts INTEGER NOT NULL,
  next_at BIGINT,
  last_error TEXT,
  sent_at BIGINT,
  created_at BIGINT NOT NULL,
  CONSTRAINT pk_mails PRIMARY KEY (id)
);

CREATE INDEX ix_mails_invoice_id ON mails (space_id, invoice_id);

CREATE INDEX ix_mails_next_at ON mails (next_at);

CREATE TABLE webhook_endpoints (
  space_id INTEGER NOT NULL,
  id TEXT NOT NULL,
  url TEXT NOT NULL,
  events JSONB,
  description TEXT,
  status TEXT NOT NULL,
  disabled_reason TEXT,
  disabled_at BIGINT,
  failing_since BIGINT,
  secrets JSONB NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  CONSTRAINT pk_webhook_endpoints PRIMARY KEY (space_id, id)
);

CREATE TABLE webhook_deliveries (
  space_id INTEGER NOT NULL,
  id TEXT NOT NULL,
  endpoint_id TEXT NOT NULL,
  message_id TEXT NOT NULL,
  event TEXT NOT NULL,
  data JSONB,
  status TEXT NOT NULL,
  tries INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  next_attempt_at BIGINT,
  lease_until BIGINT,
  fence BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  completed_at BIGINT,
  CONSTRAINT pk_webhook_deliveries PRIMARY KEY (space_id, id),
  CONSTRAINT uq_webhook_deliveries_space_id_endpoint_id_message_id UNIQUE (space_id, endpoint_id, message_id)
);

CREATE INDEX ix_webhook_deliveries_created_at ON webhook_deliveries (created_at);

CREATE INDEX ix_webhook_deliveries_due ON webhook_deliveries (space_id, endpoint_id, next_attempt_at) WHERE next_attempt_at IS NOT NULL;

CREATE INDEX ix_webhook_deliveries_list ON webhook_deliveries (space_id, endpoint_id, created_at, id);

CREATE TABLE webhook_attempts (
  space_id INTEGER NOT NULL,
  id TEXT NOT NULL,
  delivery_id TEXT NOT NULL,
  number INTEGER NOT NULL,
  started_at BIGINT NOT NULL,
  duration_ms INTEGER NOT NULL,
  status_code INTEGER,
  error TEXT,
  response_text TEXT,
  CONSTRAINT pk_webhook_attempts PRIMARY KEY (space_id, id),
  CONSTRAINT uq_webhook_attempts_space_id_delivery_id_number UNIQUE (space_id, delivery_id, number)
);

CREATE INDEX ix_webhook_attempts_started_at ON webhook_attempts (started_at);

CREATE TABLE spaces (
  id SERIAL NOT NULL,
  project_id TEXT NOT NULL,
  mode TEXT NOT NULL,
  clock_at BIGINT,
  watches_revenue INTEGER DEFAULT '0' NOT NULL,
  has_hard_stops INTEGER DEFAULT '0' NOT NULL,
  CONSTRAINT pk_spaces PRIMARY KEY (id),
  CONSTRAINT uq_spaces_project_id_mode UNIQUE (project_id, mode),
  FOREIGN KEY(project_id) REFERENCES projects (id)
);

CREATE TABLE refunds (
  space_id INTEGER NOT NULL,
  id TEXT NOT NULL,
  payment_id TEXT NOT NULL,
  amount_micros BIGINT NOT NULL,
  currency TEXT NOT NULL,
  status TEXT NOT NULL,
  reason TEXT,
  external_refund_id TEXT,
  metadata JSONB NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  CONSTRAINT pk_refunds PRIMARY KEY (id),
  CONSTRAINT ck_refunds_positive CHECK (amount_micros > 0),
  CONSTRAINT uq_refunds_space_id_external_refund_id UNIQUE (space_id, external_refund_id),
  FOREIGN KEY(payment_id) REFERENCES payments (id)
);

CREATE INDEX ix_refunds_payment_id ON refunds (space_id, payment_id);

CREATE TABLE wallet_grants (
  space_id INTEGER NOT NULL,
  id TEXT NOT NULL,
  wallet_id TEXT NOT NULL,
  credit_type TEXT NOT NULL,
  credits_micros BIGINT NOT NULL,
  remaining_micros BIGINT NOT NULL,
  paid_micros BIGINT NOT NULL,
  value_micros BIGINT NOT NULL,
  priority INTEGER NOT NULL,
  effective_at BIGINT NOT NULL,
  expires_at BIGINT,
  has_landed BOOLEAN NOT NULL,
  transaction_id TEXT NOT NULL,
  type TEXT NOT NULL,
  amount_micros BIGINT NOT NULL,
  source TEXT NOT NULL,
  payment_id TEXT,
  reference TEXT,
  description TEXT,
  idempotency_key TEXT,
  metadata JSONB NOT NULL,
  created_at BIGINT NOT NULL,
  CONSTRAINT pk_wallet_grants PRIMARY KEY (id),
  CONSTRAINT ck_wallet_grants_remaining CHECK (remaining_micros >= 0 AND remaining_micros <= credits_micros),
  CONSTRAINT ck_wallet_grants_value CHECK (value_micros >= 0 AND value_micros <= paid_micros),
  FOREIGN KEY(wallet_id) REFERENCES wallets (id)
);

CREATE INDEX ix_wallet_grants_live ON wallet_grants (space_id, wallet_id) WHERE remaining_micros > 0;

CREATE INDEX ix_wallet_grants_payment_id ON wallet_grants (space_id, payment_id);

CREATE TABLE wallet_transactions (
  space_id INTEGER NOT NULL,
  id TEXT NOT NULL,
  wallet_id TEXT NOT NULL,
  position BIGINT NOT NULL,
  type TEXT NOT NULL,
  credit_type TEXT,
  amount_micros BIGINT NOT NULL,
  credits_micros BIGINT NOT NULL,
  balance_after_micros BIGINT NOT NULL,
  purchased_micros BIGINT NOT NULL,
  source TEXT NOT NULL,
  reference TEXT,
  description TEXT,
  idempotency_key TEXT,
  payment_id TEXT,
  grant_id TEXT,
  invoice_id TEXT,
  metadata JSONB NOT NULL,
  created_at BIGINT NOT NULL,
  CONSTRAINT pk_wallet_transactions PRIMARY KEY (id),
  CONSTRAINT uq_wallet_transactions_wallet_id_position UNIQUE (wallet_id, position),
  FOREIGN KEY(wallet_id) REFERENCES wallets (id)
);

CREATE INDEX ix_wallet_transactions_wallet_id ON wallet_transactions (space_id, wallet_id, position);

CREATE TABLE invoice_lines (
  space_id INTEGER NOT NULL,
  id TEXT NOT NULL,
  invoice_id TEXT NOT NULL,
  sort_order INTEGER NOT NULL,
  kind TEXT NOT NULL,
  description TEXT NOT NULL,
  quantity NUMERIC(36, 12) NOT NULL,
  unit_price NUMERIC(36, 12),
  subtotal_micros BIGINT NOT NULL,
  discount_micros BIGINT NOT NULL,
  total_micros BIGINT NOT NULL,
  tax_micros BIGINT NOT NULL,
  contract_id TEXT,
  subscription_id TEXT,
  source_type TEXT,
  source_id TEXT,
  agent_id TEXT,
  feature_id TEXT,
  meter_id TEXT,
  pricing_model TEXT,
  period_start BIGINT,
  period_end BIGINT,
  period_number INTEGER,
  included_units_used NUMERIC(36, 12),
  billable_units NUMERIC(36, 12),
  tier_number INTEGER,
  late INTEGER NOT NULL,
  corrects_invoice_id TEXT,
  pricing JSONB NOT NULL,
  CONSTRAINT pk_invoice_lines PRIMARY KEY (id),
  CONSTRAINT ck_invoice_lines_adds_up CHECK (total_micros = subtotal_micros - discount_micros),
  FOREIGN KEY(invoice_id) REFERENCES invoices (id)
);

CREATE INDEX ix_invoice_lines_billed ON invoice_lines (space_id, subscription_id, period_number, meter_id);

CREATE INDEX ix_invoice_lines_invoice_id ON invoice_lines (space_id, invoice_id, sort_order);

CREATE TABLE invoice_taxes (
  space_id INTEGER NOT NULL,
  invoice_id TEXT NOT NULL,
  position INTEGER NOT NULL,
  name TEXT NOT NULL,
  rate NUMERIC(36, 12),
  taxable_micros BIGINT NOT NULL,
  amount_micros BIGINT NOT NULL,
  covers_all INTEGER NOT NULL,
  CONSTRAINT pk_invoice_taxes PRIMARY KEY (space_id, invoice_id, position),
  FOREIGN KEY(invoice_id) REFERENCES invoices (id)
);

CREATE TABLE credit_notes (
  space_id INTEGER NOT NULL,
  id TEXT NOT NULL,
  number TEXT NOT NULL,
  invoice_id TEXT NOT NULL,
  customer_id TEXT NOT NULL,
  currency TEXT NOT NULL,
  status TEXT NOT NULL,
  reason TEXT NOT NULL,
  memo TEXT,
  subtotal_micros BIGINT NOT NULL,
  tax_micros BIGINT NOT NULL,
  total_micros BIGINT NOT NULL,
  to_invoice_micros BIGINT NOT NULL,
  to_wallet_micros BIGINT NOT NULL,
  to_payments_micros BIGINT NOT NULL,
  taxes JSONB NOT NULL,
  metadata JSONB NOT NULL,
  void_reason TEXT,
  voided_at BIGINT,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  CONSTRAINT pk_credit_notes PRIMARY KEY (id),
  CONSTRAINT ck_credit_notes_positive CHECK (total_micros > 0),
  CONSTRAINT ck_credit_notes_adds_up CHECK (total_micros = subtotal_micros + tax_micros),
  CONSTRAINT ck_credit_notes_all_applied CHECK (total_micros = to_invoice_micros + to_wallet_micros + to_payments_micros),
  CONSTRAINT uq_credit_notes_space_id_number UNIQUE (space_id, number),
  FOREIGN KEY(invoice_id) REFERENCES invoices (id)
);

CREATE INDEX ix_credit_notes_created_at ON credit_notes (space_id, created_at, id);

CREATE INDEX ix_credit_notes_customer_id ON credit_notes (space_id, customer_id, created_at);

CREATE INDEX ix_credit_notes_invoice_id ON credit_notes (space_id, invoice_id);

CREATE TABLE markets (
  space_id INTEGER NOT NULL,
  id TEXT NOT NULL,
  key TEXT NOT NULL,
  name TEXT NOT NULL,
  currency TEXT NOT NULL,
  is_default INTEGER NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  CONSTRAINT pk_markets PRIMARY KEY (space_id, id),
  CONSTRAINT uq_markets_space_id_key UNIQUE (space_id, key),
  FOREIGN KEY(space_id) REFERENCES spaces (id)
);

CREATE INDEX ix_markets_space_id_created_at ON markets (space_id, created_at, id);

CREATE TABLE balances (
  space_id INTEGER NOT NULL,
  id TEXT NOT NULL,
  currency TEXT NOT NULL,
  is_default INTEGER NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  CONSTRAINT pk_balances PRIMARY KEY (space_id, id),
  CONSTRAINT uq_balances_space_id_currency UNIQUE (space_id, currency),
  FOREIGN KEY(space_id) REFERENCES spaces (id)
);

CREATE TABLE plans (
  space_id INTEGER NOT NULL,
  id TEXT NOT NULL,
  key TEXT NOT NULL,
  name TEXT NOT NULL,
  description TEXT,
  target_audience TEXT NOT NULL,
  currency TEXT NOT NULL,
  category TEXT NOT NULL,
  plan_type TEXT NOT NULL,
  billing_period TEXT NOT NULL,
  trial_available INTEGER NOT NULL,
  trial_days INTEGER,
  status TEXT NOT NULL,
  parent_plan_id TEXT,
  features JSONB NOT NULL,
  metadata JSONB NOT NULL,
  version INTEGER NOT NULL,
  version_id TEXT NOT NULL,
  default_price_id TEXT,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  CONSTRAINT pk_plans PRIMARY KEY (space_id, id),
  CONSTRAINT uq_plans_space_id_key UNIQUE (space_id, key),
  FOREIGN KEY(space_id, parent_plan_id) REFERENCES plans (space_id, id),
  FOREIGN KEY(space_id) REFERENCES spaces (id)
);

CREATE INDEX ix_plans_space_id_created_at ON plans (space_id, created_at, id);

CREATE TABLE agents (
  space_id INTEGER NOT NULL,
  id TEXT NOT NULL,
  external_id TEXT,
  name TEXT NOT NULL,
  description TEXT,
  status TEXT NOT NULL,
  tags JSONB NOT NULL,
  config JSONB NOT NULL,
  metadata JSONB NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  CONSTRAINT pk_agents PRIMARY KEY (space_id, id),
  FOREIGN KEY(space_id) REFERENCES spaces (id)
);

CREATE INDEX ix_agents_space_id_created_at ON agents (space_id, created_at, id);

CREATE UNIQUE INDEX uq_agents_external_id ON agents (space_id, external_id) WHERE status <> 'archived';

CREATE TABLE meters (
  space_id INTEGER NOT NULL,
  id TEXT NOT NULL,
  key TEXT NOT NULL,
  name TEXT NOT NULL,
  kind TEXT NOT NULL,
  aggregation TEXT NOT NULL,
  unit_label TEXT,
  value_field TEXT,
  description TEXT,
  status TEXT NOT NULL,
  cost_type TEXT,
  cost_per_unit NUMERIC(36, 12),
  category TEXT,
  metadata JSONB NOT NULL,
  events_seen INTEGER NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  earlier_costs JSONB NOT NULL,
  CONSTRAINT pk_meters PRIMARY KEY (space_id, id),
  CONSTRAINT uq_meters_space_id_key UNIQUE (space_id, key),
  FOREIGN KEY(space_id) REFERENCES spaces (id)
);

CREATE INDEX ix_meters_space_id_created_at ON meters (space_id, created_at, id);

CREATE TABLE api_keys (
  id TEXT NOT NULL,
  space_id INTEGER NOT NULL,
  digest BYTEA NOT NULL,
  scope TEXT NOT NULL,
  name TEXT,
  hint TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  revoked_at BIGINT,
  CONSTRAINT pk_api_keys PRIMARY KEY (id),
  FOREIGN KEY(space_id) REFERENCES spaces (id),
  CONSTRAINT uq_api_keys_digest UNIQUE (digest)
);

CREATE TABLE costs (
  space_id INTEGER NOT NULL,
  id TEXT NOT NULL,
  key TEXT NOT NULL,
  response_key TEXT,
  at BIGINT NOT NULL,
  received_at BIGINT NOT NULL,
  customer_id TEXT,
  customer_external_id TEXT,
  agent_id TEXT,
  action_id TEXT,
  meter_id TEXT,
  event_id TEXT,
  amount NUMERIC(36, 12),
  currency TEXT NOT NULL,
  category TEXT NOT NULL,
  source TEXT NOT NULL,
  status TEXT NOT NULL,
  reason TEXT,
  attribution TEXT NOT NULL,
  provider TEXT,
  model TEXT,
  response_id TEXT,
  adjusts TEXT,
  parent_key TEXT,
  tokens JSONB,
  price JSONB,
  metadata JSONB NOT NULL,
  CONSTRAINT pk_costs PRIMARY KEY (space_id, id),
  FOREIGN KEY(space_id) REFERENCES spaces (id)
);

CREATE INDEX ix_costs_adjusts ON costs (space_id, adjusts) WHERE adjusts IS NOT NULL;

CREATE INDEX ix_costs_at ON costs (space_id, at);

CREATE INDEX ix_costs_customer ON costs (space_id, customer_id, at);

CREATE INDEX ix_costs_event ON costs (space_id, event_id);

CREATE INDEX ix_costs_parent ON costs (space_id, parent_key);

CREATE INDEX ix_costs_unpriced ON costs (space_id, at) WHERE status = 'unpriced';

CREATE UNIQUE INDEX uq_costs_key ON costs (space_id, key);

CREATE UNIQUE INDEX uq_costs_response ON costs (space_id, response_key);

CREATE TABLE model_prices (
  space_id INTEGER NOT NULL,
  id TEXT NOT NULL,
  provider TEXT NOT NULL,
  model TEXT NOT NULL,
  prices JSONB NOT NULL,
  alias_of TEXT,
  effective_from BIGINT NOT NULL,
  effective_to BIGINT,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  CONSTRAINT pk_model_prices PRIMARY KEY (space_id, id),
  FOREIGN KEY(space_id) REFERENCES spaces (id)
);

CREATE UNIQUE INDEX uq_model_prices ON model_prices (space_id, provider, model, effective_from);

CREATE TABLE budgets (
  space_id INTEGER NOT NULL,
  id TEXT NOT NULL,
  name TEXT NOT NULL,
  customer_id TEXT,
  agent_id TEXT,
  kind TEXT NOT NULL,
  amount NUMERIC(36, 12) NOT NULL,
  currency TEXT NOT NULL,
  period TEXT NOT NULL,
  thresholds JSONB NOT NULL,
  hard_stop INTEGER NOT NULL,
  counts_from BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  metadata JSONB NOT NULL,
  CONSTRAINT pk_budgets PRIMARY KEY (space_id, id),
  FOREIGN KEY(space_id) REFERENCES spaces (id)
);

CREATE TABLE budget_windows (
  space_id INTEGER NOT NULL,
  budget_id TEXT NOT NULL,
  start BIGINT NOT NULL,
  "end" BIGINT NOT NULL,
  spent NUMERIC(36, 12) NOT NULL,
  told JSONB NOT NULL,
  is_stopped INTEGER NOT NULL,
  CONSTRAINT pk_budget_windows PRIMARY KEY (space_id, budget_id, start),
  FOREIGN KEY(space_id) REFERENCES spaces (id)
);

CREATE INDEX ix_budget_windows_stopped ON budget_windows (space_id, "end") WHERE is_stopped = 1;

CREATE TABLE budget_entries (
  space_id INTEGER NOT NULL,
  id TEXT NOT NULL,
  budget_id TEXT NOT NULL,
  at BIGINT NOT NULL,
  customer_id TEXT NOT NULL,
  amount NUMERIC(36, 12) NOT NULL,
  CONSTRAINT pk_budget_entries PRIMARY KEY (space_id, id),
  FOREIGN KEY(space_id) REFERENCES spaces (id)
);

CREATE INDEX ix_budget_entries_budget ON budget_entries (space_id, budget_id, at);

CREATE TABLE holds (
  space_id INTEGER NOT NULL,
  id TEXT NOT NULL,
  customer_id TEXT NOT NULL,
  feature TEXT NOT NULL,
  meter_id TEXT NOT NULL,
  subscription_id TEXT NOT NULL,
  quantity NUMERIC(36, 12) NOT NULL,
  status TEXT NOT NULL,
  settled_quantity NUMERIC(36, 12),
  event_id TEXT,
  expires_at BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  CONSTRAINT pk_holds PRIMARY KEY (space_id, id),
  FOREIGN KEY(space_id) REFERENCES spaces (id),
  FOREIGN KEY(customer_id) REFERENCES customers (id)
);

CREATE INDEX ix_holds_held ON holds (space_id, subscription_id, meter_id, expires_at) WHERE status = 'held';

CREATE TABLE credit_note_lines (
  space_id INTEGER NOT NULL,
  id TEXT NOT NULL,
  credit_note_id TEXT NOT NULL,
  line_id TEXT,
  sort_order INTEGER NOT NULL,
  description TEXT NOT NULL,
  amount_micros BIGINT NOT NULL,
  tax_micros BIGINT NOT NULL,
  CONSTRAINT pk_credit_note_lines PRIMARY KEY (id),
  FOREIGN KEY(credit_note_id) REFERENCES credit_notes (id)
);

CREATE INDEX ix_credit_note_lines_credit_note_id ON credit_note_lines (space_id, credit_note_id, sort_order);

CREATE TABLE sellers (
  space_id INTEGER NOT NULL,
  legal_name TEXT,
  address_lines JSONB NOT NULL,
  city TEXT,
  postal_code TEXT,
  country TEXT,
  tax_id TEXT,
  email TEXT,
  payment_instructions TEXT,
  footer TEXT,
  logo JSONB,
  updated_at BIGINT NOT NULL,
  CONSTRAINT pk_sellers PRIMARY KEY (space_id),
  FOREIGN KEY(space_id) REFERENCES spaces (id)
);

CREATE TABLE logos (
  space_id INTEGER NOT NULL,
  sha256 TEXT NOT NULL,
  content_type TEXT NOT NULL,
  width INTEGER NOT NULL,
  height INTEGER NOT NULL,
  content BYTEA NOT NULL,
  created_at BIGINT NOT NULL,
  CONSTRAINT pk_logos PRIMARY KEY (space_id, sha256),
  FOREIGN KEY(space_id) REFERENCES spaces (id)
);

CREATE TABLE plan_versions (
  space_id INTEGER NOT NULL,
  id TEXT NOT NULL,
  plan_id TEXT NOT NULL,
  version INTEGER NOT NULL,
  change TEXT NOT NULL,
  object_id TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  CONSTRAINT pk_plan_versions PRIMARY KEY (space_id, id),
  CONSTRAINT uq_plan_versions_space_id_plan_id_version UNIQUE (space_id, plan_id, version),
  FOREIGN KEY(space_id, plan_id) REFERENCES plans (space_id, id),
  FOREIGN KEY(space_id) REFERENCES spaces (id)
);

CREATE TABLE plan_prices (
  space_id INTEGER NOT NULL,
  id TEXT NOT NULL,
  plan_id TEXT NOT NULL,
  market_id TEXT NOT NULL,
  currency TEXT NOT NULL,
  base_price NUMERIC(36, 12) NOT NULL,
  billing_period TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  CONSTRAINT pk_plan_prices PRIMARY KEY (space_id, id),
  CONSTRAINT uq_plan_prices_space_id_plan_id_market_id_billing_period UNIQUE (space_id, plan_id, market_id, billing_period),
  FOREIGN KEY(space_id, plan_id) REFERENCES plans (space_id, id),
  FOREIGN KEY(space_id, market_id) REFERENCES markets (space_id, id),
  FOREIGN KEY(space_id) REFERENCES spaces (id)
);

CREATE INDEX ix_plan_prices_space_id_market_id ON plan_prices (space_id, market_id, billing_period);

CREATE TABLE plan_charges (
  space_id INTEGER NOT NULL,
  id TEXT NOT NULL,
  plan_id TEXT NOT NULL,
  key TEXT NOT NULL,
  name TEXT NOT NULL,
  description TEXT,
  charge_type TEXT NOT NULL,
  amount NUMERIC(36, 12) NOT NULL,
  billing_period TEXT,
  meter_id TEXT,
  market_id TEXT,
  archived_at BIGINT,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  CONSTRAINT pk_plan_charges PRIMARY KEY (space_id, id),
  FOREIGN KEY(space_id, plan_id) REFERENCES plans (space_id, id),
  FOREIGN KEY(space_id, meter_id) REFERENCES meters (space_id, id),
  FOREIGN KEY(space_id, market_id) REFERENCES markets (space_id, id),
  FOREIGN KEY(space_id) REFERENCES spaces (id)
);

CREATE INDEX ix_plan_charges_space_id_meter_id ON plan_charges (space_id, meter_id);

CREATE UNIQUE INDEX uq_plan_charges_live ON plan_charges (space_id, plan_id, key) WHERE archived_at IS NULL;

CREATE TABLE agent_actions (
  space_id INTEGER NOT NULL,
  id TEXT NOT NULL,
  agent_id TEXT NOT NULL,
  name TEXT NOT NULL,
  action_type TEXT NOT NULL,
  description TEXT,
  billable_meter_id TEXT NOT NULL,
  fte_equivalent NUMERIC(36, 12),
  revenue_per_unit NUMERIC(36, 12),
  default_price NUMERIC(36, 12),
  archived_at BIGINT,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  CONSTRAINT pk_agent_actions PRIMARY KEY (space_id, id),
  FOREIGN KEY(space_id, agent_id) REFERENCES agents (space_id, id),
  FOREIGN KEY(space_id, billable_meter_id) REFERENCES meters (space_id, id),
  FOREIGN KEY(space_id) REFERENCES spaces (id)
);

CREATE INDEX ix_agent_actions_space_id_agent_id ON agent_actions (space_id, agent_id, created_at, id);

CREATE INDEX ix_agent_actions_space_id_billable_meter_id ON agent_actions (space_id, billable_meter_id);

CREATE TABLE subscriptions (
  space_id INTEGER NOT NULL,
  id TEXT NOT NULL,
  customer_id TEXT NOT NULL,
  contract_id TEXT NOT NULL,
  contract_version INTEGER NOT NULL,
  next_version INTEGER,
  plan_id TEXT NOT NULL,
  plan_key TEXT NOT NULL,
  parent_plan_id TEXT,
  plan_version_id TEXT NOT NULL,
  market_id TEXT NOT NULL,
  market_key TEXT NOT NULL,
  currency TEXT NOT NULL,
  billing_period TEXT NOT NULL,
  status TEXT NOT NULL,
  collection_method TEXT NOT NULL,
  payment_terms_days INTEGER NOT NULL,
  opening JSONB NOT NULL,
  started_at BIGINT,
  anchor BIGINT,
  current_period INTEGER,
  current_period_start BIGINT,
  current_period_end BIGINT,
  trial_end BIGINT,
  trial_plan_id TEXT,
  end_date BIGINT,
  cancel_at BIGINT,
  canceled_at BIGINT,
  cancel_reason TEXT,
  ended_at BIGINT,
  past_due_at BIGINT,
  suspended_at BIGINT,
  suspend_reason TEXT,
  suspended_from TEXT,
  resume_at BIGINT,
  scheduled_change JSONB,
  metadata JSONB NOT NULL,
  version INTEGER NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  CONSTRAINT pk_subscriptions PRIMARY KEY (space_id, id),
  FOREIGN KEY(space_id, plan_id) REFERENCES plans (space_id, id),
  FOREIGN KEY(space_id) REFERENCES spaces (id),
  FOREIGN KEY(customer_id) REFERENCES customers (id)
);

CREATE INDEX ix_subscriptions_space_id_created_at ON subscriptions (space_id, created_at, id);

CREATE INDEX ix_subscriptions_space_id_customer_id ON subscriptions (space_id, customer_id, started_at);

CREATE INDEX ix_subscriptions_space_id_plan_id ON subscriptions (space_id, plan_id, status);

CREATE UNIQUE INDEX uq_subscriptions_live ON subscriptions (space_id, customer_id, plan_id) WHERE status IN ('scheduled', 'trialing', 'active', 'past_due', 'suspended');

CREATE TABLE meter_prices (
  space_id INTEGER NOT NULL,
  id TEXT NOT NULL,
  plan_id TEXT NOT NULL,
  plan_price_id TEXT NOT NULL,
  meter_id TEXT NOT NULL,
  agent_action_id TEXT,
  shape JSONB NOT NULL,
  tiers JSONB NOT NULL,
  metadata JSONB NOT NULL,
  archived_at BIGINT,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  CONSTRAINT pk_meter_prices PRIMARY KEY (space_id, id),
  FOREIGN KEY(space_id, plan_id) REFERENCES plans (space_id, id),
  FOREIGN KEY(space_id, plan_price_id) REFERENCES plan_prices (space_id, id),
  FOREIGN KEY(space_id, meter_id) REFERENCES meters (space_id, id),
  FOREIGN KEY(space_id) REFERENCES spaces (id)
);

CREATE INDEX ix_meter_prices_space_id_meter_id ON meter_prices (space_id, meter_id);

CREATE INDEX ix_meter_prices_space_id_plan_id ON meter_prices (space_id, plan_id, created_at, id);

CREATE UNIQUE INDEX uq_meter_prices_live ON meter_prices (space_id, plan_price_id, meter_id) WHERE archived_at IS NULL;

CREATE TABLE agent_action_costs (
  space_id INTEGER NOT NULL,
  action_id TEXT NOT NULL,
  meter_id TEXT NOT NULL,
  position INTEGER NOT NULL,
  CONSTRAINT pk_agent_action_costs PRIMARY KEY (space_id, action_id, meter_id),
  FOREIGN KEY(space_id, action_id) REFERENCES agent_actions (space_id, id),
  FOREIGN KEY(space_id, meter_id) REFERENCES meters (space_id, id),
  FOREIGN KEY(space_id) REFERENCES spaces (id)
);

CREATE INDEX ix_agent_action_costs_space_id_meter_id ON agent_action_costs (space_id, meter_id);

CREATE TABLE subscription_periods (
  space_id INTEGER NOT NULL,
  subscription_id TEXT NOT NULL,
  number INTEGER NOT NULL,
  start BIGINT NOT NULL,
  "end" BIGINT NOT NULL,
  cycle_start BIGINT NOT NULL,
  cycle_end BIGINT NOT NULL,
  is_trial INTEGER NOT NULL,
  contract_version INTEGER NOT NULL,
  is_closed INTEGER NOT NULL,
  day_zone TEXT,
  CONSTRAINT pk_subscription_periods PRIMARY KEY (space_id, subscription_id, number),
  FOREIGN KEY(space_id, subscription_id) REFERENCES subscriptions (space_id, id),
  FOREIGN KEY(space_id) REFERENCES spaces (id)
);

CREATE TABLE contracts (
  space_id INTEGER NOT NULL,
  id TEXT NOT NULL,
  subscription_id TEXT NOT NULL,
  customer_id TEXT NOT NULL,
  version INTEGER NOT NULL,
  name TEXT NOT NULL,
  description TEXT,
  start_date TEXT,
  end_date TEXT,
  metadata JSONB NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  CONSTRAINT pk_contracts PRIMARY KEY (space_id, id),
  FOREIGN KEY(space_id, subscription_id) REFERENCES subscriptions (space_id, id),
  FOREIGN KEY(space_id) REFERENCES spaces (id),
  FOREIGN KEY(customer_id) REFERENCES customers (id)
);

CREATE INDEX ix_contracts_space_id_created_at ON contracts (space_id, created_at, id);

CREATE UNIQUE INDEX uq_contracts_subscription ON contracts (space_id, subscription_id);

CREATE TABLE contract_versions (
  space_id INTEGER NOT NULL,
  contract_id TEXT NOT NULL,
  version INTEGER NOT NULL,
  reason TEXT NOT NULL,
  terms JSONB NOT NULL,
  plan_terms JSONB,
  base_price NUMERIC(36, 12),
  meter_overrides JSONB NOT NULL,
  notes TEXT,
  effective_at BIGINT,
  created_at BIGINT NOT NULL,
  CONSTRAINT pk_contract_versions PRIMARY KEY (space_id, contract_id, version),
  FOREIGN KEY(space_id, contract_id) REFERENCES contracts (space_id, id),
  FOREIGN KEY(space_id) REFERENCES spaces (id)
);
