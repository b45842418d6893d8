-- Drift of tables: storage, row security, triggers, rules, policies and missing tables.
begin;
\ir ../lib/store.sql
\ir ../lib/drift.sql
select plan(23);

select pg_temp.repairs(
    $$ alter table web.session set unlogged $$,
    'changed table session persistence: unlogged -> logged',
    'a table is unlogged'
);
select pg_temp.repairs(
    $$ alter table web.session enable row level security $$,
    'changed table session row security: true -> false',
    'row security was switched on'
);
select pg_temp.repairs(
    $$ alter table web.session force row level security $$,
    'changed table session forced row security: true -> false',
    'row security was forced'
);
select pg_temp.repairs(
    $$ create policy p on web.session using (false) $$,
    'removed policy session.p',
    'a policy was added'
);
select pg_temp.repairs(
    $$ create trigger t before insert on web.session for each row execute function suppress_redundant_updates_trigger() $$,
    'removed trigger session.t',
    'a trigger was added'
);
select pg_temp.repairs(
    $$ create rule r as on update to web.session do also notify x $$,
    'removed rule session.r',
    'a rule was added'
);
select pg_temp.repairs(
    $$ alter table web.session set (fillfactor = 50) $$,
    'changed table session options: autovacuum_vacuum_scale_factor=0.05, autovacuum_analyze_scale_factor=0.1, fillfactor=50, toast.autovacuum_vacuum_scale_factor=0.05 -> autovacuum_vacuum_scale_factor=0.05, autovacuum_analyze_scale_factor=0.1, fillfactor=90, toast.autovacuum_vacuum_scale_factor=0.05',
    'a storage option was changed'
);
select pg_temp.repairs(
    $$ alter table web.session reset (fillfactor) $$,
    'changed table session options: autovacuum_vacuum_scale_factor=0.05, autovacuum_analyze_scale_factor=0.1, toast.autovacuum_vacuum_scale_factor=0.05 -> autovacuum_vacuum_scale_factor=0.05, autovacuum_analyze_scale_factor=0.1, fillfactor=90, toast.autovacuum_vacuum_scale_factor=0.05',
    'a storage option is gone'
);
select pg_temp.repairs(
    $$ alter table web.session set (autovacuum_enabled = off) $$,
    'changed table session options: fillfactor=90, autovacuum_vacuum_scale_factor=0.05, autovacuum_analyze_scale_factor=0.1, autovacuum_enabled=off, toast.autovacuum_vacuum_scale_factor=0.05 -> fillfactor=90, autovacuum_vacuum_scale_factor=0.05, autovacuum_analyze_scale_factor=0.1, toast.autovacuum_vacuum_scale_factor=0.05',
    'vacuum was switched off'
);
select pg_temp.repairs(
    $$ alter table web.session set (toast.autovacuum_vacuum_scale_factor = 0.5) $$,
    'changed table session options: fillfactor=90, autovacuum_vacuum_scale_factor=0.05, autovacuum_analyze_scale_factor=0.1, toast.autovacuum_vacuum_scale_factor=0.5 -> fillfactor=90, autovacuum_vacuum_scale_factor=0.05, autovacuum_analyze_scale_factor=0.1, toast.autovacuum_vacuum_scale_factor=0.05',
    'a storage option of large values was changed'
);
select pg_temp.repairs(
    $$ alter table web.session set (toast.autovacuum_enabled = off), reset (fillfactor) $$,
    'changed table session options: autovacuum_vacuum_scale_factor=0.05, autovacuum_analyze_scale_factor=0.1, toast.autovacuum_vacuum_scale_factor=0.05, toast.autovacuum_enabled=off -> autovacuum_vacuum_scale_factor=0.05, autovacuum_analyze_scale_factor=0.1, fillfactor=90, toast.autovacuum_vacuum_scale_factor=0.05',
    'vacuum was switched off for large values'
);
select pg_temp.repairs(
    $$ alter table web.settings set (toast.autovacuum_enabled = off, fillfactor = 50) $$,
    'changed table settings options: fillfactor=50, toast.autovacuum_enabled=off -> fillfactor=50',
    'vacuum was switched off for large values of another table'
);
select is(
    pg_temp.repaired($$ alter table web.session set (toast.autovacuum_vacuum_threshold = 7, parallel_workers = 2, toast.log_autovacuum_min_duration = 0) $$),
    '(nothing)',
    'other storage options are the operator''s'
);
select pg_temp.repairs(
    $$ alter table web.session reset (toast.autovacuum_vacuum_scale_factor), set (toast.autovacuum_vacuum_threshold = 7) $$,
    'changed table session options: fillfactor=90, autovacuum_vacuum_scale_factor=0.05, autovacuum_analyze_scale_factor=0.1, toast.autovacuum_vacuum_threshold=7 -> fillfactor=90, autovacuum_vacuum_scale_factor=0.05, autovacuum_analyze_scale_factor=0.1, toast.autovacuum_vacuum_threshold=7, toast.autovacuum_vacuum_scale_factor=0.05',
    'a storage option of large values is gone'
);
select pg_temp.repairs(
    $$ comment on table web.session is 'x' $$,
    'changed table session comment',
    'the comment of a table was changed'
);
select pg_temp.repairs(
    $$ drop table web.prune_state $$,
    $$created column prune_state.last_pruned_at
created column prune_state.only_row
created column prune_state.resume_from
created constraint prune_state.prune_state_only_row
created constraint prune_state.prune_state_pkey
created table prune_state$$,
    'a table was dropped'
);
select pg_temp.repairs(
    $$ drop table web.settings $$,
    $$created column settings.absolute_timeout_seconds
created column settings.idle_timeout_seconds
created column settings.lock_seed
created column settings.max_data_bytes
created column settings.max_sessions_per_user
created column settings.max_timeout_seconds
created column settings.notify_channel
created column settings.only_row
created column settings.reject_over_limit
created column settings.slide_max_seconds
created column settings.slide_min_seconds
created column settings.slide_percent
created column settings.tombstone_retention_seconds
created constraint settings.settings_absolute_timeout_seconds
created constraint settings.settings_idle_timeout_seconds
created constraint settings.settings_max_absolute_timeout
created constraint settings.settings_max_data_bytes
created constraint settings.settings_max_idle_timeout
created constraint settings.settings_max_sessions_per_user
created constraint settings.settings_notify_channel
created constraint settings.settings_only_row
created constraint settings.settings_pkey
created constraint settings.settings_slide_interval_seconds
created constraint settings.settings_slide_percent
created constraint settings.settings_tombstone_retention_seconds
created table settings$$,
    'the settings were dropped'
);

-- ---- Refused, not repaired ----

select matches(pg_temp.repaired(d.damage), '^42809: web\.session is not a plain table$', d.description)
from (
    values
    ($$ create table public.child () inherits (web.session) $$, 'a table that others inherit from is refused'),
    ($$ create table public.parent (x integer); alter table web.session add column x integer; alter table web.session inherit public.parent $$, 'a table that inherits is refused'),
    ($$ alter table web.session rename to s; alter index web.session_pkey rename to x; create view web.session as select * from web.s $$, 'a view in the place of the table is refused'),
    ($$ drop table web.session cascade; create table web.session (key bytea) partition by hash (key) $$, 'a partitioned table is refused'),
    ($$ drop table web.session cascade; create sequence web.session $$, 'a sequence in the place of the table is refused'),
    ($$ drop table web.session cascade; create materialized view web.session as select 1 $$, 'a materialized view in the place of the table is refused')
) as d (damage, description);

select * from finish();
rollback;
