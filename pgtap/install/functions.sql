-- The functions: the whole set, and what each of them must be.
begin;
\ir ../lib/store.sql
select count(*) + 1 as checked, count(*) + 18 as tests
from pg_proc as p
where p.pronamespace = 'web'::regnamespace \gset
select plan(:tests);

-- ---- The set ----

select functions_are(
    'web',
    array[
        'set_session_data', 'get_session_data', 'destroy_session', 'count_sessions', 'clear_sessions',
        'create_session', 'load_session', 'save_session', 'touch_session', 'end_session', 'prune_sessions',
        'rotate_session', 'login_session', 'logout_session', 'session_info', 'lock_session',
        'user_sessions', 'end_user_session', 'end_user_sessions', 'notify_channel',
        'store_status', 'end_all_sessions', 'end_session_by_handle', 'export_sessions', 'import_sessions',
        'raise_invalid_key', 'raise_serializable', 'raise_missing_settings', 'check_data_size', 'slide_interval_seconds', 'slide_session', 'prune_neighbors',
        'notify_session_end', 'tombstone_session', 'lock_user', 'enforce_session_limit', 'change_session_key', 'load_session_slow',
        'save_session_slow'
    ],
    'the schema has these functions and no other'
);
select pg_temp.same_rows(
    $$
        select p.proname::text, pg_get_function_arguments(p.oid), pg_get_function_result(p.oid), p.provolatile::text
        from pg_proc as p
        where p.pronamespace = 'web'::regnamespace
        order by p.proname collate "C"
    $$,
    $$
        select w.*
        from (
        values
        ('notify_session_end'::text, 'p_handle uuid, p_reason text'::text, 'void'::text, 'v'::text),
        ('tombstone_session', 'p_key bytea, p_reason text', 'boolean', 'v'),
        ('prune_neighbors', 'p_key bytea', 'void', 'v'),
        ('clear_sessions', '', 'void', 'v'),
        ('count_sessions', '', 'integer', 's'),
        ('create_session',
            'p_key bytea, p_data text, p_idle_timeout_seconds integer DEFAULT NULL::integer, p_absolute_timeout_seconds integer DEFAULT NULL::integer, p_user_id text DEFAULT NULL::text, p_client_address inet DEFAULT NULL::inet, p_user_agent text DEFAULT NULL::text, p_label text DEFAULT NULL::text, p_max_sessions integer DEFAULT NULL::integer',
            'TABLE(outcome text, version bigint, expires_at timestamp with time zone, handle uuid, server_time timestamp with time zone)', 'v'),
        ('destroy_session', 'sessid text', 'void', 'v'),
        ('end_all_sessions', '', 'bigint', 'v'),
        ('end_session_by_handle', 'p_handle uuid', 'boolean', 'v'),
        ('end_session', 'p_key bytea', 'boolean', 'v'),
        ('end_user_session', 'p_user_id text, p_handle uuid', 'boolean', 'v'),
        ('end_user_sessions', 'p_user_id text, p_except_key bytea DEFAULT NULL::bytea', 'integer', 'v'),
        ('export_sessions',
            'p_after_key bytea DEFAULT NULL::bytea, p_max_rows integer DEFAULT 1000',
            'TABLE(key bytea, data text, created_at timestamp with time zone, last_used_at timestamp with time zone, expires_at timestamp with time zone, absolute_expires_at timestamp with time zone, idle_timeout_seconds integer, user_id text, client_address inet, user_agent text, label text)', 's'),
        ('get_session_data', 'sessid text', 'SETOF text', 's'),
        ('import_sessions',
            'p_keys bytea[], p_data text[], p_created_at timestamp with time zone[], p_last_used_at timestamp with time zone[], p_expires_at timestamp with time zone[], p_absolute_expires_at timestamp with time zone[], p_idle_timeout_seconds integer[], p_user_ids text[], p_client_addresses inet[], p_user_agents text[], p_labels text[]',
            'TABLE(place integer, outcome text)', 'v'),
        ('load_session_slow', 'p_key bytea, p_slide boolean', 'SETOF web.loaded_session', 'v'),
        ('load_session', 'p_key bytea, p_slide boolean DEFAULT true', 'SETOF web.loaded_session', 'v'),
        ('lock_session', 'p_key bytea, p_lock_timeout_milliseconds integer DEFAULT 5000', 'TABLE(data text, version bigint, expires_at timestamp with time zone, user_id text, server_time timestamp with time zone)', 'v'),
        ('lock_user', 'p_user_id text', 'void', 'v'),
        ('login_session',
            'p_old_key bytea, p_new_key bytea, p_user_id text, p_idle_timeout_seconds integer DEFAULT NULL::integer, p_absolute_timeout_seconds integer DEFAULT NULL::integer, p_client_address inet DEFAULT NULL::inet, p_user_agent text DEFAULT NULL::text, p_label text DEFAULT NULL::text, p_max_sessions integer DEFAULT NULL::integer',
            'TABLE(outcome text, version bigint, expires_at timestamp with time zone, server_time timestamp with time zone)', 'v'),
        ('logout_session', 'p_old_key bytea, p_new_key bytea', 'TABLE(outcome text, version bigint, expires_at timestamp with time zone, server_time timestamp with time zone)', 'v'),
        ('enforce_session_limit', 'p_user_id text, p_max_sessions integer', 'boolean', 'v'),
        ('change_session_key', 'p_old_key bytea, p_new_key bytea, p_grace_seconds integer', 'text', 'v'),
        ('notify_channel', '', 'text', 's'),
        ('prune_sessions', 'p_max_rows integer DEFAULT 1000', 'TABLE(outcome text, deleted integer, rescheduled integer)', 'v'),
        ('raise_invalid_key', '', 'void', 's'),
        ('raise_serializable', '', 'void', 's'),
        ('raise_missing_settings', '', 'void', 's'),
        ('check_data_size', 'p_bytes integer', 'void', 's'),
        ('rotate_session', 'p_old_key bytea, p_new_key bytea, p_grace_seconds integer DEFAULT 0', 'TABLE(outcome text, version bigint, expires_at timestamp with time zone, server_time timestamp with time zone)', 'v'),
        ('save_session_slow', 'p_key bytea, p_data text, p_expected_version bigint', 'TABLE(outcome text, version bigint, expires_at timestamp with time zone, server_time timestamp with time zone)', 'v'),
        ('save_session',
            'p_key bytea, p_data text, p_expected_version bigint DEFAULT NULL::bigint',
            'web.saved_session', 'v'),
        ('session_info',
            'p_key bytea',
            'TABLE(state text, reason text, handle uuid, user_id text, created_at timestamp with time zone, last_used_at timestamp with time zone, expires_at timestamp with time zone, absolute_expires_at timestamp with time zone, client_address inet, user_agent text, label text)', 's'),
        ('set_session_data', 'sessid text, sessdata text, expire timestamp with time zone', 'void', 'v'),
        ('slide_interval_seconds', 'p_idle_timeout_seconds integer', 'integer', 's'),
        ('slide_session', 'p_key bytea', 'void', 'v'),
        ('store_status',
            '',
            'TABLE(live bigint, expired bigint, ended bigint, total_bytes bigint, table_bytes bigint, index_bytes bigint, dead_rows bigint, updates bigint, hot_updates bigint, last_pruned_at timestamp with time zone, oldest_prune_after timestamp with time zone)', 's'),
        ('touch_session', 'p_key bytea', 'timestamp with time zone', 'v'),
        ('user_sessions',
            'p_user_id text',
            'TABLE(handle uuid, created_at timestamp with time zone, last_used_at timestamp with time zone, expires_at timestamp with time zone, client_address inet, user_agent text, label text)', 's')
        ) as w (name, arguments, result, volatility)
        order by w.name collate "C"
    $$,
    'no overloads; the parameters, the result and the volatility of each'
);

-- ---- What each must be ----

select is_empty(
    format($$ select p.proname from pg_proc as p where p.pronamespace = 'web'::regnamespace and not (%s) $$, r.rule),
    r.sentence
)
from (
    values
    ('p.prosecdef', 'each is security definer'),
    ($$ p.proconfig = array['search_path=pg_catalog, pg_temp'] or (p.proname in ('load_session', 'save_session') and p.proconfig is null) $$,
        'each pins its search_path, pg_temp last, and sets nothing else; but for the hot path: load_session and save_session'),
    -- What is left once each qualified name, each column, the comments and the literals are taken out must be grammar.
    ($$ p.proname not in ('load_session', 'save_session') or regexp_replace(
            regexp_replace(p.prosrc, '--[^\n]*|#[^\n]*|operator\(pg_catalog\.[<>=+]+\)|(pg_catalog|web|s|d|p|v)[._]\w+|''\w+''|collate pg_catalog\."C"|\m\d+\M|\mset\s+version =|,\s+data =', '', 'g'),
            '\m(declare|begin|return|query|select|update|set|returning|into|coalesce|case|when|from|as|s|d|where|and|if|not|found|then|end)\M', '', 'g'
        ) !~ '[^\s(),;]' $$, 'those two, which pin none, leave nothing for a search_path to decide'),
    ($$ p.proowner = 'nodepg_owner'::regrole $$, 'each belongs to the owner role'),
    ($$ p.prolang = (select l.oid from pg_language as l where l.lanname = 'plpgsql') $$, 'each is PL/pgSQL'),
    ($$ p.prokind = 'f' and not p.proisstrict and not p.proleakproof and p.proparallel = 'u' $$,
        'none is strict: null is for the function to judge; none leakproof or parallel'),
    ($$ coalesce(obj_description(p.oid, 'pg_proc'), '') ~ '^(connect-pg interface: )?[A-Za-z].*\. API: (public|private)$' $$, 'each has a comment, which says whether it is public'),
    ($$ (obj_description(p.oid, 'pg_proc') ~ '^connect-pg interface: ') = (p.proname in ('set_session_data', 'get_session_data', 'destroy_session', 'count_sessions', 'clear_sessions')) $$,
        'five are the connect-pg interface, and say so'),
    ($$ (obj_description(p.oid, 'pg_proc') ~ 'API: public$') = (p.proname not in (
            'raise_invalid_key', 'raise_serializable', 'raise_missing_settings', 'check_data_size', 'slide_interval_seconds', 'slide_session', 'prune_neighbors',
            'notify_session_end', 'tombstone_session', 'lock_user', 'enforce_session_limit', 'change_session_key', 'load_session_slow', 'save_session_slow',
            'store_status', 'end_all_sessions', 'end_session_by_handle', 'export_sessions', 'import_sessions'
        )) $$,
        'what the runtime role may call is public, and the rest private; each says so'),
    ($$ p.prosrc !~* '(at time zone|[^_]now\(|current_timestamp|transaction_timestamp|clock_timestamp|localtime|interval ''|::date|to_char)' $$,
        'none asks for a time that depends on the zone or on when the transaction began'),
    ($$ p.prosrc !~* 'execute|format\(''[^'']*(select|update|insert|delete)' $$, 'none builds SQL at run time'),
    ($$ p.prosrc !~ '\\' $$, 'none has a backslash, whose meaning is a setting of the caller''s'),
    ($$ p.prosrc !~* '(from|update|into|join|table)\s+(session|settings|prune_state)\M' $$, 'each names its tables with the schema')
) as r (rule, sentence);

-- ---- correct_web ----

select pg_temp.same_rows(
    $$
        select pg_get_function_arguments(p.oid), p.prosecdef, p.provolatile::text, p.proretset, obj_description(p.oid, 'pg_proc') ~ 'API: public$',
            (select s from unnest(p.proconfig) as s where s like 'search_path=%')
        from pg_proc as p
        where p.pronamespace = 'public'::regnamespace
            and p.proname = 'correct_web'
        order by p.pronargs
    $$,
    $$
        values
        (''::text, false, 'v'::text, true, true, 'search_path=pg_catalog, pg_temp'::text),
        ('p_schema text, p_role text', false, 'v', true, true, 'search_path=pg_catalog, pg_temp')
    $$,
    'correct_web has two forms, neither with defaults, so that no call is ambiguous; it runs with the rights of its caller'
);
select is(
    (select array_agg(a.grantee::regrole::text) from pg_proc as p cross join aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) as a
        where p.pronamespace = 'public'::regnamespace and p.proname = 'correct_web' and a.grantee <> p.proowner),
    null,
    'and nobody but its owner may call it'
);

-- ---- plpgsql_check ----

select exists (select from pg_extension where extname = 'plpgsql_check') as has_check \gset
\if :has_check
create function pg_temp.findings(function regprocedure)
returns setof text
language plpgsql
as $$
begin
    return query
    select format('line %s: %s: %s %s', c.lineno, c.level, c.message, c.detail)
    from plpgsql_check_function_tb(
        function,
        fatal_errors => false,
        extra_warnings => true,
        performance_warnings => true,
        security_warnings => true
    ) as c
    join pg_proc as p on p.oid = function
    where not (
        -- It does not know that an endless loop is left by "return" only,
        c.message = 'control reached end of function without RETURN' and p.prosrc ~ 'end loop;\s*end;\s*$'
        -- nor what FOREACH … SLICE assigns, nor that the routine builds all its SQL with %I and %L (see names.sql).
        or p.proname = 'correct_web' and (c.detail is not distinct from 'cast "text" value to "text[]" type' or c.level = 'security')
        -- A cast too many counts where every request passes.
        or c.level = 'performance' and p.proname in ('correct_web', 'prune_sessions', 'store_status', 'raise_invalid_key', 'raise_serializable', 'raise_missing_settings')
    )
    order by c.lineno;
end;
$$;
select is_empty(
    format('select * from pg_temp.findings(%L)', p.oid::regprocedure),
    format('plpgsql_check finds nothing in %s', p.oid::regprocedure)
)
from pg_proc as p
where p.prolang = (select l.oid from pg_language as l where l.lanname = 'plpgsql')
    and (p.pronamespace = 'web'::regnamespace or (p.pronamespace = 'public'::regnamespace and p.proname = 'correct_web'))
order by p.oid::regprocedure::text;
\else
select skip('plpgsql_check is not installed: CREATE EXTENSION plpgsql_check, of Debian''s postgresql-NN-plpgsql-check', :checked);
\endif

select * from finish();
rollback;
