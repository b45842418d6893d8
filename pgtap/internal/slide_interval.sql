-- slide_interval: how long after a slide the next one is due.
begin;
\ir ../lib/store.sql
select plan(17);
set local role nodepg_owner;

select is(web.slide_interval(t.idle, n.slide_percent, n.slide_min_seconds, n.slide_max_seconds), t.due, format('%s: a slide every %s s', t.what, t.due))
from (
    values
    (1, 0, 'an idle timeout of 1 s'),
    (2, 1, '2 s: half of it'),
    (60, 30, '1 min: half of it'),
    (119, 59, '119 s: half of it, rounded down'),
    (120, 60, '2 min: not more often than each minute'),
    (1200, 60, '20 min: 5 %'),
    (1800, 90, '30 min: 5 %'),
    (7200, 360, '2 h: 5 %'),
    (12000, 600, '200 min: 5 %'),
    (86400, 600, '1 day: not less often than every 10 minutes'),
    (2147483647, 600, 'the largest integer does not overflow')
) as t (idle, due, what)
cross join web.settings as n;

select is(
    (select count(*) from generate_series(1, 100000, 7) as i cross join web.settings as n where web.slide_interval(i, n.slide_percent, n.slide_min_seconds, n.slide_max_seconds) > i / 2),
    0::bigint,
    'never more than half the idle timeout: a session in use does not expire'
);

-- ---- The settings ----

update web.settings set slide_percent = 50, slide_min_seconds = 0, slide_max_seconds = 100000;
select is(web.slide_interval(86400, n.slide_percent, n.slide_min_seconds, n.slide_max_seconds), 43200, 'slide_percent is the share') from web.settings as n;
update web.settings set slide_max_seconds = 5;
select is(web.slide_interval(86400, n.slide_percent, n.slide_min_seconds, n.slide_max_seconds), 5, 'slide_max_seconds is the upper bound') from web.settings as n;
update web.settings set slide_percent = 0, slide_min_seconds = 3;
select is(web.slide_interval(86400, n.slide_percent, n.slide_min_seconds, n.slide_max_seconds), 3, 'slide_min_seconds is the lower one') from web.settings as n;
update web.settings set slide_min_seconds = 0;
select is(web.slide_interval(86400, n.slide_percent, n.slide_min_seconds, n.slide_max_seconds), 0, 'with none of them a slide is due with every request') from web.settings as n;

-- A session keeps what it was created with.
update web.settings set slide_percent = default, slide_min_seconds = default, slide_max_seconds = default;
reset role;
select pg_temp.make('before', '{}', 1800) \g /dev/null
update web.settings set slide_percent = 10;
select pg_temp.make('after', '{}', 1800) \g /dev/null
select results_eq(
    $$ select (select slide_interval_seconds from pg_temp.stored('before')), (select slide_interval_seconds from pg_temp.stored('after')) $$,
    $$ values (90, 180) $$,
    'changed settings are for the sessions that are created from then on'
);

select * from finish();
rollback;
