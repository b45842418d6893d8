-- carry_pruning: the small share of pruning that every new row carries.
--
-- It works only where the call is the whole transaction, which no test inside a transaction is. But statements that reach the
-- server in one message, with the "begin" among them, have the time of the transaction for theirs: so all that is tried below
-- is one message (psql's \;), and what came of it is looked at afterwards.

-- ---- In a transaction that sees an old snapshot: nothing ----

begin isolation level repeatable read \;
delete from web.session \;
update web.prune_state set carry_from = default, carry_scanned_at = default \;
insert into web.session (expires_at, slide_at, last_used_at, version, created_at, absolute_at, prune_after, idle_seconds, slide_seconds, key)
select now() - interval '1 min', now() - interval '1 min', now(), 1, now(), now(), now() - interval '1 min', 60, 30, sha256('dead') \;
select web.set_session_data('repeatable read', '{}', null) \;
select count(*) as repeatable_read from web.session \gset
rollback;

-- ---- The message ----

begin \;

-- So many dead sessions, due a minute apart, the last one a minute ago; the state of pruning as it is given; then a call as
-- the runtime role: how many of the dead sessions it left, and where pruning stands.
create temporary table tried (
    name text primary key,
    dead_left bigint,
    oldest_left interval,
    refiled bigint,
    carry_from interval,
    carry_scanned_at interval
) \;

create function pg_temp.try_it(
    name text,
    calls text[],
    p_carry_from timestamptz default '-infinity',
    p_carry_scanned_at timestamptz default '-infinity',
    expires_at timestamptz default '-infinity',
    dead integer default 10
)
returns void
language plpgsql
as $$
begin
    delete from web.session;
    update web.prune_state set carry_from = p_carry_from, carry_scanned_at = p_carry_scanned_at;
    insert into web.session (expires_at, slide_at, last_used_at, version, created_at, absolute_at, prune_after, idle_seconds, slide_seconds, key, user_id)
    select try_it.expires_at, '-infinity', now(), 1, now(), '2100-01-01', now() - i * interval '1 min', 60, 30, sha256(convert_to('dead ' || i, 'UTF8')), 'dead'
    from generate_series(1, dead) as i;
    for i in 1..cardinality(calls) loop
        set local role nodepg;
        execute calls[i];
        reset role;
    end loop;
    insert into tried
    select
        name,
        (select count(*) from web.session as s where s.user_id = 'dead' and s.prune_after <= now()),
        (select min(s.prune_after) - now() from web.session as s where s.user_id = 'dead' and s.prune_after <= now()),
        (select count(*) from web.session as s where s.user_id = 'dead' and s.prune_after = s.expires_at),
        case when isfinite(p.carry_from) then p.carry_from - now() end,
        case when isfinite(p.carry_scanned_at) then p.carry_scanned_at - now() end
    from web.prune_state as p;
end;
$$ \;

do $try$
declare
    v_create constant text := $$ select web.create_session(sha256(gen_random_uuid()::text::bytea), '{}') $$;
begin
    perform pg_temp.try_it('create', array[v_create]);
    perform pg_temp.try_it('create twice', array[v_create, v_create]);
    perform pg_temp.try_it('create three times', array[v_create, v_create, v_create]);
    perform pg_temp.try_it('set', array[$$ select web.set_session_data('new', '{}', null) $$]);
    perform pg_temp.try_it('set expired', array[$$ select web.set_session_data('dead 1', '{}', null) $$]);
    perform pg_temp.try_it('end', array[$$ select web.end_session(sha256('unknown')) $$]);
    perform pg_temp.try_it('destroy', array[$$ select web.destroy_session('unknown') $$]);
    perform pg_temp.try_it('exists', array[$$ select web.create_session(sha256('dead 1'), '{}') $$]);
    perform pg_temp.try_it('slid', array[v_create], expires_at => now() + interval '1 hour');
    perform pg_temp.try_it('no new row', array[
        $$ select web.set_session_data('dead 1', '{}', null) $$,
        $$ select web.save_session(sha256('dead 1'), '{"n":1}') $$,
        $$ select web.load_session(sha256('dead 1')) $$,
        $$ select web.load_session(sha256('unknown')) $$,
        $$ select web.touch_session(sha256('dead 1')) $$,
        $$ select web.end_session(sha256('dead 1')) $$,
        $$ select web.count_sessions() $$
    ], expires_at => now() + interval '1 hour');
    perform pg_temp.try_it('mark', array[v_create], now() - interval '150 s', now());
    perform pg_temp.try_it('behind the mark', array[v_create], now(), now() - interval '590 s');
    perform pg_temp.try_it('after ten minutes', array[v_create], now(), now() - interval '601 s');
    perform pg_temp.try_it('half a minute', array[v_create], now() - interval '30 s', now() - interval '30 s', dead => 0);
    perform pg_temp.try_it('a minute', array[v_create], now() - interval '61 s', now() - interval '30 s', dead => 0);
    perform pg_temp.try_it('nobody prunes', array_fill(v_create, array[40]), dead => 100);
end;
$try$;

-- ---- What came of it ----

\ir lib/store.sql
select plan(18);

select is(:repeatable_read, 2, 'in a transaction with an old snapshot no row is pruned');

create function pg_temp.came_of(name text)
returns setof text
language sql
as $$
    select format('%s left, the oldest %s; carry_from %s, carry_scanned_at %s', t.dead_left, t.oldest_left, t.carry_from, t.carry_scanned_at)
    from pg_temp.tried as t
    where t.name = came_of.name;
$$;

select is(pg_temp.came_of(e.name), e.expected, e.sentence)
from (
    values
    ('create', '6 left, the oldest -00:06:00; carry_from -00:10:00, carry_scanned_at 00:00:00',
        'a new session carries four rows, the oldest; the mark stays at the first of them'),
    ('create twice', '2 left, the oldest -00:02:00; carry_from -00:06:00, carry_scanned_at 00:00:00',
        'the next goes on from there'),
    ('create three times', '0 left, the oldest ; carry_from 00:00:00, carry_scanned_at 00:00:00',
        'when no more are left the mark is now'),
    ('set', '6 left, the oldest -00:06:00; carry_from -00:10:00, carry_scanned_at 00:00:00',
        'set_session_data carries for a new id'),
    ('end', '6 left, the oldest -00:06:00; carry_from -00:10:00, carry_scanned_at 00:00:00',
        'end_session carries for a new tombstone'),
    ('destroy', '6 left, the oldest -00:06:00; carry_from -00:10:00, carry_scanned_at 00:00:00',
        'and so does destroy_session'),
    ('exists', '10 left, the oldest -00:10:00; carry_from , carry_scanned_at ',
        'a key that exists carries nothing'),
    ('behind the mark', '10 left, the oldest -00:10:00; carry_from 00:00:00, carry_scanned_at -00:09:50',
        'what lies behind the mark is not looked at'),
    ('after ten minutes', '6 left, the oldest -00:06:00; carry_from -00:10:00, carry_scanned_at 00:00:00',
        'but every ten minutes the search begins at the beginning'),
    ('half a minute', '0 left, the oldest ; carry_from -00:00:30, carry_scanned_at -00:00:30',
        'the mark is not written more often than once a minute'),
    ('a minute', '0 left, the oldest ; carry_from 00:00:00, carry_scanned_at -00:00:30',
        'but then it is'),
    ('nobody prunes', '0 left, the oldest ; carry_from 00:00:00, carry_scanned_at 00:00:00',
        'where nobody runs a pruner the table does not grow for ever')
) as e (name, expected, sentence);

select results_eq(
    $$ select dead_left, oldest_left, carry_from from pg_temp.tried where name = 'mark' $$,
    $$ values (8::bigint, interval '-10 min', interval '0 s') $$,
    'two rows lie after the mark: they go, those before it stay'
);
select results_eq(
    $$ select dead_left, refiled from pg_temp.tried where name = 'slid' $$,
    $$ values (6::bigint, 4::bigint) $$,
    'rows that were used since are filed again under their present expiry'
);
select results_eq(
    $$ select dead_left from pg_temp.tried where name = 'no new row' $$,
    $$ values (10::bigint) $$,
    'no call that adds no row carries anything'
);
select results_eq(
    $$ select dead_left from pg_temp.tried where name = 'set expired' $$,
    $$ values (5::bigint) $$,
    'an expired session that is set again is a new one: it is alive, and carries four of the other nine'
);

-- ---- In the caller's transaction ----

set local role nodepg;
select web.set_session_data('dead', '{}', '-infinity') \g /dev/null
select pg_temp.pass('60 s') \g /dev/null
select pg_temp.make('new') \g /dev/null
select web.set_session_data('also new', '{}', null) \g /dev/null
select web.end_session(pg_temp.key('unknown')) \g /dev/null
select isnt_empty(
    $$ select * from pg_temp.stored('dead') $$,
    'inside a transaction nothing is carried: the rows of other visitors must not stay locked until it ends'
);

select * from finish();
rollback;
