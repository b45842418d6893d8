-- insert_tombstone: a tombstone under a key that no live session has.
begin;
\ir ../lib/store.sql
select plan(11);
set local role nodepg_owner;

select is(web.insert_tombstone(pg_temp.key('t'), 'rotated', pg_temp.key('next'), 20), true, 'unknown key: true');
select results_eq(
    $$
        select s.expires_at, s.slide_at, s.last_used_at, s.version, s.created_at, s.absolute_expires_at, s.prune_after, s.ended_at,
            s.ended_reason, s.successor, s.grace_until, s.idle_timeout_seconds, s.slide_interval_seconds, s.user_id, s.data
        from pg_temp.stored('t') as s
    $$,
    $$
        select '-infinity'::timestamptz, '-infinity'::timestamptz, n.now, 1::bigint, n.now, n.now, n.now + interval '3600 s', n.now,
            'rotated'::text, pg_temp.key('next'), n.now + interval '20 s', 0, 0, null::text, null::text
        from (select created_at as now from pg_temp.stored('t')) as n
    $$,
    'row is a tombstone with reason, successor and grace'
);
select is(web.insert_tombstone(pg_temp.key('t'), 'logout', null, null), false, 'tombstone has the key: false');
select is((select ended_reason from pg_temp.stored('t')), 'rotated', 'it keeps its reason');
select is(web.insert_tombstone(pg_temp.key('u'), 'logout', null, null), true, 'without a successor: true');
select results_eq($$ select successor, grace_until from pg_temp.stored('u') $$, $$ values (null::bytea, null::timestamptz) $$, 'no successor, no grace');

select pg_temp.make('live') \g /dev/null
create temporary table live as select pg_temp.place('live') as place, s.* from pg_temp.stored('live') as s;
select is(web.insert_tombstone(pg_temp.key('live'), 'logout', null, null), false, 'live session has the key: false');
select results_eq($$ select pg_temp.place('live') as place, s.* from pg_temp.stored('live') as s $$, 'select * from live', 'it stays as it is');

select pg_temp.make('past', '{}', 1) \g /dev/null
select pg_temp.pass('1 s') \g /dev/null
select is(web.insert_tombstone(pg_temp.key('past'), 'logout'), false, 'expired session has the key: false');
update web.settings set tombstone_retention_seconds = 60;
select web.insert_tombstone(pg_temp.key('short'), 'logout', null, null) \g /dev/null
select is((select prune_after - ended_at from pg_temp.stored('short')), interval '60 s', 'prune_after follows tombstone_retention_seconds');
delete from web.settings;
select throws_ok($$ select web.insert_tombstone(pg_temp.key('x'), 'logout', null, null) $$, '55000', null, 'store without settings: 55000');

select * from finish();
rollback;
