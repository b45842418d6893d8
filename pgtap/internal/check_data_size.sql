-- check_data_size: the limit on session data. Private: called here as the owner of the store.
begin;
\ir ../lib/store.sql
select plan(17);
set local role nodepg_owner;

select lives_ok(format('select web.check_data_size(%s)', b.bytes), format('%s bytes fit', b.bytes))
from (values ('0'), ('8193'), ('1048576'), ('null'), ('-1')) as b (bytes);
select throws_ok(
    format('select web.check_data_size(%s)', b.bytes),
    '54000',
    format('session data has %s bytes; the limit of this store is 1048576', b.bytes),
    format('%s bytes do not fit', b.bytes)
)
from (values (1048577), (2147483647)) as b (bytes);

-- ---- The setting ----

update web.settings set max_data_bytes = 8192;
select lives_ok('select web.check_data_size(8192)', 'the limit can be 8 KiB');
select throws_ok('select web.check_data_size(8193)', '54000', 'session data has 8193 bytes; the limit of this store is 8192', 'and is one');
select throws_ok(
    'update web.settings set max_data_bytes = 8191',
    '23514',
    null,
    'but no less: smaller writes do not ask'
);

-- ---- Every function that writes data asks ----

set local role nodepg;
select throws_ok(
    w.call,
    '54000',
    'session data has 8193 bytes; the limit of this store is 8192',
    format('%s refuses data over the limit', w.name)
)
from (
    values
    ('create_session', $$ select web.create_session(pg_temp.key('a'), repeat('x', 8193)) $$),
    ('save_session', $$ select web.save_session(pg_temp.key('a'), repeat('x', 8193)) $$),
    ('set_session_data', $$ select web.set_session_data('a', repeat('x', 8193), null) $$)
) as w (name, call);
select lives_ok(w.call, format('%s takes data at the limit', w.name))
from (
    values
    ('create_session', $$ select web.create_session(pg_temp.key('a'), repeat('x', 8192)) $$),
    ('save_session', $$ select web.save_session(pg_temp.key('a'), repeat('y', 8192)) $$),
    ('set_session_data', $$ select web.set_session_data('a', repeat('z', 8192), null) $$)
) as w (name, call);
select is((select data from web.load_session(pg_temp.key('a'))), repeat('z', 8192), 'which is what is stored then');

select * from finish();
rollback;
