-- delete_expired_session: makes room for another row under the key.
begin;
\ir ../lib/store.sql
select plan(6);
set local role nodepg_owner;

select pg_temp.make('live') \g /dev/null
select web.delete_expired_session(pg_temp.key('live')) \g /dev/null
select isnt_empty($$ select * from pg_temp.stored('live') $$, 'live session: stays');
select web.end_session(pg_temp.key('live')) \g /dev/null
select web.delete_expired_session(pg_temp.key('live')) \g /dev/null
select isnt_empty($$ select * from pg_temp.stored('live') $$, 'tombstone: stays');
select pg_temp.make('past', '{}', 1) \g /dev/null
select pg_temp.pass('1 s') \g /dev/null
select web.delete_expired_session(pg_temp.key('past')) \g /dev/null
select is_empty($$ select * from pg_temp.stored('past') $$, 'expired session: is deleted');
select lives_ok($$ select web.delete_expired_session(pg_temp.key('unknown')) $$, 'unknown key: no effect');
select lives_ok($$ select web.delete_expired_session(null) $$, 'key null: no effect');
select is(pg_temp.rows(), 1::bigint, 'the tombstone is left');

select * from finish();
rollback;
