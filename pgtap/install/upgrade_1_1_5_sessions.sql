-- The upgrade of a store of connect-pg 1.1.5: live sessions move to the new table, and nothing else of it stays.
begin;
\ir ../lib/store.sql
\ir ../lib/drift.sql
\ir ../lib/connect_pg_1_1_5.sql
select plan(22);

create temporary table report as select * from public.correct_web('pgtap_old', 'pgtap_old');
select results_eq(
    $$ select attribute, before, after from report where object = 'session' and attribute like 'live%' $$,
    $$ values ('live sessions of connect-pg 1.1.5'::text, null::text, '6'::text) $$,
    'the report counts the sessions that moved'
);
select is(pg_temp.correction('pgtap_old', 'pgtap_old'), null, 'a second call reports nothing');
select results_eq(
    format('select pgtap_old.get_session_data(%L)', s.id),
    format('values (%L::text)', s.data),
    format('a live session loads by its id %L', s.id)
)
from (values ('live', '{"n":1}'), ('odd '' " \ ü€ id', '{"n":2}'), ('for ever', '{"n":3}'), ('until the end of time', '{"n":4}'), ('null', null), ('', 'empty id')) as s (id, data);
select is_empty(format('select pgtap_old.get_session_data(%L)', id), format('an expired session does not load by its id %L', id)) from unnest(array['expired', 'long expired', 'unknown']) as id;
select results_eq(
    $$ select data, version from pgtap_old.load_session(sha256('live')) $$,
    $$ values ('{"n":1}'::text, 1::bigint) $$,
    'a live session loads by its key'
);
select results_eq(
    $$ select extract(epoch from expires_at - last_used_at) between 7100 and 7200, round(extract(epoch from absolute_expires_at - created_at)), idle_timeout_seconds between 7100 and 7200, prune_after = expires_at, slide_at < expires_at from pgtap_old.session where key = sha256('live') $$,
    $$ values (true, 2592000::numeric, true, true, true) $$,
    'the lifetime that a session had left is its idle timeout'
);
select results_eq(
    $$ select k, round(extract(epoch from s.expires_at - s.last_used_at)) from (values ('for ever'), ('until the end of time'), ('odd '' " \ ü€ id')) as v (k) join pgtap_old.session as s on s.key = sha256(convert_to(k, 'UTF8')) order by 2, 1 $$,
    $$ values ('for ever'::text, 86400::numeric), ('odd '' " \ ü€ id', 2592000), ('until the end of time', 2592000) $$,
    'a session without an expiry gets the idle timeout of the store, a longer one ends with the absolute timeout'
);
select is((select count(*) from pgtap_old.session), 6::bigint, 'no expired session moves');

-- ---- After the upgrade ----

select is_empty(
    $$
        select a.attrelid::regclass, a.attname
        from pg_attribute as a
        join pg_class as c on c.oid = a.attrelid
        cross join lateral (select (xpath('/row/c/text()', query_to_xml(format('select count(*) as c from %s as t where t.%I::text like any (array[''live'', ''for ever'', ''%%odd ''''%%'', ''%%expired%%''])', c.oid::regclass, a.attname), false, true, '')))[1]::text::bigint as found) as f
        where c.relnamespace = 'pgtap_old'::regnamespace
            and c.relkind = 'r'
            and a.attnum > 0
            and not a.attisdropped
            and f.found > 0
    $$,
    'no column of any table holds an id'
);
select is(to_regclass('pgtap_old.session_of_connect_pg_1'), null, 'the old table is dropped');
select is_empty(
    $$ select p.proname from pg_proc as p where p.pronamespace = 'pgtap_old'::regnamespace and p.proname in ('valid_sessions', 'remove_expired', 'all_session_ids') $$,
    'the old functions are dropped'
);
select pg_temp.same_rows(
    $$ select c.relname::text, c.relkind::text from pg_class as c where c.relnamespace = 'pgtap_old'::regnamespace order by 1 $$,
    $$ select c.relname::text, c.relkind::text from pg_class as c where c.relnamespace = 'web'::regnamespace order by 1 $$,
    'the relations are those of a new store'
);
select is(to_regprocedure('public.pgtap_new_session_id()') is not null, true, 'a function in public with another text stays');
set local session authorization pgtap_old;
select pgtap_old.set_session_data('live', '{"n":9}', null) \g /dev/null
select is((select pgtap_old.get_session_data('live')), '{"n":9}', 'the runtime role sets a session that moved');
select pgtap_old.destroy_session('for ever') \g /dev/null
select is(pgtap_old.count_sessions(), 5, 'the runtime role destroys and counts sessions that moved');
reset session authorization;

select * from finish();
rollback;
