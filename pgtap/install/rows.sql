-- The rows that the functions need, and no others.
begin;
\ir ../lib/store.sql
select plan(9);

select results_eq(
    'select only_row, idle_timeout_seconds, absolute_timeout_seconds, max_data_bytes, tombstone_retention_seconds, slide_percent, slide_min_seconds, slide_max_seconds, max_sessions_per_user, reject_over_limit, notify_channel from web.settings',
    'values (true, 86400, 2592000, 1048576, 3600, 5, 60, 600, 0, false, null::text)',
    'settings has one row, with the defaults'
);
select is((select count(*) from web.prune_state), 1::bigint, 'prune_state has one row');
select results_eq('select bucket from web.user_lock order by 1', 'select generate_series(0, 1023)', 'user_lock has 1024 rows');
select throws_ok(
    format('insert into web.%I (only_row) values (%s)', t.name, v.value),
    t.code,
    null,
    format('%s refuses another row (%s)', t.name, v.value)
)
from (values ('true', '23505'), ('false', '23514'), ('null', '23502')) as v (value, code)
cross join lateral (values ('settings', v.code), ('prune_state', v.code)) as t (name, code);

select * from finish();
rollback;
