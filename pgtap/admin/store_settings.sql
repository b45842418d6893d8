-- store_settings: the settings of the store, as the catalog describes them.
begin;
\ir ../lib/store.sql
select plan(8);
set local role nodepg_owner;

select results_eq(
    'select name, type, required, default_value, rules, value from web.store_settings()',
    $$
        values
        ('idle_timeout_seconds'::text, 'integer'::text, true, '86400'::text, 'idle_timeout_seconds >= 1 AND max_timeout_seconds >= idle_timeout_seconds'::text, '86400'::text),
        ('absolute_timeout_seconds', 'integer', true, '2592000', 'absolute_timeout_seconds >= 1 AND max_timeout_seconds >= absolute_timeout_seconds', '2592000'),
        ('max_timeout_seconds', 'integer', true, '34560000', 'max_timeout_seconds >= absolute_timeout_seconds AND max_timeout_seconds >= idle_timeout_seconds', '34560000'),
        ('max_data_bytes', 'integer', true, '1048576', 'max_data_bytes >= 8192', '1048576'),
        ('tombstone_retention_seconds', 'integer', true, '3600', 'tombstone_retention_seconds >= 60', '3600'),
        ('slide_percent', 'integer', true, '5', 'slide_percent >= 0 AND slide_percent <= 50', '5'),
        ('slide_min_seconds', 'integer', true, '60', 'slide_min_seconds >= 0 AND slide_max_seconds >= slide_min_seconds', '60'),
        ('slide_max_seconds', 'integer', true, '600', 'slide_min_seconds >= 0 AND slide_max_seconds >= slide_min_seconds', '600'),
        ('max_sessions_per_user', 'integer', true, '0', 'max_sessions_per_user >= 0', '0'),
        ('reject_over_limit', 'boolean', true, 'false', null, 'false'),
        ('notify_channel', 'text', false, null, 'octet_length(notify_channel) >= 1 AND octet_length(notify_channel) <= 63', null)
    $$,
    'each setting: name, type, required, default, rules, value'
);
select is_empty(
    $$ select name from web.store_settings() where meaning is null or meaning !~ '\.$' $$,
    'each setting has a meaning'
);
select pg_temp.same_rows(
    'select name from web.store_settings()',
    $$ select attname::text from pg_attribute where attrelid = 'web.settings'::regclass and attnum > 0 and not attisdropped and attname not in ('only_row', 'lock_seed') order by attnum $$,
    'each column of the table is a setting'
);
update web.settings set idle_timeout_seconds = 1800, reject_over_limit = true, notify_channel = 'session "end"';
select results_eq(
    $$ select name, value from web.store_settings() where value is distinct from default_value $$,
    $$ values ('idle_timeout_seconds'::text, '1800'::text), ('reject_over_limit', 'true'), ('notify_channel', 'session "end"') $$,
    'value is that of the table'
);
update web.settings set notify_channel = null;
select is((select value from web.store_settings() where name = 'notify_channel'), null, 'empty setting: null');

set local role nodepg;
select throws_ok('select * from web.store_settings()', '42501', null, 'runtime role is refused');
set local role nodepg_owner;
delete from web.settings;
select throws_ok('select * from web.store_settings()', '55000', 'the settings of the session store are missing', 'store without its row of settings: 55000');
select throws_ok($$ select * from web.configure_store('{}') $$, '55000', 'the settings of the session store are missing', 'configure_store likewise');

select * from finish();
rollback;
