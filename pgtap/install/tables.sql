-- The tables: whole sets, so that whatever is too much is found as well as what is missing.
begin;
\ir ../lib/store.sql
select plan(39);

-- ---- Relations ----

select tables_are('web', array['session', 'settings', 'prune_state'], 'the schema has these tables and no other');
select is_empty(
    $$
        select c.relname, c.relkind
        from pg_class as c
        where c.relnamespace = 'web'::regnamespace
            and c.relkind not in ('r', 'i', 'c')
    $$,
    'no views, sequences or foreign tables'
);
select is_empty(
    $$
        select t.typname
        from pg_type as t
        where t.typnamespace = 'web'::regnamespace
            and t.typrelid = 0
            and t.typelem = 0
    $$,
    'no types but row types: types.sql'
);
select pg_temp.same_rows(
    $$
        select c.relname::text, c.relkind::text, c.relpersistence::text, c.relrowsecurity, c.relforcerowsecurity, c.relispartition, c.relhassubclass, am.amname::text, c.reloptions
        from pg_class as c
        join pg_am as am on am.oid = c.relam
        where c.relnamespace = 'web'::regnamespace
            and c.relkind = 'r'
        order by c.relname
    $$,
    $$
        values
        ('prune_state'::text, 'r'::text, 'p'::text, false, false, false, false, 'heap'::text, null::text[]),
        ('session', 'r', 'p', false, false, false, false, 'heap', array['fillfactor=90', 'autovacuum_vacuum_scale_factor=0.05', 'autovacuum_analyze_scale_factor=0.1']),
        ('settings', 'r', 'p', false, false, false, false, 'heap', null)
    $$,
    'plain, logged tables without row security, and their storage options'
);

-- ---- Columns ----

select pg_temp.same_rows(
    $$
        select c.relname::text, a.attname::text, format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(d.adbin, d.adrelid)
        from pg_class as c
        join pg_attribute as a on a.attrelid = c.oid
        left join pg_attrdef as d on d.adrelid = a.attrelid and d.adnum = a.attnum
        where c.relnamespace = 'web'::regnamespace
            and c.relkind = 'r'
            and a.attnum > 0
            and not a.attisdropped
        order by c.relname, a.attnum
    $$,
    $$
        values
        ('prune_state'::text, 'only_row'::text, 'boolean'::text, true, 'true'::text),
        ('prune_state', 'resume_from', 'timestamp with time zone', true, '''-infinity''::timestamp with time zone'),
        ('prune_state', 'last_pruned_at', 'timestamp with time zone', false, null),
        ('session', 'expires_at', 'timestamp with time zone', true, null),
        ('session', 'slide_at', 'timestamp with time zone', true, null),
        ('session', 'last_used_at', 'timestamp with time zone', true, null),
        ('session', 'version', 'bigint', true, null),
        ('session', 'created_at', 'timestamp with time zone', true, null),
        ('session', 'absolute_expires_at', 'timestamp with time zone', true, null),
        ('session', 'prune_after', 'timestamp with time zone', true, null),
        ('session', 'ended_at', 'timestamp with time zone', false, null),
        ('session', 'ended_reason', 'text', false, null),
        ('session', 'successor', 'bytea', false, null),
        ('session', 'grace_until', 'timestamp with time zone', false, null),
        ('session', 'idle_timeout_seconds', 'integer', true, null),
        ('session', 'slide_interval_seconds', 'integer', true, null),
        ('session', 'handle', 'uuid', true, 'gen_random_uuid()'),
        ('session', 'key', 'bytea', true, null),
        ('session', 'user_id', 'text', false, null),
        ('session', 'client_address', 'inet', false, null),
        ('session', 'user_agent', 'text', false, null),
        ('session', 'label', 'text', false, null),
        ('session', 'data', 'text', false, null),
        ('settings', 'only_row', 'boolean', true, 'true'),
        ('settings', 'idle_timeout_seconds', 'integer', true, '86400'),
        ('settings', 'absolute_timeout_seconds', 'integer', true, '2592000'),
        ('settings', 'max_data_bytes', 'integer', true, '1048576'),
        ('settings', 'tombstone_retention_seconds', 'integer', true, '3600'),
        ('settings', 'slide_percent', 'integer', true, '5'),
        ('settings', 'slide_min_seconds', 'integer', true, '60'),
        ('settings', 'slide_max_seconds', 'integer', true, '600'),
        ('settings', 'max_sessions_per_user', 'integer', true, '0'),
        ('settings', 'reject_over_limit', 'boolean', true, 'false'),
        ('settings', 'notify_channel', 'text', false, null)
    $$,
    'every column: its place, type, default, and whether it may be null'
);
select is_empty(
    $$
        select c.relname, a.attname
        from pg_class as c
        join pg_attribute as a on a.attrelid = c.oid
        where c.relnamespace = 'web'::regnamespace
            and c.relkind = 'r'
            and a.attnum > 0
            and not a.attisdropped
            and (a.attidentity <> '' or a.attgenerated <> '' or a.attislocal is not true or a.attinhcount <> 0)
    $$,
    'none is generated, an identity, or inherited'
);

-- ---- Comments ----

select is_empty(
    $$
        select c.relname
        from pg_class as c
        where c.relnamespace = 'web'::regnamespace
            and c.relkind = 'r'
            and coalesce(obj_description(c.oid, 'pg_class'), '') !~ '^[A-Z].*\. API: private$'
    $$,
    'every table has a comment, which says that it is private'
);
select is_empty(
    $$
        select c.relname, a.attname
        from pg_class as c
        join pg_attribute as a on a.attrelid = c.oid
        where c.relnamespace = 'web'::regnamespace
            and c.relkind = 'r'
            and a.attnum > 0
            and not a.attisdropped
            and coalesce(col_description(a.attrelid, a.attnum), '') !~ '^[A-Za-z].*\.$'
    $$,
    'every column has a comment'
);

-- ---- Constraints ----

select pg_temp.same_rows(
    $$
        select c.conrelid::regclass::text, c.conname::text, pg_get_constraintdef(c.oid), c.convalidated, c.condeferrable
        from pg_constraint as c
        where c.connamespace = 'web'::regnamespace
            and c.contype <> 'n'
        order by 1, 2
    $$,
    $$
        values
        ('web.prune_state'::text, 'prune_state_only_row'::text, 'CHECK (only_row)'::text, true, false),
        ('web.prune_state', 'prune_state_pkey', 'PRIMARY KEY (only_row)', true, false),
        ('web.session', 'session_pkey', 'PRIMARY KEY (key)', true, false),
        ('web.settings', 'settings_absolute_timeout_seconds', 'CHECK ((absolute_timeout_seconds >= 1))', true, false),
        ('web.settings', 'settings_idle_timeout_seconds', 'CHECK ((idle_timeout_seconds >= 1))', true, false),
        ('web.settings', 'settings_max_data_bytes', 'CHECK ((max_data_bytes >= 8192))', true, false),
        ('web.settings', 'settings_max_sessions_per_user', 'CHECK ((max_sessions_per_user >= 0))', true, false),
        ('web.settings', 'settings_notify_channel', 'CHECK (((octet_length(notify_channel) >= 1) AND (octet_length(notify_channel) <= 63)))', true, false),
        ('web.settings', 'settings_only_row', 'CHECK (only_row)', true, false),
        ('web.settings', 'settings_pkey', 'PRIMARY KEY (only_row)', true, false),
        ('web.settings', 'settings_slide_interval_seconds', 'CHECK (((slide_min_seconds >= 0) AND (slide_max_seconds >= slide_min_seconds)))', true, false),
        ('web.settings', 'settings_slide_percent', 'CHECK (((slide_percent >= 0) AND (slide_percent <= 50)))', true, false),
        ('web.settings', 'settings_tombstone_retention_seconds', 'CHECK ((tombstone_retention_seconds >= 60))', true, false)
    $$,
    'every constraint; none of session that its data could violate, whose error would show the row'
);

-- ---- Indexes ----

select indexes_are('web', 'session', array['session_pkey', 'session_prune_after', 'session_user_id', 'session_handle'], 'three indexes beside the primary key''s');
select indexes_are('web', 'settings', array['settings_pkey'], 'one index of settings');
select indexes_are('web', 'prune_state', array['prune_state_pkey'], 'one index of prune_state');
select pg_temp.same_rows(
    $$
        select i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid), i.indisunique, i.indisvalid and i.indisready and i.indislive and i.indimmediate
        from pg_index as i
        where i.indrelid = 'web.session'::regclass
        order by 1
    $$,
    $$
        values
        ('web.session_handle'::text, 'CREATE UNIQUE INDEX session_handle ON web.session USING btree (handle)'::text, true, true),
        ('web.session_pkey', 'CREATE UNIQUE INDEX session_pkey ON web.session USING btree (key)', true, true),
        ('web.session_prune_after', 'CREATE INDEX session_prune_after ON web.session USING btree (prune_after)', false, true),
        ('web.session_user_id', 'CREATE INDEX session_user_id ON web.session USING btree (user_id) WHERE (user_id IS NOT NULL)', false, true)
    $$,
    'as they are defined, and valid'
);
select is_empty(
    $$
        select i.indexrelid::regclass, a.attname
        from pg_index as i
        join pg_depend as d on d.classid = 'pg_class'::regclass and d.objid = i.indexrelid and d.refclassid = 'pg_class'::regclass and d.refobjid = i.indrelid
        join pg_attribute as a on a.attrelid = i.indrelid and a.attnum = d.refobjsubid
        where i.indrelid = 'web.session'::regclass
            and a.attname in ('expires_at', 'slide_at', 'last_used_at', 'version', 'data', 'ended_at', 'ended_reason', 'successor', 'grace_until', 'client_address', 'user_agent', 'label')
    $$,
    'no index, its condition and expressions included, covers what a slide, a save or an end changes: they are heap-only'
);
select is(
    (
        select count(*)
        from pg_index as i
        join pg_depend as d on d.classid = 'pg_class'::regclass and d.objid = i.indexrelid and d.refclassid = 'pg_class'::regclass and d.refobjid = i.indrelid
        join pg_attribute as a on a.attrelid = i.indrelid and a.attnum = d.refobjsubid
        where i.indrelid = 'web.session'::regclass
            and a.attname in ('prune_after', 'handle')
    ),
    2::bigint,
    '(which that query would see: it sees the columns that are indexed)'
);

-- ---- What acts by itself ----

select is_empty($$ select tgname from pg_trigger as t join pg_class as c on c.oid = t.tgrelid where c.relnamespace = 'web'::regnamespace $$, 'no triggers');
select is_empty($$ select rulename from pg_rewrite as r join pg_class as c on c.oid = r.ev_class where c.relnamespace = 'web'::regnamespace $$, 'no rules');
select is_empty($$ select polname from pg_policy as p join pg_class as c on c.oid = p.polrelid where c.relnamespace = 'web'::regnamespace $$, 'no policies');
select is_empty($$ select inhrelid from pg_inherits as i join pg_class as c on c.oid in (i.inhrelid, i.inhparent) where c.relnamespace = 'web'::regnamespace $$, 'no inheritance');

-- ---- Rows ----

select results_eq(
    'select only_row, idle_timeout_seconds, absolute_timeout_seconds, max_data_bytes, tombstone_retention_seconds, slide_percent, slide_min_seconds, slide_max_seconds, max_sessions_per_user, reject_over_limit, notify_channel from web.settings',
    'values (true, 86400, 2592000, 1048576, 3600, 5, 60, 600, 0, false, null::text)',
    'one row of settings, with the defaults'
);
select is((select count(*) from web.prune_state), 1::bigint, 'one row of prune_state');
select throws_ok(
    format('insert into web.%I (only_row) values (%s)', t.name, v.value),
    t.code,
    null,
    format('%s takes no other row (%s)', t.name, v.value)
)
from (values ('true', '23505'), ('false', '23514'), ('null', '23502')) as v (value, code)
cross join lateral (values ('settings', v.code), ('prune_state', v.code)) as t (name, code);
select throws_ok(
    format('update web.settings set %s', s.change),
    '23514',
    null,
    format('settings refuse %s', s.change)
)
from (
    values
    ('idle_timeout_seconds = 0'), ('absolute_timeout_seconds = 0'), ('max_data_bytes = 8191'), ('tombstone_retention_seconds = 59'),
    ('max_sessions_per_user = -1'), ($$ notify_channel = '' $$), ($$ notify_channel = repeat('x', 64) $$), ($$ notify_channel = repeat('é', 32) $$),
    ('slide_percent = -1'), ('slide_percent = 51'), ('slide_min_seconds = -1'), ('slide_max_seconds = 59')
) as s (change);

select * from finish();
rollback;
