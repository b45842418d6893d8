-- Names of schema and role: any name that PostgreSQL takes works; the others are refused before anything is created.
begin;
\ir ../lib/store.sql
\ir ../lib/drift.sql
select plan(101);

-- A store with these names: install, install again, use as the runtime role, look at its functions.
create function pg_temp.try_names(p_schema text, p_role text)
returns text
language plpgsql
as $$
declare
    v_rows bigint;
    v_again text;
    v_used text;
    v_id text;
begin
    begin
        select count(*) into v_rows from public.correct_web(p_schema, p_role);
        v_again := pg_temp.correction(p_schema, p_role);
        execute format('set local role %I', p_role);
        execute format('select %I.set_session_data($1, $2, null)', p_schema) using 'id', p_schema || p_role;
        execute format('select %I.get_session_data($1)', p_schema) using 'id' into v_used;
        execute format('select outcome from %I.create_session(sha256($1), $2)', p_schema) using 'a'::bytea, '{}' into v_id;
        execute format('select outcome from %I.save_session(sha256($1), $2)', p_schema) using 'a'::bytea, '{"n":1}';
        execute format('select * from %I.load_session(sha256($1))', p_schema) using 'a'::bytea;
        execute format('select %I.touch_session(sha256($1))', p_schema) using 'a'::bytea;
        execute format('select %I.end_session(sha256($1))', p_schema) using 'a'::bytea;
        execute format('select %I.destroy_session($1)', p_schema) using 'x';
        execute format('select * from %I.prune_sessions()', p_schema);
        execute format('select %I.clear_sessions()', p_schema);
        execute format('select %I.count_sessions()', p_schema);
        reset role;
        v_used := concat_ws(
            E'\n',
            case when v_rows < 70 then 'ONLY ' || v_rows || ' THINGS CREATED' end,
            'AGAIN: ' || v_again,
            case when v_used is distinct from p_schema || p_role then 'ANOTHER ANSWER: ' || v_used end,
            case when v_id is distinct from 'created' then 'NOT CREATED: ' || v_id end,
            (
                select string_agg('NOT AS IT SHOULD BE: ' || p.proname, ' ')
                from pg_proc as p
                join pg_namespace as n on n.oid = p.pronamespace
                where n.nspname = p_schema
                    and not (pg_get_userbyid(p.proowner) = p_role || '_owner' and p.prosecdef and (p.proconfig[1] is not distinct from 'search_path=pg_catalog, pg_temp' or p.proname in ('load_session', 'load_session_value', 'save_session', 'load_sessions', 'save_sessions')))
                    -- The planner inlines these.
                    and p.prolang <> (select l.oid from pg_language as l where l.lanname = 'sql')
            )
        );
        raise exception using errcode = 'UNDO0';
    exception
        when sqlstate 'UNDO0' then
            return coalesce(nullif(v_used, ''), 'works');
        when others then
            return sqlstate;
    end;
end;
$$;

-- ---- Names that work ----

select is(pg_temp.try_names(n.name, n.name), 'works', format('schema and role %s work', n.name))
from (
    values
    ('pgtap_shop'), ('Pgtap Shop'), ('pgtap.shop'), ('pgtap-shop'), ('1pgtap'), ('webweb.session'), ('web.'), ('x web.session y'),
    ('we"b; drop schema web cascade; --'), ('"'), ('""'), (''''), (''''''), ('\'), ('\\x41'), ('a\'';b'), ('$body$'), ('$function$'), ('$correct_web$'), ('$$'),
    ('--'), ('/*'), ('*/'), (';'), ('%I'), ('%s%L%%'), (':name'), ('{}'), ('(x)'), ('a,b'), ('a=b'), (' '), ('  x  '),
    ('user'), ('select'), ('current_user'), ('session_user'), ('table'), ('all'), ('null'), ('true'), ('default'), ('group'), ('owner'), ('session'),
    ('ünïcödé'), ('Ωμέγα'), ('会議'), (U&'\+01F600'), (U&'\0301'), ('pgtap_' || repeat('x', 51)), (repeat('é', 28)), ('PUBLIC'), ('Public'), ('PG_x')
) as n (name);
select is(pg_temp.try_names(repeat('s', 63), repeat('r', 57)), 'works', 'a schema of 63 bytes and a role of 57 bytes work');
select is(pg_temp.try_names(repeat('é', 31) || 's', repeat('é', 28) || 'r'), 'works', 'a schema of 63 bytes and a role of 57 bytes work in letters of two bytes');
select is(pg_temp.try_names('pgtap_shop', 'nodepg'), 'works', 'another schema for the same role works');

-- ---- Names that are refused ----

select is(pg_temp.try_names(n.p_schema, n.p_role), n.code, format('%s fails with %s', n.what, n.code))
from (
    values
    ('42602', null, 'pgtap_x', 'a null schema'),
    ('42602', 'pgtap_x', null, 'a null role'),
    ('42602', '', 'pgtap_x', 'an empty schema'),
    ('42602', 'pgtap_x', '', 'an empty role'),
    ('42602', E'pgtap\nx', 'pgtap_x', 'a newline in the schema'),
    ('42602', 'pgtap_x', E'pgtap\nx', 'a newline in the role'),
    ('42602', E'pgtap\rx', 'pgtap_x', 'a carriage return'),
    ('42602', 'pgtap_x', E'pgtap\tx', 'a tabulator'),
    ('42602', E'pgtap\x01x', 'pgtap_x', 'another control character'),
    ('42602', 'pgtap_x', E'pgtap\x7f', 'DEL'),
    ('42602', E'x\n; create role pgtap_evil superuser; --', 'pgtap_x', 'a line of SQL'),
    ('42622', repeat('s', 64), 'pgtap_x', 'a schema of 64 bytes'),
    ('42622', 'pgtap_x', repeat('r', 58), 'a role of 58 bytes, without room for _owner,'),
    ('42622', 'pgtap_x', repeat('r', 63), 'a role of 63 bytes, its own owner role when cut,'),
    ('42622', repeat('é', 32), 'pgtap_x', 'a schema of 32 letters in 64 bytes'),
    ('42622', 'pgtap_x', repeat('é', 29), 'a role of 29 letters in 58 bytes'),
    ('42939', 'pg_x', 'pgtap_x', 'a schema name that PostgreSQL reserves'),
    ('42939', 'pgtap_x', 'pg_x', 'a role name that PostgreSQL reserves'),
    ('42939', 'pgtap_x', 'pg', 'the role pg, whose owner role has a reserved name,'),
    ('42939', 'pg_catalog', 'pgtap_x', 'the schema pg_catalog'),
    ('42939', 'pg_temp', 'pgtap_x', 'the schema pg_temp'),
    ('42939', 'information_schema', 'pgtap_x', 'the schema information_schema'),
    ('42939', 'public', 'pgtap_x', 'the schema public'),
    ('42939', 'pgtap_x', 'public', 'the role public'),
    ('42939', 'pgtap_x', 'none', 'the role none'),
    ('42939', 'pgtap_x', 'pg_read_all_data', 'a predefined role')
) as n (code, p_schema, p_role, what);
select is_empty(
    $$ select rolname from pg_roles where rolname ~ '^pgtap' union all select nspname from pg_namespace where nspname ~ '^pgtap' $$,
    'a refused name leaves nothing behind'
);

-- ---- Two stores in one database ----

select isnt(pg_temp.correction('pgtap_shop', 'pgtap_clerk'), null, 'a second store is created');
select is(pg_temp.correction(), null, 'a second store is no drift of the first');
select is(pg_temp.correction('pgtap_shop', 'pgtap_clerk'), null, 'the first store is no drift of the second');
set local session authorization pgtap_clerk;
select is_empty($$ select pgtap_shop.get_session_data('survivor') $$, 'the second store does not see the sessions of the first');
select pgtap_shop.set_session_data('survivor', '{"shop":1}', null) \g /dev/null
select pgtap_shop.set_session_data('another', '{"shop":2}', null) \g /dev/null
select is(pgtap_shop.count_sessions(), 2, 'the second store counts its own sessions');
select throws_ok($$ select web.get_session_data('survivor') $$, '42501', null, 'the second role cannot call the functions of the first store');
select throws_ok('set local role nodepg', '42501', null, 'the second role cannot become the first');
reset session authorization;
set local session authorization nodepg;
select results_eq($$ select web.get_session_data('survivor') $$, $$ values ('{"n":1}'::text) $$, 'the session of the first store is unchanged');
select throws_ok('select pgtap_shop.count_sessions()', '42501', null, 'the first role cannot call the functions of the second store');
select web.clear_sessions() \g /dev/null
reset session authorization;
select is(pgtap_shop.count_sessions(), 2, 'clear_sessions of the first store leaves the second unchanged');
select web.prune_sessions() \g /dev/null
select results_eq('select outcome from pgtap_shop.prune_sessions()', $$ values ('pruned'::text) $$, 'prune_sessions of each store works alone');
update pgtap_shop.settings set idle_timeout_seconds = 60;
select results_eq(
    $$ select w.idle_timeout_seconds, s.idle_timeout_seconds from web.settings as w, pgtap_shop.settings as s $$,
    'values (86400, 60)',
    'each store has settings of its own'
);
drop function pgtap_shop.end_session(bytea);
select is(pg_temp.correction(), null, 'drift of the second store is no drift of the first');
select is(
    pg_temp.correction('pgtap_shop', 'pgtap_clerk'),
    E'created function end_session(bytea)\ncreated privilege EXECUTE on function end_session(bytea) to pgtap_clerk',
    'drift of the second store is repaired there'
);

-- Roles that belong to another store already.
select throws_ok(
    $$ select * from correct_web('web', 'pgtap_other') $$,
    '42501',
    'schema web belongs to nodepg_owner',
    'a store with another role is refused'
);
select throws_ok(
    $$ select * from correct_web('pgtap_third', 'nodepg_owner') $$,
    '42501',
    null,
    'the owner role of a store as the runtime role of another is refused'
);

select * from finish();
rollback;
