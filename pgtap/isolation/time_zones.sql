-- Expiry depends neither on the time zone of the caller nor on a change of clocks.
begin;
\ir ../lib/store.sql
select plan(18);
set local role nodepg;

-- ---- Lengths are the same in every zone ----

-- 30 days and more hold a change of clocks in one of these zones at any time of the year: New York and Lord Howe (half an
-- hour) change in opposite directions, Tokyo never does. A day of 23 or 25 hours would show.
create function pg_temp.lengths(zone text)
returns setof text
language plpgsql
as $$
declare
    v_zone constant text := set_config('timezone', zone, true);
begin
    return query
    select format('created: %s', extract(epoch from c.expires_at - statement_timestamp()))
    from web.create_session(pg_temp.key('created ' || zone), '{}', 15552000, 31536000) as c;
    perform web.set_session_data('default ' || zone, '{}', null);
    return query
    select format('default: %s %s', extract(epoch from s.expires_at - s.created_at), extract(epoch from s.absolute_expires_at - s.created_at))
    from pg_temp.stored('default ' || zone) as s;
    perform web.set_session_data('set ' || zone, '{}', statement_timestamp() + make_interval(secs => 2000000));
    return query
    select format('set: %s %s', extract(epoch from s.expires_at - s.created_at), s.idle_timeout_seconds)
    from pg_temp.stored('set ' || zone) as s;
    perform pg_temp.pass('700 s');
    return query
    select format('slid: %s', extract(epoch from l.expires_at - statement_timestamp()))
    from web.load_session(pg_temp.key('created ' || zone)) as l;
    return query
    select format('saved: %s', extract(epoch from s.expires_at - statement_timestamp()))
    from web.save_session(pg_temp.key('created ' || zone), '{"n":1}') as s;
    perform web.end_session(pg_temp.key('ended ' || zone));
    return query
    select format('tombstone: %s', extract(epoch from s.prune_after - s.ended_at))
    from pg_temp.stored('ended ' || zone) as s;
    perform set_config('timezone', 'UTC', true);
end;
$$;

select results_eq(
    format('select pg_temp.lengths(%L)', z.zone),
    $$
        values
        ('created: 15552000.000000'),
        ('default: 86400.000000 2592000.000000'),
        ('set: 2000000.000000 2000000'),
        ('slid: 15552000.000000'),
        ('saved: 15552000.000000'),
        ('tombstone: 3600.000000')
    $$,
    format('timeouts are seconds in %s', z.zone)
)
from (values ('UTC'), ('America/New_York'), ('Asia/Tokyo'), ('Australia/Lord_Howe'), ('Pacific/Kiritimati'), ('Etc/GMT+12')) as z (zone);

-- ---- A session is live or not in every zone ----

select web.clear_sessions() \g /dev/null
select pg_temp.make('an hour left', '{}', 3600) \g /dev/null
select web.set_session_data('gone for an hour', '{}', statement_timestamp() - interval '1 hour') \g /dev/null
select pg_temp.make('ended') \g /dev/null
select web.end_session(pg_temp.key('ended')) \g /dev/null

create function pg_temp.seen_from(zone text)
returns text
language plpgsql
as $$
declare
    v_zone constant text := set_config('timezone', zone, true);
    v_seen text;
begin
    v_seen := concat_ws(
        ', ',
        web.count_sessions(),
        case when exists (select from web.load_session(pg_temp.key('an hour left'))) then 'loads' end,
        case when exists (select from web.get_session_data('an hour left')) then 'gets' end,
        case when web.touch_session(pg_temp.key('an hour left')) is not null then 'touches' end,
        (select s.outcome from web.save_session(pg_temp.key('an hour left'), zone) as s),
        case when exists (select from web.load_session(pg_temp.key('gone for an hour'))) then 'LOADS AN EXPIRED SESSION' end,
        case when exists (select from web.get_session_data('gone for an hour')) then 'GETS AN EXPIRED SESSION' end,
        (select s.outcome from web.save_session(pg_temp.key('gone for an hour'), zone) as s),
        (select s.outcome from web.save_session(pg_temp.key('ended'), zone) as s)
    );
    perform set_config('timezone', 'UTC', true);
    return v_seen;
end;
$$;
select is(
    pg_temp.seen_from(z.zone),
    '1, loads, gets, touches, saved, gone, gone',
    format('a session with an hour left is live in %s, one that expired an hour ago is not', z.zone)
)
from (values ('UTC'), ('America/New_York'), ('Asia/Tokyo'), ('Pacific/Kiritimati'), ('Etc/GMT+12')) as z (zone);

-- New York must not delete the session with an hour left, nor Tokyo leave the one that expired an hour ago.
set local timezone = 'America/New_York';
select results_eq('select deleted, rescheduled from web.prune_sessions()', 'values (1, 0)', 'prune in New York deletes the expired session');
set local timezone = 'Asia/Tokyo';
select results_eq('select deleted, rescheduled from web.prune_sessions()', 'values (0, 0)', 'prune in Tokyo finds nothing more');
select isnt_empty($$ select * from web.load_session(pg_temp.key('an hour left')) $$, 'the live session is not pruned');

-- ---- An expiry without a zone is in the caller's ----

set local timezone = 'America/New_York';
select web.set_session_data('local', '{}', (statement_timestamp() + interval '1 hour')::timestamp) \g /dev/null
set local timezone = 'Asia/Tokyo';
select isnt_empty($$ select * from web.get_session_data('local') $$, 'an expiry without a zone is in the zone of its caller');
select is((select expires_at - created_at from pg_temp.stored('local')), interval '1 hour', 'an expiry without a zone is stored as a point in time');

-- ---- Across a change of clocks ----

-- In New York the night from 7 to 8 March 2026 has 23 hours, the one from 31 October to 1 November 2026 has 25.
set local timezone = 'America/New_York';
select is(
    (timestamptz '2026-03-07 12:00' + make_interval(secs => 86400))::text,
    '2026-03-08 13:00:00-04',
    '86400 seconds are not a day across a change of clocks'
);
reset role;
update web.session
set
    created_at = '2026-03-07 12:00', expires_at = '2100-03-07 12:00', absolute_expires_at = '2100-03-08 13:00:01-04', slide_at = '2026-03-07 13:00',
    idle_timeout_seconds = 86400, slide_interval_seconds = 600
where key = pg_temp.key('an hour left');
select web.load_session(pg_temp.key('an hour left')) \g /dev/null
select is(
    (select extract(epoch from slide_at - last_used_at) from pg_temp.stored('an hour left')),
    600::numeric,
    'a slide counts seconds across a change of clocks'
);

select * from finish();
rollback;
