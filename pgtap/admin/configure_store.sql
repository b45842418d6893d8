-- configure_store: sets several settings at once, all or none.
begin;
\ir ../lib/store.sql
select plan(39);
set local role nodepg_owner;

create function pg_temp.configured()
returns text
language sql
as $$
    select string_agg(name || '=' || coalesce(value, 'null'), ' ') from web.store_settings() where value is distinct from default_value;
$$;

-- ---- What it sets and returns ----

select results_eq(
    $$ select * from web.configure_store('{"notify_channel": "web_ends", "idle_timeout_seconds": 1800, "max_data_bytes": 1048576}') $$,
    $$ values ('idle_timeout_seconds'::text, '86400'::text, '1800'::text), ('notify_channel', null, 'web_ends') $$,
    'returns each setting that changed, before and after, in the order of store_settings'
);
select is(pg_temp.configured(), 'idle_timeout_seconds=1800 notify_channel=web_ends', 'settings are stored, others are kept');
select is_empty($$ select * from web.configure_store('{"idle_timeout_seconds": 1800}') $$, 'same value again: no row');
select is_empty($$ select * from web.configure_store(p_settings => '{}') $$, 'no setting: no row; parameter name');
select results_eq(
    $$ select * from web.configure_store('{"idle_timeout_seconds": "900", "reject_over_limit": "on", "notify_channel": null}') $$,
    $$ values ('idle_timeout_seconds'::text, '1800'::text, '900'::text), ('reject_over_limit', 'false', 'true'), ('notify_channel', 'web_ends', null) $$,
    'values may be texts; null clears a setting that is not required'
);
select results_eq(
    $$ select name, after from web.configure_store('{"reject_over_limit": false, "notify_channel": "ünï \"quoted\" \\ channel"}') $$,
    $$ values ('reject_over_limit'::text, 'false'::text), ('notify_channel', 'ünï "quoted" \ channel') $$,
    'values are stored as they are'
);
select results_eq(
    $$ select name from web.configure_store('{"slide_min_seconds": 700, "slide_max_seconds": 800}') $$,
    $$ values ('slide_min_seconds'::text), ('slide_max_seconds') $$,
    'settings under one rule change together'
);
-- Each setting that there is, to a value that it does not have.
select results_eq(
    format('select name, after from web.configure_store(%L)', jsonb_build_object(s.name, v.value)),
    format('values (%L::text, %L::text)', s.name, v.value),
    format('%s can be set', s.name)
)
from web.store_settings() as s
cross join lateral (select case s.type when 'boolean' then (not s.value::boolean)::text when 'text' then 'other' when 'integer' then case s.name when 'slide_max_seconds' then '900' when 'slide_percent' then '7' else '8193' end end) as v (value)
where s.name <> 'slide_min_seconds';

-- ---- What it refuses ----

create temporary table before as select * from web.store_settings();
select throws_ok(format('select * from web.configure_store(%L)', j), '22023', message, format('refused: %s', j))
from (
    values
    ('{"idle_timeout_second": 1}', 'there is no setting "idle_timeout_second"'),
    ('{"only_row": false}', 'there is no setting "only_row"'),
    ('{"": 1}', 'there is no setting ""'),
    ('{"idle_timeout_seconds": 0}', 'setting idle_timeout_seconds cannot be 0'),
    ('{"idle_timeout_seconds": "0"}', 'setting idle_timeout_seconds cannot be "0"'),
    ('{"idle_timeout_seconds": "abc"}', 'setting idle_timeout_seconds cannot be "abc"'),
    ('{"idle_timeout_seconds": ""}', 'setting idle_timeout_seconds cannot be ""'),
    ('{"idle_timeout_seconds": 2147483648}', 'setting idle_timeout_seconds cannot be 2147483648'),
    ('{"idle_timeout_seconds": [1]}', 'setting idle_timeout_seconds cannot be [1]'),
    ('{"idle_timeout_seconds": null}', 'setting idle_timeout_seconds cannot be null'),
    ('{"reject_over_limit": "maybe"}', 'setting reject_over_limit cannot be "maybe"'),
    ('{"notify_channel": ""}', 'setting notify_channel cannot be ""'),
    ('{"notify_channel": {"a": 1}}', 'setting notify_channel cannot be {"a": 1}'),
    ('{"slide_max_seconds": 1}', 'setting slide_max_seconds cannot be 1'),
    ('{"slide_min_seconds": 5, "slide_max_seconds": 1}', 'setting slide_min_seconds cannot be 5, slide_max_seconds cannot be 1'),
    ('{"max_data_bytes": 8192, "slide_percent": 51}', 'setting slide_percent cannot be 51'),
    ('[]', 'settings must be a JSON object'),
    ('null', 'settings must be a JSON object'),
    (null, 'settings must be a JSON object')
) as v (j, message);
select results_eq('select * from web.store_settings()', 'select * from before', 'a refused call changes nothing');
select throws_ok($$ select * from web.configure_store('{"idle": 1}') $$, '22023', 'there is no setting "idle"', 'an unknown setting is named');

-- ---- Who may call ----

set local role nodepg;
select throws_ok($$ select * from web.configure_store('{}') $$, '42501', null, 'runtime role is refused');

select * from finish();
rollback;
