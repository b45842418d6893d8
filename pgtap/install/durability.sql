-- The durability of a store: the setting connect_pg.durability, what it makes, and who keeps it.
begin;
\ir ../lib/store.sql
\ir ../lib/drift.sql
select plan(34);

-- What holds now: the comment's record, the persistence of each table, and the setting of the runtime role in the database.
create function pg_temp.durability()
returns text
language sql
as $$
    select concat_ws(
        ', ',
        substring(obj_description('web.session'::regclass, 'pg_class') from 'Durability: ([a-z]+)\.'),
        (
            select string_agg(c.relname || ' unlogged', ', ' order by c.relname)
            from pg_class as c
            where c.relnamespace = 'web'::regnamespace
                and c.relkind = 'r'
                and c.relpersistence = 'u'
        ),
        (
            select string_agg(x.setting, ', ')
            from pg_db_role_setting as d
            cross join unnest(d.setconfig) as x (setting)
            where d.setrole = 'nodepg'::regrole
                and x.setting like 'synchronous_commit=%'
        )
    );
$$;

-- ---- The option ----

select is(pg_temp.durability(), '', 'a new store is full');
select is(pg_temp.asked('connect_pg.durability', 'full'), '(nothing)', 'full: nothing to do');
select is(
    pg_temp.asked('connect_pg.durability', 'relaxed'),
    $$changed role nodepg settings: enable_seqscan=off, jit=off, lock_timeout=10s -> enable_seqscan=off, jit=off, lock_timeout=10s, synchronous_commit=off
changed table session comment$$,
    'full to relaxed: the setting and the record'
);
select is(pg_temp.durability(), 'relaxed, synchronous_commit=off', 'relaxed: commits of the role do not wait');
select is(pg_temp.asked('connect_pg.durability', ''), '(nothing)', 'without the option a relaxed store stays');
select is(
    pg_temp.asked('connect_pg.durability', 'unlogged'),
    $$changed role nodepg settings: enable_seqscan=off, jit=off, lock_timeout=10s, synchronous_commit=off -> enable_seqscan=off, jit=off, lock_timeout=10s
changed table session comment
changed table session persistence: logged -> unlogged$$,
    'relaxed to unlogged'
);
select is(pg_temp.durability(), 'unlogged, session unlogged', 'unlogged: the session table alone');
select is(
    (select string_agg(c.relname, ', ') from pg_class as c join pg_index as i on i.indexrelid = c.oid where i.indrelid = 'web.session'::regclass and c.relpersistence <> 'u'),
    null,
    'unlogged: its indexes too'
);
select is(pg_temp.asked('connect_pg.durability', ''), '(nothing)', 'without the option an unlogged store stays');
select is(
    pg_temp.asked('connect_pg.durability', 'full'),
    $$changed table session comment
changed table session persistence: unlogged -> logged$$,
    'unlogged to full'
);
select is(pg_temp.durability(), '', 'full again');
select is(web.get_session_data('survivor'), '{"n":1}', 'sessions survive each switch');
select throws_ok($$ select pg_temp.asked('connect_pg.durability', 'fast') $$, '22023', 'connect_pg.durability is ''fast''', 'another word is refused');
select set_config('connect_pg.durability', '', true) \g /dev/null
select is(
    (select string_agg(c.action || ' ' || c.kind, ', ') from (select set_config('connect_pg.durability', 'unlogged', true)) as s cross join lateral public.correct_web('pgtap_shop', 'pgtap_clerk') as c where c.object = 'session'),
    'created table',
    'a new store can be unlogged at once'
);
select is((select c.relpersistence::text from pg_class as c where c.oid = 'pgtap_shop.session'::regclass), 'u', 'and its table is');
select set_config('connect_pg.durability', '', true) \g /dev/null

-- ---- Drift ----

select pg_temp.repairs(
    $$ do $x$ begin execute format('alter role nodepg in database %I set synchronous_commit = off', current_database()); end $x$ $$,
    'changed role nodepg settings: enable_seqscan=off, jit=off, lock_timeout=10s, synchronous_commit=off -> enable_seqscan=off, jit=off, lock_timeout=10s',
    'commits of a full store were made not to wait'
);
select pg_temp.repairs(
    $$ alter role nodepg set synchronous_commit = 'false' $$,
    'changed role nodepg settings: enable_seqscan=off, jit=off, lock_timeout=10s, synchronous_commit=false -> enable_seqscan=off, jit=off, lock_timeout=10s',
    'the same by another word, in all databases'
);
select is(pg_temp.repaired($$ alter role nodepg set synchronous_commit = local $$), '(nothing)', 'whether commits wait for a standby is the operator''s');
select is(pg_temp.repaired($$ alter role nodepg set synchronous_commit = remote_apply $$), '(nothing)', 'and so is what they wait for there');
select pg_temp.repairs(
    $$ comment on table web.session is 'Web sessions, one row each, and the tombstones of ended sessions for a while. Clients reach them through the functions of this schema only. Durability: unlogged. API: private' $$,
    'changed table session persistence: logged -> unlogged',
    'the record says unlogged, and the table is logged'
);

select pg_temp.asked('connect_pg.durability', 'unlogged') \g /dev/null
select set_config('connect_pg.durability', '', true) \g /dev/null
select pg_temp.repairs(
    $$ alter table web.session set logged $$,
    'changed table session persistence: logged -> unlogged',
    'an unlogged table was made logged'
);
select pg_temp.repairs(
    $$ comment on table web.session is null $$,
    $$changed table session comment
changed table session persistence: unlogged -> logged$$,
    'without a record the store is full'
);
select pg_temp.repairs(
    $$ alter table web.user_lock set unlogged; alter table web.settings set unlogged; alter table web.prune_state set unlogged $$,
    $$changed table prune_state persistence: unlogged -> logged
changed table settings persistence: unlogged -> logged
changed table user_lock persistence: unlogged -> logged$$,
    'the other tables are logged in an unlogged store too'
);

select pg_temp.asked('connect_pg.durability', 'relaxed') \g /dev/null
select set_config('connect_pg.durability', '', true) \g /dev/null
select pg_temp.repairs(
    $$ do $x$ begin execute format('alter role nodepg in database %I reset synchronous_commit', current_database()); end $x$ $$,
    'changed role nodepg settings: enable_seqscan=off, jit=off, lock_timeout=10s -> enable_seqscan=off, jit=off, lock_timeout=10s, synchronous_commit=off',
    'the setting of a relaxed store is gone'
);
select pg_temp.repairs(
    $$ do $x$ begin execute format('alter role nodepg in database %I set synchronous_commit = on', current_database()); end $x$; alter role nodepg set synchronous_commit = local $$,
    'changed role nodepg settings: enable_seqscan=off, jit=off, lock_timeout=10s, synchronous_commit=local, synchronous_commit=on -> enable_seqscan=off, jit=off, lock_timeout=10s, synchronous_commit=off',
    'the setting of a relaxed store was changed'
);
select pg_temp.repairs(
    $$ alter table web.session set unlogged $$,
    'changed table session persistence: unlogged -> logged',
    'the table of a relaxed store is logged'
);

-- ---- Refused ----

select throws_ok(
    $$ select * from correct_web('pgtap_web', 'nodepg') $$,
    '0A000',
    'the store in schema web has the runtime role nodepg too, and a relaxed store needs a role of its own',
    'no second store has the role of a relaxed one'
);
select pg_temp.asked('connect_pg.durability', 'full') \g /dev/null
select set_config('connect_pg.durability', '', true) \g /dev/null
select is_empty($$ select from correct_web('pgtap_web', 'nodepg') as c where c.action <> 'created' $$, 'two full stores share a role');
select throws_ok(
    $$ select pg_temp.asked('connect_pg.durability', 'relaxed') $$,
    '0A000',
    'the store in schema pgtap_web has the runtime role nodepg too, and a relaxed store needs a role of its own',
    'and neither becomes relaxed'
);
select matches(pg_temp.asked('connect_pg.durability', 'unlogged'), 'persistence: logged -> unlogged$', 'one of them may become unlogged');
select pg_temp.asked('connect_pg.durability', 'full') \g /dev/null

-- It can be made at every wal_level, with a warning.
set local client_min_messages = error;
create publication pgtap_moving for table web.session;
select throws_ok(
    $$ select pg_temp.asked('connect_pg.durability', 'unlogged') $$,
    '55000',
    'the publication pgtap_moving contains the session table, and PostgreSQL does not publish an unlogged table',
    'a published table is refused'
);
select is(pg_temp.asked('connect_pg.durability', 'full'), '(nothing)', 'a published table may be logged');
drop publication pgtap_moving;

-- ---- What ends a session waits for the disk ----

-- It holds until the end of the transaction, so the commit waits. A setting of the function would be undone at its end, before.
create function pg_temp.waits(p_call text)
returns text
language plpgsql
as $$
declare
    v_result text;
begin
    begin
        perform web.create_session(pg_temp.key('a'), '{}', p_user_id => 'ada');
        perform set_config('synchronous_commit', 'off', true);
        execute p_call;
        v_result := current_setting('synchronous_commit');
        raise exception using errcode = 'UNDO0';
    exception
        when sqlstate 'UNDO0' then
            return v_result;
    end;
end;
$$;
set local role nodepg_owner;
select results_eq(
    $$
        select c.call, pg_temp.waits(c.call)
        from (
            values
            ('select web.end_session(pg_temp.key(''a''))'),
            ('select web.end_session(pg_temp.key(''unknown''))'),
            ('select web.end_user_sessions(''ada'')'),
            ('select web.end_user_session(''ada'', (select handle from pg_temp.stored(''a'')))'),
            ('select web.end_session_by_handle((select handle from pg_temp.stored(''a'')))'),
            ('select web.end_all_sessions()'),
            ('select web.clear_sessions()'),
            ('select web.destroy_session(''a'')'),
            ('select web.rotate_session(pg_temp.key(''a''), pg_temp.key(''b''))'),
            ('select web.login_session(pg_temp.key(''a''), pg_temp.key(''b''), ''bob'')'),
            ('select web.logout_session(pg_temp.key(''a''), pg_temp.key(''b''))'),
            ('select web.create_session(pg_temp.key(''b''), ''{}'', p_user_id => ''ada'', p_max_sessions => 1)'),
            ('select web.save_session(pg_temp.key(''a''), ''{}'')'),
            ('select web.touch_session(pg_temp.key(''a''))'),
            ('select web.create_session(pg_temp.key(''b''), ''{}'')'),
            ('select web.set_session_data(''b'', ''{}'', null)')
        ) as c (call)
    $$,
    $$
        select c.call, c.waits
        from (
            values
            ('select web.end_session(pg_temp.key(''a''))', 'on'),
            ('select web.end_session(pg_temp.key(''unknown''))', 'on'),
            ('select web.end_user_sessions(''ada'')', 'on'),
            ('select web.end_user_session(''ada'', (select handle from pg_temp.stored(''a'')))', 'on'),
            ('select web.end_session_by_handle((select handle from pg_temp.stored(''a'')))', 'on'),
            ('select web.end_all_sessions()', 'on'),
            ('select web.clear_sessions()', 'on'),
            ('select web.destroy_session(''a'')', 'on'),
            ('select web.rotate_session(pg_temp.key(''a''), pg_temp.key(''b''))', 'on'),
            ('select web.login_session(pg_temp.key(''a''), pg_temp.key(''b''), ''bob'')', 'on'),
            ('select web.logout_session(pg_temp.key(''a''), pg_temp.key(''b''))', 'on'),
            ('select web.create_session(pg_temp.key(''b''), ''{}'', p_user_id => ''ada'', p_max_sessions => 1)', 'on'),
            ('select web.save_session(pg_temp.key(''a''), ''{}'')', 'off'),
            ('select web.touch_session(pg_temp.key(''a''))', 'off'),
            ('select web.create_session(pg_temp.key(''b''), ''{}'')', 'off'),
            ('select web.set_session_data(''b'', ''{}'', null)', 'off')
        ) as c (call, waits)
    $$,
    'each function that ends a session makes the commit wait, and no other does'
);
select is(
    (
        select set_config('synchronous_commit', 'local', true) || ' ' || web.end_session(pg_temp.key('a')) || ' ' || current_setting('synchronous_commit')
    ),
    'local false local',
    'what the operator has set otherwise stays'
);

select * from finish();
rollback;
