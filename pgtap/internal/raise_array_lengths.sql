-- raise_array_lengths: a call with arrays of different lengths is refused, and saves nothing.
begin;
\ir ../lib/store.sql
select plan(2);

set local role nodepg;
select pg_temp.make('a', 'private') \g /dev/null
select throws_ok(
    $$ select web.save_sessions(array[pg_temp.key('a')], array['private too', ''], null) $$,
    '22023',
    'the arrays of save_sessions must have the same length',
    'the message shows nothing of the arrays'
);
select is((select data from pg_temp.stored('a')), 'private', 'and nothing is saved');

select * from finish();
rollback;
