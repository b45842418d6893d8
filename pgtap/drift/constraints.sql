-- Drift of constraints and primary keys.
begin;
\ir ../lib/store.sql
\ir ../lib/drift.sql
select plan(12);

select pg_temp.repairs(
    $$ alter table web.settings drop constraint settings_idle_timeout_seconds $$,
    'created constraint settings.settings_idle_timeout_seconds',
    'a constraint was dropped'
);
select pg_temp.repairs(
    $$ alter table web.settings drop constraint settings_idle_timeout_seconds, add constraint settings_idle_timeout_seconds check (idle_timeout_seconds >= -5) $$,
    'changed constraint settings.settings_idle_timeout_seconds definition: CHECK ((idle_timeout_seconds >= ''-5''::integer)) -> CHECK ((idle_timeout_seconds >= 1))',
    'a constraint was changed'
);
select pg_temp.repairs(
    $$
        alter table web.settings drop constraint settings_idle_timeout_seconds;
        alter table web.settings add constraint settings_idle_timeout_seconds check (idle_timeout_seconds >= 1) not valid;
    $$,
    $$changed constraint settings.settings_idle_timeout_seconds definition: CHECK ((idle_timeout_seconds >= 1)) NOT VALID -> CHECK ((idle_timeout_seconds >= 1))
changed constraint settings.settings_idle_timeout_seconds valid: false -> true$$,
    'a constraint was never validated'
);
select pg_temp.repairs(
    $$ alter table web.session add constraint x check (length(data) < 1000000) $$,
    'removed constraint session.x',
    'a check was added'
);
select pg_temp.repairs(
    $$ alter table web.session add constraint x unique (user_agent) $$,
    $$removed constraint session.x
removed index x$$,
    'a unique constraint was added'
);
select pg_temp.repairs(
    $$ alter table web.session add constraint x exclude using btree (label with =) $$,
    $$removed constraint session.x
removed index x$$,
    'an exclusion constraint was added'
);
select pg_temp.repairs(
    $$
        create table public.app_user (id text primary key);
        alter table web.session add constraint x foreign key (user_id) references public.app_user;
    $$,
    'removed constraint session.x',
    'a foreign key was added'
);
select pg_temp.repairs(
    $$ alter table web.session drop constraint session_pkey $$,
    'created constraint session.session_pkey',
    'the primary key was dropped'
);
select pg_temp.repairs(
    $$ alter table web.session rename constraint session_pkey to x $$,
    $$created constraint session.session_pkey
removed constraint session.x$$,
    'the primary key has another name'
);
select pg_temp.repairs(
    $$
        alter table web.session drop constraint session_pkey;
        alter table web.session add constraint session_pkey primary key (handle);
    $$,
    'changed constraint session.session_pkey definition: PRIMARY KEY (handle) -> PRIMARY KEY (key)',
    'the primary key is of another column'
);
select pg_temp.repairs(
    $$
        alter table web.session drop constraint session_pkey;
        alter table web.session add constraint session_pkey primary key (key) deferrable;
    $$,
    'changed constraint session.session_pkey definition: PRIMARY KEY (key) DEFERRABLE -> PRIMARY KEY (key)',
    'the primary key is deferrable'
);
select pg_temp.repairs(
    $$ update pg_index set indisvalid = false where indexrelid = 'web.session_pkey'::regclass $$,
    'changed constraint session.session_pkey valid: false -> true',
    'the index of the primary key is invalid'
);

select * from finish();
rollback;
