-- Drift: whatever is changed is repaired, and exactly that is reported; a second call reports nothing; sessions survive.
begin;
\ir ../lib/store.sql
\ir ../lib/drift.sql
select plan(141);

-- Which functions there are, and which of them the runtime role may call: functions.sql and privileges.sql know.
create temporary table functions as
select replace(replace(p.oid::regprocedure::text, 'web.', ''), ',', ', ') as signature, has_function_privilege('nodepg', p.oid, 'EXECUTE') as is_runtime
from pg_proc as p
where p.pronamespace = 'web'::regnamespace;

select is(pg_temp.correction(), null, 'with nothing to change there is no row');
select is_empty(
    $$
        select l.relation::regclass, l.mode
        from pg_locks as l
        join pg_class as c on c.oid = l.relation
        where l.pid = pg_backend_pid()
            and c.relnamespace = 'web'::regnamespace
            and l.mode in ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
    $$,
    'and no lock is taken that would stop a writer'
);

-- ---- Functions ----

select is(
    pg_temp.repaired($$ drop function web.load_session(bytea, boolean) $$),
    $$created function load_session(bytea, boolean)
created privilege EXECUTE on function load_session(bytea, boolean) to nodepg$$,
    'a function was dropped'
);
select is(
    pg_temp.repaired($$ drop function web.slide_session(bytea) $$),
    'created function slide_session(bytea)',
    'a private function was dropped'
);
select is(
    pg_temp.repaired($$ create or replace function web.count_sessions() returns integer language plpgsql stable security definer set search_path = pg_catalog, pg_temp as 'begin return 42; end' $$),
    'changed function count_sessions() body',
    'the body of a function was changed'
);
select is(
    pg_temp.repaired($$
        drop function web.get_session_data(text);
        create function web.get_session_data(id text) returns setof text language plpgsql stable security definer set search_path = pg_catalog, pg_temp as 'begin end';
        alter function web.get_session_data(text) owner to nodepg_owner;
        comment on function web.get_session_data(text) is 'x';
    $$),
    $$changed function get_session_data(text) arguments: id text -> sessid text
changed function get_session_data(text) body
changed function get_session_data(text) comment
created privilege EXECUTE on function get_session_data(text) to nodepg
removed privilege EXECUTE on function get_session_data(text) to PUBLIC$$,
    'a function has other parameter names'
);
select is(
    pg_temp.repaired($$
        drop function web.end_session(bytea);
        create function web.end_session(p_key bytea) returns integer language sql as 'select 1';
        alter function web.end_session(bytea) owner to nodepg_owner;
    $$),
    $$changed function end_session(bytea) body
changed function end_session(bytea) comment
changed function end_session(bytea) language: sql -> plpgsql
changed function end_session(bytea) result: integer -> boolean
changed function end_session(bytea) security definer: false -> true
changed function end_session(bytea) settings: null -> search_path=pg_catalog, pg_temp
created privilege EXECUTE on function end_session(bytea) to nodepg
removed privilege EXECUTE on function end_session(bytea) to PUBLIC$$,
    'a function returns something else'
);
select is(
    pg_temp.repaired($$ create or replace function web.count_sessions() returns integer language sql stable security definer set search_path = pg_catalog, pg_temp as 'select 42' $$),
    $$changed function count_sessions() body
changed function count_sessions() language: sql -> plpgsql$$,
    'a function has another language'
);
select is(
    pg_temp.repaired($$ alter function web.touch_session(bytea) security invoker $$),
    'changed function touch_session(bytea) security definer: false -> true',
    'a function is not security definer any more'
);
select is(
    pg_temp.repaired($$ alter function web.touch_session(bytea) reset search_path $$),
    'changed function touch_session(bytea) settings: null -> search_path=pg_catalog, pg_temp',
    'a function lost its search_path'
);
select is(
    pg_temp.repaired($$ alter function web.touch_session(bytea) set search_path = public $$),
    'changed function touch_session(bytea) settings: search_path=public -> search_path=pg_catalog, pg_temp',
    'a function has another search_path'
);
select is(
    pg_temp.repaired($$ alter function web.touch_session(bytea) set work_mem = '1GB' $$),
    'changed function touch_session(bytea) settings: search_path=pg_catalog, pg_temp, work_mem=1GB -> search_path=pg_catalog, pg_temp',
    'a function sets something else'
);
select is(
    pg_temp.repaired($$ alter function web.load_session(bytea, boolean) stable $$),
    'changed function load_session(bytea, boolean) volatility: s -> v',
    'a function has another volatility'
);
select is(
    pg_temp.repaired($$ alter function web.load_session(bytea, boolean) strict $$),
    'changed function load_session(bytea, boolean) strict: true -> false',
    'a function became strict'
);
select is(
    pg_temp.repaired($$ alter function web.load_session(bytea, boolean) leakproof parallel safe $$),
    $$changed function load_session(bytea, boolean) leakproof: true -> false
changed function load_session(bytea, boolean) parallel: s -> u$$,
    'a function became leakproof and parallel safe'
);
select is(
    pg_temp.repaired($$ comment on function web.end_session(bytea) is 'x' $$),
    'changed function end_session(bytea) comment',
    'the comment of a function was changed'
);
select is(
    pg_temp.repaired($$ comment on function web.end_session(bytea) is null $$),
    'changed function end_session(bytea) comment',
    'the comment of a function is gone'
);
select is(
    pg_temp.repaired($$ alter function web.count_sessions() owner to current_user $$),
    $$changed function count_sessions() owner: SUPERUSER -> nodepg_owner
changed privilege EXECUTE on function count_sessions() to nodepg granted by: SUPERUSER -> nodepg_owner$$,
    'the owner of a function was changed'
);
select is(
    pg_temp.repaired($$
        drop function web.prune_sessions(integer);
        create function web.prune_sessions(p_max_rows integer default 7) returns table (outcome text, deleted integer, rescheduled integer) language plpgsql as 'begin end';
    $$),
    $$changed function prune_sessions(integer) arguments: p_max_rows integer DEFAULT 7 -> p_max_rows integer DEFAULT 1000
changed function prune_sessions(integer) body
changed function prune_sessions(integer) comment
changed function prune_sessions(integer) owner: SUPERUSER -> nodepg_owner
changed function prune_sessions(integer) security definer: false -> true
changed function prune_sessions(integer) settings: null -> search_path=pg_catalog, pg_temp
created privilege EXECUTE on function prune_sessions(integer) to nodepg
removed privilege EXECUTE on function prune_sessions(integer) to PUBLIC$$,
    'a default of a parameter was changed'
);
select is(
    pg_temp.repaired($$ create function web.get_session_data(sessid varchar) returns setof text language sql as 'select 1::text' $$),
    $$removed function get_session_data(character varying)
removed privilege EXECUTE on function get_session_data(character varying) to PUBLIC$$,
    'an overload was added'
);
select is(
    pg_temp.repaired($$ create procedure web.load_session(integer) language sql as 'select 1' $$),
    $$removed function load_session(integer)
removed privilege EXECUTE on function load_session(integer) to PUBLIC$$,
    'an overload as a procedure was added'
);
select is(
    pg_temp.repaired($$ create aggregate web.get_session_data(varchar) (sfunc = textcat, stype = text) $$),
    $$removed function get_session_data(character varying)
removed privilege EXECUTE on function get_session_data(character varying) to PUBLIC$$,
    'an aggregate of a function''s name was added'
);
select is(
    pg_temp.repaired($$
        drop function web.count_sessions();
        create procedure web.count_sessions() language sql as 'select 1';
    $$),
    $$changed function count_sessions() body
changed function count_sessions() comment
changed function count_sessions() kind: p -> f
changed function count_sessions() language: sql -> plpgsql
changed function count_sessions() owner: SUPERUSER -> nodepg_owner
changed function count_sessions() result: null -> integer
changed function count_sessions() security definer: false -> true
changed function count_sessions() settings: null -> search_path=pg_catalog, pg_temp
changed function count_sessions() volatility: v -> s
created privilege EXECUTE on function count_sessions() to nodepg
removed privilege EXECUTE on function count_sessions() to PUBLIC$$,
    'a procedure took the place of a function'
);
select is(
    pg_temp.repaired($$
        set local role nodepg_owner;
        create function web.door() returns setof web.session language sql security definer as 'select * from web.session';
        reset role;
    $$),
    $$removed function door()
removed privilege EXECUTE on function door() to PUBLIC$$,
    'a function of the owner''s was added'
);
select is(
    pg_temp.repaired($$ alter function web.load_session(bytea, boolean) rename to load $$),
    $$created function load_session(bytea, boolean)
created privilege EXECUTE on function load_session(bytea, boolean) to nodepg
removed function load(bytea, boolean)
removed privilege EXECUTE on function load(bytea, boolean) to nodepg$$,
    'a function was renamed'
);

-- ---- Tables ----

select is(
    pg_temp.repaired($$ alter table web.session set unlogged $$),
    'changed table session persistence: u -> p',
    'a table is unlogged'
);
select is(
    pg_temp.repaired($$ alter table web.session enable row level security $$),
    'changed table session row security: true -> false',
    'row security was switched on'
);
select is(
    pg_temp.repaired($$ alter table web.session force row level security $$),
    'changed table session forced row security: true -> false',
    'row security was forced'
);
select is(
    pg_temp.repaired($$ create policy p on web.session using (false) $$),
    'removed policy session.p',
    'a policy was added'
);
select is(
    pg_temp.repaired($$ create trigger t before insert on web.session for each row execute function suppress_redundant_updates_trigger() $$),
    'removed trigger session.t',
    'a trigger was added'
);
select is(
    pg_temp.repaired($$ create rule r as on update to web.session do also notify x $$),
    'removed rule session.r',
    'a rule was added'
);
select is(
    pg_temp.repaired($$ alter table web.session owner to current_user $$),
    'changed table session owner: SUPERUSER -> nodepg_owner',
    'the owner of a table was changed'
);
select is(
    pg_temp.repaired($$ alter table web.session set (fillfactor = 50) $$),
    'changed table session options: autovacuum_vacuum_scale_factor=0.05, autovacuum_analyze_scale_factor=0.1, fillfactor=50 -> autovacuum_vacuum_scale_factor=0.05, autovacuum_analyze_scale_factor=0.1, fillfactor=90',
    'a storage option was changed'
);
select is(
    pg_temp.repaired($$ alter table web.session reset (fillfactor) $$),
    'changed table session options: autovacuum_vacuum_scale_factor=0.05, autovacuum_analyze_scale_factor=0.1 -> autovacuum_vacuum_scale_factor=0.05, autovacuum_analyze_scale_factor=0.1, fillfactor=90',
    'a storage option is gone'
);
select is(
    pg_temp.repaired($$ alter table web.session set (autovacuum_enabled = off) $$),
    'changed table session options: fillfactor=90, autovacuum_vacuum_scale_factor=0.05, autovacuum_analyze_scale_factor=0.1, autovacuum_enabled=off -> fillfactor=90, autovacuum_vacuum_scale_factor=0.05, autovacuum_analyze_scale_factor=0.1',
    'vacuum was switched off'
);
select is(
    pg_temp.repaired($$ comment on table web.session is 'x' $$),
    'changed table session comment',
    'the comment of a table was changed'
);
select is(
    pg_temp.repaired($$ drop table web.prune_state $$),
    $$created column prune_state.last_pruned_at
created column prune_state.only_row
created column prune_state.resume_from
created constraint prune_state.prune_state_only_row
created constraint prune_state.prune_state_pkey
created table prune_state$$,
    'a table was dropped'
);
select is(
    pg_temp.repaired($$ drop table web.settings $$),
    $$created column settings.absolute_timeout_seconds
created column settings.idle_timeout_seconds
created column settings.max_data_bytes
created column settings.max_sessions_per_user
created column settings.notify_channel
created column settings.only_row
created column settings.reject_over_limit
created column settings.slide_max_seconds
created column settings.slide_min_seconds
created column settings.slide_percent
created column settings.tombstone_retention_seconds
created constraint settings.settings_absolute_timeout_seconds
created constraint settings.settings_idle_timeout_seconds
created constraint settings.settings_max_data_bytes
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
select is(
    pg_temp.repaired($$ delete from web.settings $$),
    'created row settings',
    'the row of settings was deleted'
);
select is(
    pg_temp.repaired($$ delete from web.prune_state $$),
    'created row prune_state',
    'the row of prune_state was deleted'
);

-- ---- Columns ----

select is(
    pg_temp.repaired($$ alter table web.settings alter column idle_timeout_seconds set default 60 $$),
    'changed column settings.idle_timeout_seconds default: 60 -> 86400',
    'the default of a column was changed'
);
select is(
    pg_temp.repaired($$ alter table web.session alter column handle drop default $$),
    'changed column session.handle default: null -> gen_random_uuid()',
    'the default of a column is gone'
);
select is(
    pg_temp.repaired($$ alter table web.session alter column user_id set default 'x' $$),
    'changed column session.user_id default: ''x''::text -> null',
    'a column got a default'
);
select is(
    pg_temp.repaired($$ alter table web.session alter column expires_at drop not null $$),
    'changed column session.expires_at not null: false -> true',
    'a column may be null'
);
select is(
    pg_temp.repaired($$ alter table web.session alter column data set not null $$),
    'changed column session.data not null: true -> false',
    'a column may not be null'
);
select is(
    pg_temp.repaired($$ alter table web.session drop column label $$),
    'created column session.label',
    'a column was dropped'
);
select is(
    pg_temp.repaired($$ alter table web.settings drop column slide_percent $$),
    $$created column settings.slide_percent
created constraint settings.settings_slide_percent$$,
    'a column of the settings was dropped'
);
select is(
    pg_temp.repaired($$
        alter table web.session add column x integer;
        delete from web.session where false;
        alter table web.session alter column x set default 1;
        update web.session set x = 1;
        alter table web.session alter column x set not null, alter column x drop default;
    $$),
    'changed column session.x not null: true -> false',
    'a column that demands a value was added'
);
select is(
    pg_temp.repaired($$ alter table web.session add column x integer generated always as identity $$),
    '(nothing)',
    'an identity column was added'
);
select is(
    pg_temp.repaired($$ alter table web.session alter column data type text collate "C" $$),
    'changed column session.data collation: C -> default',
    'a column has another collation'
);
select is(
    pg_temp.repaired($$ comment on column web.session.key is null $$),
    'changed column session.key comment',
    'the comment of a column was changed'
);
select is(
    pg_temp.repaired($$ alter table web.session rename column label to name $$),
    'created column session.label',
    'a column was renamed'
);

-- ---- Constraints ----

select is(
    pg_temp.repaired($$ alter table web.settings drop constraint settings_idle_timeout_seconds $$),
    'created constraint settings.settings_idle_timeout_seconds',
    'a constraint was dropped'
);
select is(
    pg_temp.repaired($$ alter table web.settings drop constraint settings_idle_timeout_seconds, add constraint settings_idle_timeout_seconds check (idle_timeout_seconds >= -5) $$),
    'changed constraint settings.settings_idle_timeout_seconds definition: CHECK ((idle_timeout_seconds >= ''-5''::integer)) -> CHECK ((idle_timeout_seconds >= 1))',
    'a constraint was changed'
);
select is(
    pg_temp.repaired($$
        alter table web.settings drop constraint settings_idle_timeout_seconds;
        alter table web.settings add constraint settings_idle_timeout_seconds check (idle_timeout_seconds >= 1) not valid;
    $$),
    $$changed constraint settings.settings_idle_timeout_seconds definition: CHECK ((idle_timeout_seconds >= 1)) NOT VALID -> CHECK ((idle_timeout_seconds >= 1))
changed constraint settings.settings_idle_timeout_seconds valid: false -> true$$,
    'a constraint was never validated'
);
select is(
    pg_temp.repaired($$ alter table web.session add constraint x check (length(data) < 1000000) $$),
    'removed constraint session.x',
    'a check was added'
);
select is(
    pg_temp.repaired($$ alter table web.session add constraint x unique (user_agent) $$),
    $$removed constraint session.x
removed index x$$,
    'a unique constraint was added'
);
select is(
    pg_temp.repaired($$ alter table web.session add constraint x exclude using btree (label with =) $$),
    $$removed constraint session.x
removed index x$$,
    'an exclusion constraint was added'
);
select is(
    pg_temp.repaired($$
        create table public.app_user (id text primary key);
        alter table web.session add constraint x foreign key (user_id) references public.app_user;
    $$),
    'removed constraint session.x',
    'a foreign key was added'
);
select is(
    pg_temp.repaired($$ alter table web.session drop constraint session_pkey $$),
    'created constraint session.session_pkey',
    'the primary key was dropped'
);
select is(
    pg_temp.repaired($$ alter table web.session rename constraint session_pkey to x $$),
    $$created constraint session.session_pkey
removed constraint session.x$$,
    'the primary key has another name'
);
select is(
    pg_temp.repaired($$
        alter table web.session drop constraint session_pkey;
        alter table web.session add constraint session_pkey primary key (handle);
    $$),
    'changed constraint session.session_pkey definition: PRIMARY KEY (handle) -> PRIMARY KEY (key)',
    'the primary key is of another column'
);
select is(
    pg_temp.repaired($$
        alter table web.session drop constraint session_pkey;
        alter table web.session add constraint session_pkey primary key (key) deferrable;
    $$),
    'changed constraint session.session_pkey definition: PRIMARY KEY (key) DEFERRABLE -> PRIMARY KEY (key)',
    'the primary key is deferrable'
);
select is(
    pg_temp.repaired($$ update pg_index set indisvalid = false where indexrelid = 'web.session_pkey'::regclass $$),
    'changed constraint session.session_pkey valid: false -> true',
    'the index of the primary key is invalid'
);

-- ---- Indexes ----

select is(
    pg_temp.repaired($$ drop index web.session_prune_after $$),
    'created index session_prune_after',
    'an index was dropped'
);
select is(
    pg_temp.repaired($$ update pg_index set indisvalid = false where indexrelid = 'web.session_user_id'::regclass $$),
    'changed index session_user_id valid: false -> true',
    'an index is invalid'
);
select is(
    pg_temp.repaired($$
        drop index web.session_user_id;
        create index session_user_id on web.session (label);
    $$),
    'changed index session_user_id definition: CREATE INDEX session_user_id ON web.session USING btree (label) -> CREATE INDEX session_user_id ON web.session USING btree (user_id) WHERE (user_id IS NOT NULL)',
    'an index is of another column'
);
select is(
    pg_temp.repaired($$
        drop index web.session_user_id;
        create index session_user_id on web.session (user_id);
    $$),
    'changed index session_user_id definition: CREATE INDEX session_user_id ON web.session USING btree (user_id) -> CREATE INDEX session_user_id ON web.session USING btree (user_id) WHERE (user_id IS NOT NULL)',
    'an index lost its condition'
);
select is(
    pg_temp.repaired($$
        drop index web.session_handle;
        create index session_handle on web.session (handle);
    $$),
    'changed index session_handle definition: CREATE INDEX session_handle ON web.session USING btree (handle) -> CREATE UNIQUE INDEX session_handle ON web.session USING btree (handle)',
    'an index is not unique any more'
);
select is(
    pg_temp.repaired($$ alter index web.session_user_id rename to x $$),
    $$created index session_user_id
removed index x$$,
    'an index has another name'
);
select is(
    pg_temp.repaired($$ alter index web.session_user_id set (fillfactor = 50) $$),
    'changed index session_user_id definition: CREATE INDEX session_user_id ON web.session USING btree (user_id) WITH (fillfactor=''50'') WHERE (user_id IS NOT NULL) -> CREATE INDEX session_user_id ON web.session USING btree (user_id) WHERE (user_id IS NOT NULL)',
    'an index has options'
);
select is(
    pg_temp.repaired($$ create index x on web.session (expires_at) $$),
    'removed index x',
    'an index was added, which ends heap-only updates'
);
select is(
    pg_temp.repaired($$ create unique index x on web.session (user_agent) $$),
    'removed index x',
    'a unique index was added'
);
select is(
    pg_temp.repaired($$ create index x on web.session (lower(data)) $$),
    'removed index x',
    'an index of an expression was added'
);

-- ---- Roles ----

select is(
    pg_temp.repaired($$ alter role nodepg nologin $$),
    'changed role nodepg login: false -> true',
    'the runtime role may not log in'
);
select is(
    pg_temp.repaired($$ alter role nodepg_owner login $$),
    'changed role nodepg_owner login: true -> false',
    'the owner role may log in'
);
select is(
    pg_temp.repaired($$ alter role nodepg createdb createrole replication bypassrls $$),
    $$changed role nodepg bypassrls: true -> false
changed role nodepg createdb: true -> false
changed role nodepg createrole: true -> false
changed role nodepg replication: true -> false$$,
    'the runtime role got attributes'
);
select is(
    pg_temp.repaired($$ alter role nodepg_owner createdb createrole replication bypassrls $$),
    $$changed role nodepg_owner bypassrls: true -> false
changed role nodepg_owner createdb: true -> false
changed role nodepg_owner createrole: true -> false
changed role nodepg_owner replication: true -> false$$,
    'the owner role got attributes'
);
select is(
    pg_temp.repaired($$ grant nodepg_owner to nodepg $$),
    'removed membership of nodepg in nodepg_owner',
    'the runtime role is a member of the owner role'
);
select is(
    pg_temp.repaired($$ grant pg_read_all_data to nodepg with admin option $$),
    'removed membership of nodepg in pg_read_all_data',
    'the runtime role may read everything'
);
select is(
    pg_temp.repaired($$
        create role pgtap_carol;
        grant pgtap_carol to nodepg_owner;
    $$),
    'removed membership of nodepg_owner in pgtap_carol',
    'the owner role is a member of another'
);
select is(
    pg_temp.repaired($$ alter role nodepg set search_path = x $$),
    'changed role nodepg settings: search_path=x -> null',
    'the runtime role has a search_path'
);
select is(
    pg_temp.repaired($$ do $x$ begin execute format('alter role nodepg in database %I set role = pg_monitor', current_database()); end $x$ $$),
    'changed role nodepg settings: role=pg_monitor -> null',
    'the runtime role takes another role'
);
select is(
    pg_temp.repaired($$ alter role nodepg_owner set search_path = x $$),
    'changed role nodepg_owner settings: search_path=x -> null',
    'the owner role has a search_path'
);

-- ---- Privileges ----

select is(
    pg_temp.repaired($$ revoke usage on schema web from nodepg $$),
    'created privilege USAGE on schema web to nodepg',
    'usage of the schema was revoked'
);
select is(
    pg_temp.repaired($$ revoke execute on function web.load_session(bytea, boolean) from nodepg $$),
    'created privilege EXECUTE on function load_session(bytea, boolean) to nodepg',
    'a function was revoked'
);
select is(
    pg_temp.repaired($$ revoke execute on all functions in schema web from nodepg $$),
    (select string_agg(format('created privilege EXECUTE on function %s to nodepg', f.signature), E'\n' order by f.signature) from functions as f where f.is_runtime),
    'all functions were revoked'
);
select is(
    pg_temp.repaired($$ do $x$ begin execute format('revoke connect on database %I from public', current_database()); end $x$ $$),
    'created privilege CONNECT on database to nodepg',
    'CONNECT on the database was revoked from everybody'
);
select is(
    pg_temp.repaired($$ grant execute on function web.load_session(bytea, boolean) to public $$),
    'removed privilege EXECUTE on function load_session(bytea, boolean) to PUBLIC',
    'PUBLIC may call a function'
);
select is(
    pg_temp.repaired($$ grant execute on function web.store_status() to public $$),
    'removed privilege EXECUTE on function store_status() to PUBLIC',
    'PUBLIC may call a private function'
);
select is(
    pg_temp.repaired($$ grant usage on schema web to public $$),
    'removed privilege USAGE on schema web to PUBLIC',
    'PUBLIC may use the schema'
);
select is(
    pg_temp.repaired($$ grant create on schema web to public $$),
    'removed privilege CREATE on schema web to PUBLIC',
    'PUBLIC may create in the schema'
);
select is(
    pg_temp.repaired($$ grant select on web.session to public $$),
    'removed privilege SELECT on table session to PUBLIC',
    'PUBLIC may read the table'
);
select is(
    pg_temp.repaired($$ grant select (data) on web.session to public $$),
    'removed privilege SELECT on column session.data to PUBLIC',
    'PUBLIC may read a column'
);
select is(
    pg_temp.repaired($$ grant select on web.session to nodepg $$),
    'removed privilege SELECT on table session to nodepg',
    'the runtime role may read the table'
);
select is(
    pg_temp.repaired($$ grant select, insert, update, delete, truncate, references, trigger on all tables in schema web to nodepg with grant option $$),
    $$removed privilege DELETE on table prune_state to nodepg
removed privilege DELETE on table session to nodepg
removed privilege DELETE on table settings to nodepg
removed privilege INSERT on table prune_state to nodepg
removed privilege INSERT on table session to nodepg
removed privilege INSERT on table settings to nodepg
removed privilege REFERENCES on table prune_state to nodepg
removed privilege REFERENCES on table session to nodepg
removed privilege REFERENCES on table settings to nodepg
removed privilege SELECT on table prune_state to nodepg
removed privilege SELECT on table session to nodepg
removed privilege SELECT on table settings to nodepg
removed privilege TRIGGER on table prune_state to nodepg
removed privilege TRIGGER on table session to nodepg
removed privilege TRIGGER on table settings to nodepg
removed privilege TRUNCATE on table prune_state to nodepg
removed privilege TRUNCATE on table session to nodepg
removed privilege TRUNCATE on table settings to nodepg
removed privilege UPDATE on table prune_state to nodepg
removed privilege UPDATE on table session to nodepg
removed privilege UPDATE on table settings to nodepg$$,
    'the runtime role may do everything to every table'
);
select is(
    pg_temp.repaired($$ grant update (expires_at) on web.session to nodepg $$),
    'removed privilege UPDATE on column session.expires_at to nodepg',
    'the runtime role may write a column'
);
select is(
    pg_temp.repaired($$ grant execute on function web.slide_session(bytea) to nodepg $$),
    'removed privilege EXECUTE on function slide_session(bytea) to nodepg',
    'the runtime role may call a private function'
);
select is(
    pg_temp.repaired($$
        grant execute on function web.load_session(bytea, boolean) to nodepg with grant option;
        grant usage on schema web to nodepg with grant option;
    $$),
    $$changed privilege EXECUTE on function load_session(bytea, boolean) to nodepg grant option: true -> false
changed privilege USAGE on schema web to nodepg grant option: true -> false$$,
    'the runtime role may pass on what it may'
);
select is(
    pg_temp.repaired($$ do $x$ begin execute format('grant create, temporary on database %I to nodepg with grant option', current_database()); end $x$ $$),
    $$removed privilege CREATE on database to nodepg
removed privilege TEMPORARY on database to nodepg$$,
    'the runtime role may create in the database'
);
select is(
    pg_temp.repaired($$
        create role pgtap_carol;
        grant select on web.session to pgtap_carol;
    $$),
    'removed privilege SELECT on table session to pgtap_carol',
    'another role may read the table'
);
select is(
    pg_temp.repaired($$
        create role pgtap_carol;
        grant execute on function web.load_session(bytea, boolean) to pgtap_carol;
    $$),
    'removed privilege EXECUTE on function load_session(bytea, boolean) to pgtap_carol',
    'another role may call a function'
);
select is(
    pg_temp.repaired($$
        create role pgtap_carol;
        create role pgtap_bob;
        grant usage on schema web to pgtap_carol;
        grant select on web.session to pgtap_carol with grant option;
        grant execute on function web.end_session(bytea) to pgtap_carol with grant option;
        set local role pgtap_carol;
        grant select on web.session to pgtap_bob;
        grant execute on function web.end_session(bytea) to public;
        reset role;
    $$),
    $$removed privilege EXECUTE on function end_session(bytea) to PUBLIC
removed privilege EXECUTE on function end_session(bytea) to pgtap_carol
removed privilege SELECT on table session to pgtap_bob
removed privilege SELECT on table session to pgtap_carol
removed privilege USAGE on schema web to pgtap_carol$$,
    'another role passed it on'
);
select is(
    pg_temp.repaired($$
        create role pgtap_carol;
        create role pgtap_eve;
        grant usage, create on schema web to pgtap_carol;
        grant select (key, data) on web.session to pgtap_carol with grant option;
        set local role pgtap_carol;
        grant select (data) on web.session to pgtap_eve;
        reset role;
    $$),
    $$removed privilege CREATE on schema web to pgtap_carol
removed privilege SELECT on column session.data to pgtap_carol
removed privilege SELECT on column session.data to pgtap_eve
removed privilege SELECT on column session.key to pgtap_carol
removed privilege USAGE on schema web to pgtap_carol$$,
    'another role passed on a column'
);
select is(
    pg_temp.repaired($$
        create role pgtap_carol;
        create role pgtap_eve;
        grant usage, create on schema web to pgtap_carol;
        grant select on web.session to pgtap_carol with grant option;
        set local role pgtap_carol;
        grant select (data) on web.session to pgtap_eve;
        reset role;
    $$),
    $$removed privilege CREATE on schema web to pgtap_carol
removed privilege SELECT on column session.data to pgtap_eve
removed privilege SELECT on table session to pgtap_carol
removed privilege USAGE on schema web to pgtap_carol$$,
    'another role passed on a column of a table'
);
select is(
    pg_temp.repaired($$ revoke select on web.session from nodepg_owner $$),
    'changed table session privileges of the owner',
    'the owner may not read the table'
);
select is(
    pg_temp.repaired($$ revoke all on all tables in schema web from nodepg_owner $$),
    $$changed table prune_state privileges of the owner
changed table session privileges of the owner
changed table settings privileges of the owner$$,
    'the owner has no privilege on the tables'
);
select is(
    pg_temp.repaired($$ revoke all on schema web from nodepg_owner $$),
    'changed schema web privileges of the owner',
    'the owner may not use the schema'
);
select is(
    pg_temp.repaired($$ revoke execute on function web.slide_session(bytea) from nodepg_owner $$),
    'changed function slide_session(bytea) privileges of the owner',
    'the owner may not call a function'
);
select is(
    pg_temp.repaired($$
        create role pgtap_carol;
        alter default privileges grant select on tables to pgtap_carol;
        alter default privileges for role nodepg_owner grant select on tables to pgtap_carol;
        alter default privileges for role nodepg_owner grant execute on functions to pgtap_carol;
        drop table web.prune_state;
        drop function web.end_session(bytea);
    $$),
    $$created column prune_state.last_pruned_at
created column prune_state.only_row
created column prune_state.resume_from
created constraint prune_state.prune_state_only_row
created constraint prune_state.prune_state_pkey
created function end_session(bytea)
created privilege EXECUTE on function end_session(bytea) to nodepg
created table prune_state$$,
    'default privileges give to another role'
);
select is(
    pg_temp.repaired($$ alter schema web owner to current_user $$),
    $$changed privilege USAGE on schema web to nodepg granted by: SUPERUSER -> nodepg_owner
changed schema web owner: SUPERUSER -> nodepg_owner$$,
    'the owner of the schema was changed'
);

-- ---- A restore without the roles ----

select is(
    pg_temp.repaired($$ do $x$ declare v record; begin alter schema web owner to current_user; for v in select c.oid::regclass as name from pg_class as c where c.relnamespace = 'web'::regnamespace and c.relkind = 'r' loop execute format('alter table %s owner to current_user', v.name); end loop; for v in select p.oid::regprocedure as name from pg_proc as p where p.pronamespace = 'web'::regnamespace loop execute format('alter function %s owner to current_user', v.name); execute format('grant execute on function %s to public', v.name); end loop; end $x$ $$),
    (
        select string_agg(r.line, E'\n' order by r.line collate "C")
        from (
            select format('changed function %s owner: SUPERUSER -> nodepg_owner', f.signature) from functions as f
            union all
            select format('changed privilege EXECUTE on function %s to nodepg granted by: SUPERUSER -> nodepg_owner', f.signature) from functions as f where f.is_runtime
            union all
            select format('removed privilege EXECUTE on function %s to PUBLIC', f.signature) from functions as f
            union all
            values
            ('changed privilege USAGE on schema web to nodepg granted by: SUPERUSER -> nodepg_owner'),
            ('changed schema web owner: SUPERUSER -> nodepg_owner'),
            ('changed table prune_state owner: SUPERUSER -> nodepg_owner'),
            ('changed table session owner: SUPERUSER -> nodepg_owner'),
            ('changed table settings owner: SUPERUSER -> nodepg_owner')
        ) as r (line)
    ),
    'everything belongs to a superuser, and PUBLIC may call it'
);

-- ---- Not ours ----

select is(
    pg_temp.repaired($$ create table web.theirs (x integer) $$),
    '(nothing)',
    'somebody''s table in the schema'
);
select is(
    pg_temp.repaired($$ create function web.theirs() returns integer language sql as 'select 1' $$),
    '(nothing)',
    'somebody''s function in the schema'
);
select is(
    pg_temp.repaired($$
        alter role nodepg set statement_timeout = '5s';
        update web.settings set idle_timeout_seconds = 60;
    $$),
    '(nothing)',
    'a setting that is the operator''s business'
);
select is(
    pg_temp.repaired($$ alter table web.session add column theirs text $$),
    '(nothing)',
    'a column of theirs'
);

-- ---- Row types ----

select is(
    pg_temp.repaired($$ drop type web.loaded_session cascade $$),
    $$created function load_session(bytea, boolean)
created function load_session_slow(bytea, boolean)
created privilege EXECUTE on function load_session(bytea, boolean) to nodepg
created type loaded_session$$,
    'a row type was dropped, and its functions with it'
);
select is(
    pg_temp.repaired($$ alter type web.saved_session add attribute more text $$),
    $$changed type saved_session columns: outcome text, version bigint, expires_at timestamp with time zone, server_time timestamp with time zone, more text -> outcome text, version bigint, expires_at timestamp with time zone, server_time timestamp with time zone$$,
    'a row type has one column more'
);
select is(
    pg_temp.repaired($$ alter type web.saved_session drop attribute version $$),
    $$changed type saved_session columns: outcome text, expires_at timestamp with time zone, server_time timestamp with time zone -> outcome text, version bigint, expires_at timestamp with time zone, server_time timestamp with time zone$$,
    'or one less'
);
select is(
    pg_temp.repaired($$ alter type web.saved_session owner to current_user $$),
    'changed type saved_session owner: SUPERUSER -> nodepg_owner',
    'its owner was changed'
);
select is(
    pg_temp.repaired($$ comment on type web.saved_session is null $$),
    'changed type saved_session comment',
    'its comment is gone'
);
select is(
    pg_temp.repaired($$ grant usage on type web.loaded_session to public, nodepg $$),
    $$removed privilege USAGE on type loaded_session to PUBLIC
removed privilege USAGE on type loaded_session to nodepg$$,
    'it was granted'
);
select is(
    pg_temp.repaired($$ revoke all on type web.loaded_session from nodepg_owner $$),
    'changed type loaded_session privileges of the owner',
    'its owner may not use it'
);
select is(
    pg_temp.repaired($$ alter type web.loaded_session drop attribute data; create table public.theirs (x web.loaded_session) $$),
    '2BP01: cannot drop type web.loaded_session because other objects depend on it',
    'where somebody has made a column of it, it is not taken from him'
);

-- ---- What is refused, not repaired ----

select is(
    pg_temp.repaired(d.damage),
    '42809: web.loaded_session is not a row type',
    d.sentence
)
from (
    values
    ($$ drop type web.loaded_session cascade; create domain web.loaded_session as text $$, 'a domain in the place of a row type'),
    ($$ drop type web.loaded_session cascade; create table web.loaded_session (x integer) $$, 'a table')
) as d (damage, sentence);

select matches(pg_temp.repaired(d.damage), '^42809: web\.session is not a plain table$', d.sentence)
from (
    values
    ($$ create table public.child () inherits (web.session) $$, 'a table that others inherit from'),
    ($$ create table public.parent (x integer); alter table web.session add column x integer; alter table web.session inherit public.parent $$, 'a table that inherits'),
    ($$ alter table web.session rename to s; alter index web.session_pkey rename to x; create view web.session as select * from web.s $$, 'a view in the place of the table'),
    ($$ drop table web.session cascade; create table web.session (key bytea) partition by hash (key) $$, 'a partitioned table'),
    ($$ drop table web.session cascade; create sequence web.session $$, 'a sequence'),
    ($$ drop table web.session cascade; create materialized view web.session as select 1 $$, 'a materialized view')
) as d (damage, sentence);
select is(
    pg_temp.repaired($$ alter table web.session alter column data type varchar $$),
    '42804: column web.session.data has type character varying and should have text',
    'a column of another type: its rows are not rewritten unasked'
);
select matches(
    pg_temp.repaired($$ alter table web.session drop column absolute_expires_at $$),
    '^23502: ',
    'a column without which no session can be judged, while there are sessions'
);

-- ---- Whatever the caller has set ----

set local quote_all_identifiers = on;
select is(pg_temp.correction(), null, 'with quote_all_identifiers there is no row');
set local quote_all_identifiers = off;
set local standard_conforming_strings = off;
set local escape_string_warning = off;
select is(pg_temp.correction(), null, 'nor without standard_conforming_strings');
set local standard_conforming_strings = on;
set local timezone = 'Asia/Tokyo';
set local datestyle = 'German';
set local intervalstyle = 'sql_standard';
select is(pg_temp.correction(), null, 'nor in another time zone, with other formats');
set local timezone = 'UTC';
set local search_path = web, pg_catalog, public, pg_temp;
select is(pg_temp.correction(), null, 'nor with the schema on the search_path');
set local search_path = pg_temp, public;
set local check_function_bodies = off;
set local plpgsql.extra_errors = 'all';
select is(pg_temp.correction(), null, 'nor with another one, and all that PL/pgSQL can find fault with');
set local search_path = public;
set local role = none;
select is(current_setting('role'), 'none', 'the role is that of before');
create function pg_temp.role_of_a_caller() returns text language plpgsql as $f$
begin
    execute format('set local role %I', session_user);
    perform public.correct_web();
    return current_setting('role');
end
$f$;
select is(pg_temp.role_of_a_caller(), session_user::text, 'and so it is where one was set');

select * from finish();
rollback;
