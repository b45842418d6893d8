-- check_data: session data is there, and within the limit of the store.
begin;
\ir ../lib/store.sql
select plan(15);
set local role nodepg_owner;

select lives_ok(format('select web.check_data(repeat(%L, %s))', 'x', b.bytes), format('%s bytes are within the limit', b.bytes))
from (values (0), (8193), (1048576)) as b (bytes);
select throws_ok(
    $$ select web.check_data(repeat('x', 1048577)) $$,
    '54000',
    'session data has 1048577 bytes; the limit of this store is 1048576',
    '1048577 bytes are over the limit'
);
select throws_ok('select web.check_data(null)', '22004', 'session data must not be null', 'null is refused');

-- ---- The setting ----

update web.settings set max_data_bytes = 8192;
select lives_ok('select web.check_data(repeat(''x'', 8192))', 'limit of 8 KiB: 8192 bytes pass');
select throws_ok('select web.check_data(repeat(''x'', 8193))', '54000', 'session data has 8193 bytes; the limit of this store is 8192', '8193 bytes do not');
select throws_ok(
    'update web.settings set max_data_bytes = 8191',
    '23514',
    null,
    'limit below 8 KiB is refused: smaller writes do not read it'
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
