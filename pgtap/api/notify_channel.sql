-- notify_channel and notify_session_end: the announcement names handle and reason of a session that ended, and no key.
--
-- A notification is sent at the commit. So another session does nearly all of this: it commits each statement and listens
-- to itself. The transaction of the test writes nothing that it would wait for.
begin;
\ir ../lib/dblink.sql
\if :has_dblink
select plan(25);

-- Returns what the other session has received since the last call: reasons, and whose handle it was.
create function pg_temp.received()
returns text
language plpgsql
as $$
declare
    v_received text;
begin
    perform pg_temp.other('select 1::text');
    select string_agg(
        concat_ws(
            ' ',
            n.extra::json ->> 'reason',
            coalesce((select h.name from pg_temp.handles as h where h.handle::text = n.extra::json ->> 'handle'), n.extra::json ->> 'handle', 'all'),
            case when (select array_agg(k order by k) from json_object_keys(n.extra::json) as k) <> array['handle', 'reason'] then 'AND MORE: ' || n.extra end
        ),
        ', '
    )
    into v_received
    from dblink_get_notify('other') as n
    where n.notify_name = 'pgtap ends';
    return coalesce(v_received, 'nothing');
end;
$$;
create temporary table handles (name text, handle uuid);

-- The other session creates one; the test keeps its handle.
create function pg_temp.makes(id text, arguments text default '')
returns void
language plpgsql
as $$
begin
    insert into handles values (id, pg_temp.other(format('select handle::text from web.create_session(%L, %L %s)', pg_temp.key(id), '{"secret":1}', arguments))::uuid);
end;
$$;
create function pg_temp.expire(id text)
returns void
language sql
as $$
    select pg_temp.other_does(format($x$ update web.session set expires_at = now() - interval '1 s', slide_at = '-infinity', prune_after = '-infinity' where key = %L $x$, pg_temp.key(id)));
$$;

select pg_temp.other_does('listen "pgtap ends"') \g /dev/null
select pg_temp.makes('off') \g /dev/null
select is(web.notify_channel(), null, 'null: it is off by default');
select pg_temp.other(format('select web.end_session(%L)::text', pg_temp.key('off'))) \g /dev/null
select is(pg_temp.received(), 'nothing', 'and nothing is announced');
select pg_temp.other_does($$ update web.settings set notify_channel = 'pgtap ends' $$) \g /dev/null
select is(web.notify_channel(), 'pgtap ends', 'otherwise the channel, as it is set: any name will do');
set local role nodepg;
select is(web.notify_channel(), 'pgtap ends', 'for the runtime role as well');
reset role;

-- ---- Each way to end ----

select pg_temp.makes(k, format(', p_user_id => %L', 'pgtap alice')) from unnest(array['a', 'b', 'c', 'd', 'e']) as k \g /dev/null
select is(pg_temp.received(), 'nothing', 'a new session is no end');
select pg_temp.other(format($$ select web.save_session(%L, '{}')::text $$, pg_temp.key('a'))), pg_temp.other(format('select web.load_session(%L)::text', pg_temp.key('a'))) \g /dev/null
select is(pg_temp.received(), 'nothing', 'nor is a use');
select pg_temp.other(format('select web.end_session(%L)::text', pg_temp.key('a'))) \g /dev/null
select is(pg_temp.received(), 'logout a', 'end_session: the handle and the reason, and nothing else');
select pg_temp.other(format('select web.end_session(%L)::text', pg_temp.key('a'))) \g /dev/null
select is(pg_temp.received(), 'nothing', 'once');
select pg_temp.other(format('select web.end_session(%L)::text', pg_temp.key('unknown'))) \g /dev/null
select is(pg_temp.received(), 'nothing', 'a key that is unknown ends nothing');
select pg_temp.other(format('select web.end_user_session(%L, %L)::text', 'pgtap alice', (select handle from handles where name = 'b'))) \g /dev/null
select is(pg_temp.received(), 'revoked b', 'end_user_session');
select pg_temp.other(format('select web.end_session_by_handle(%L)::text', (select handle from handles where name = 'c'))) \g /dev/null
select is(pg_temp.received(), 'revoked c', 'end_session_by_handle');
select pg_temp.makes('f', format(', p_user_id => %L, p_max_sessions => 2', 'pgtap alice')) \g /dev/null
select is(pg_temp.received(), 'evicted d', 'over the limit');
select pg_temp.other(format('select web.end_user_sessions(%L, %L)::text', 'pgtap alice', pg_temp.key('f'))) \g /dev/null
select is(pg_temp.received(), 'revoked e', 'end_user_sessions: each that ends, and not the one that is excepted');

-- ---- Rotation, login, logout ----

select pg_temp.other(format('select outcome from web.rotate_session(%L, %L, 60)', pg_temp.key('f'), pg_temp.key('f2'))) \g /dev/null
select is(pg_temp.received(), 'nothing', 'a rotation is no end: the session goes on, its sockets too');
select pg_temp.makes('v') \g /dev/null
select pg_temp.other(format('select outcome from web.login_session(%L, %L, %L)', pg_temp.key('v'), pg_temp.key('v2'), 'pgtap bob')) \g /dev/null
select is(pg_temp.received(), 'rotated v', 'login: rotated, so that sockets connect again with the new id');
select pg_temp.other(format('select outcome from web.login_session(%L, %L, %L)', pg_temp.key('v'), pg_temp.key('v2'), 'pgtap bob')) \g /dev/null
select is(pg_temp.received(), 'nothing', 'once, were it repeated');
select pg_temp.other(format('select outcome from web.login_session(%L, %L, %L)', pg_temp.key('v2'), pg_temp.key('v3'), 'pgtap carol')) \g /dev/null
select is(pg_temp.received(), 'logout v', 'login over the session of another user: logout');
select pg_temp.other(format('select handle::text from web.session_info(%L)', pg_temp.key('v3'))) as handle_of_v3 \gset
insert into handles values ('v3', :'handle_of_v3');
select pg_temp.other(format('select outcome from web.logout_session(%L, %L)', pg_temp.key('v3'), pg_temp.key('v4'))) \g /dev/null
select is(pg_temp.received(), 'logout v3', 'logout_session: the handle that was the user''s');

-- ---- Expired ----

select pg_temp.makes(k) from unnest(array['x', 'y', 'z']) as k \g /dev/null
select pg_temp.expire('y') \g /dev/null
select is(pg_temp.received(), 'nothing', 'expiry: no announcement at that moment');
select pg_temp.other(format('select web.end_session(%L)::text', pg_temp.key('y'))) \g /dev/null
select is(pg_temp.received(), 'expired y', 'expired session, end_session: expired');
select pg_temp.expire('z') \g /dev/null
select pg_temp.other(format('select web.set_session_data(%L, %L, null)::text', 'pgtap other z', '{}')) \g /dev/null
select is(pg_temp.received(), 'expired z', 'by a set that replaces it');
select pg_temp.expire('x') \g /dev/null
select pg_temp.other('select outcome from web.prune_sessions()') \g /dev/null
select is(pg_temp.received(), 'expired x', 'by pruning: each that had not ended otherwise');

-- ---- All ----

select pg_temp.other('select web.end_all_sessions()::text') \g /dev/null
select is(pg_temp.received(), 'revoked all', 'end_all_sessions: one notification, without a handle, for all');
select pg_temp.other('select web.clear_sessions()::text') \g /dev/null
select is(pg_temp.received(), 'revoked all', 'clear_sessions likewise');

-- ---- Nothing that was not committed ----

select pg_temp.makes('undone') \g /dev/null
select pg_temp.other_does('begin') \g /dev/null
select pg_temp.other(format('select web.end_session(%L)::text', pg_temp.key('undone'))) \g /dev/null
select pg_temp.other_does('rollback') \g /dev/null
select is(pg_temp.received(), 'nothing', 'an end that is rolled back is none');

select pg_temp.other_does('update web.settings set notify_channel = default') \g /dev/null
select pg_temp.other_does('delete from web.session') \g /dev/null
select * from finish();
rollback;

begin;
\ir ../lib/dblink.sql
select pg_temp.clean_up('{}'::text[]) \g /dev/null
\else
select plan(1);
select skip('dblink is not there, or may not connect back: what is announced is not tested', 1);
select * from finish();
\endif
rollback;
