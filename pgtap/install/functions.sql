-- What every function must be. Which functions there are, their parameters and results: schema_snapshot.sql.
begin;
\ir ../lib/store.sql
select count(*) filter (where p.prosecdef) + 1 as checked, count(*) filter (where p.prosecdef) + 17 as tests
from pg_proc as p
where p.pronamespace = 'web'::regnamespace \gset
select plan(:tests);

select is_empty(
    $$
        select p.proname
        from pg_proc as p
        where p.pronamespace = 'web'::regnamespace
        group by p.proname
        having count(*) > 1
    $$,
    'no function has an overload'
);

-- ---- Rules ----

select is_empty(
    format($$ select p.proname from pg_proc as p where p.pronamespace = 'web'::regnamespace and not (%s) $$, r.rule),
    r.description
)
from (
    values
    ($$ p.prosecdef or p.proname in ('expiry_after_use', 'seconds_until', 'slide_interval') $$, 'every function is security definer, except for those that the planner inlines'),
    ($$ p.proconfig in (array['search_path=pg_catalog, pg_temp'], array['search_path=pg_catalog, pg_temp', 'debug_print_plan=off'],
                array['search_path=pg_catalog, pg_temp', 'debug_print_plan=off', 'enable_seqscan=off', 'jit=off'])
            or not p.prosecdef
            or (p.proname in ('load_session', 'load_session_value', 'save_session', 'load_sessions') and p.proconfig is null)
            or (p.proname = 'save_sessions' and p.proconfig = array['plan_cache_mode=force_generic_plan']) $$,
        'every function pins its search_path, pg_temp last, and at most turns the printing of plans off; the functions that every request calls pin none, for speed'),
    -- What is left once each qualified name, each column, the comments and the literals are taken out must be grammar.
    ($$ p.proname not in ('load_session', 'load_session_value', 'save_session', 'load_sessions', 'save_sessions') or regexp_replace(
            regexp_replace(p.prosrc, '--[^\n]*|#[^\n]*|::pg_catalog\.\w+\[\]|operator\(pg_catalog\.[<>=+]+\)|(pg_catalog|web|s|d|p|v|k|l|u)([._]\w+)+|:=|''\w+''|collate pg_catalog\."C"|\m\d+\M|\mset\s+version =|,\s+data =|as u \([a-z_, ]+\)', '', 'g'),
            '\m(declare|begin|return|query|select|update|set|returning|into|coalesce|case|when|from|as|s|d|k|l|where|and|if|not|found|is|null|constant|next|then|else|end|any|true|distinct|on|rows|with|ordinality|join|order|by|for|no|key|of|skip|locked|perform|or)\M', '', 'g'
        ) !~ '[^\s(),;]' $$, 'the functions that pin no search_path leave nothing for one to decide'),
    ($$ p.proowner = 'nodepg_owner'::regrole $$, 'every function belongs to the owner role'),
    ($$ p.prolang = (select l.oid from pg_language as l where l.lanname = case when p.prosecdef then 'plpgsql' else 'sql' end) $$,
        'every function is PL/pgSQL, except for those that the planner inlines'),
    ($$ p.prokind = 'f' and not p.proisstrict and not p.proleakproof and p.proparallel = 'u' $$,
        'no function is strict, leakproof or parallel: each function checks null itself'),
    ($$ coalesce(obj_description(p.oid, 'pg_proc'), '') ~ '^(connect-pg interface: )?[A-Za-z].*\. API: (public|private)$' $$, 'every function has a comment that says whether it is public'),
    ($$ (obj_description(p.oid, 'pg_proc') ~ '^connect-pg interface: ') = (p.proname in ('set_session_data', 'get_session_data', 'destroy_session', 'count_sessions', 'clear_sessions')) $$,
        'the comments of the five functions of connect-pg 1.1.5 say so'),
    ($$ (obj_description(p.oid, 'pg_proc') ~ 'API: public$') = has_function_privilege('nodepg', p.oid, 'EXECUTE') $$,
        'the runtime role may call the functions whose comment says public, and no others'),
    ($$ p.prosrc !~* '(at time zone|[^_]now\(|current_timestamp|transaction_timestamp|clock_timestamp|localtime|interval ''|::date|to_char)' $$,
        'no function asks for a time that depends on the zone or on when the transaction began'),
    ($$ p.prosrc !~* 'execute|format\(''[^'']*(select|update|insert|delete)' $$, 'no function builds SQL at run time'),
    ($$ p.prosrc !~ '\\' $$, 'no function has a backslash, whose meaning depends on a setting of the caller'),
    ($$ p.prosrc !~* '(from|update|into|join|table)\s+(session|settings|prune_state|user_lock)\M' $$, 'every function names its tables with the schema')
) as r (rule, description);

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
    'correct_web has two forms, neither with defaults, and runs with the rights of its caller'
);
select is(
    (select array_agg(a.grantee::regrole::text) from pg_proc as p cross join aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) as a
        where p.pronamespace = 'public'::regnamespace and p.proname = 'correct_web' and a.grantee <> p.proowner),
    null,
    'no role but its owner may call correct_web'
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
        -- Only "return" leaves an endless loop, which plpgsql_check does not know.
        c.message = 'control reached end of function without RETURN' and p.prosrc ~ 'end loop;\s*end;\s*$'
        -- The routine builds its SQL with %I and %L (check_caller.sql tests that), which plpgsql_check does not know.
        or p.proname = 'correct_web' and c.level = 'security'
        -- An unnecessary cast matters in functions that every request calls.
        or c.level = 'performance' and (p.proname in ('correct_web', 'prune_sessions', 'store_status') or p.proname ~ '^raise_')
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
