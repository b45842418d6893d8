-- expiry_after_use: what a slide, a new key and a new session set. What callers see of it: load_session.sql and others.
begin;
\ir ../lib/store.sql
select plan(8);
set local role nodepg_owner;

select is(
    web.expiry_after_use(statement_timestamp() + t.before, t.idle, statement_timestamp() + t.absolute),
    statement_timestamp() + t.after,
    t.what
)
from (
    values
    (interval '10 s', 100, interval '1000 s', interval '100 s', 'the idle timeout from now'),
    ('500 s', 100, '1000 s', '500 s', 'never earlier than before'),
    ('10 s', 100, '50 s', '50 s', 'never later than the absolute timeout'),
    ('500 s', 100, '50 s', '50 s', 'even if it was later before'),
    (null, 100, '1000 s', '100 s', 'new session: the idle timeout'),
    (null, 2147483647, '1000 s', '1000 s', 'new session: the absolute timeout, if that is shorter')
) as t (before, idle, absolute, after, what);

-- Inlined: the plan shows the expression, not the call.
prepare inlined (timestamptz) as select web.expiry_after_use($1, s.idle_timeout_seconds, s.absolute_expires_at) from web.session as s;
create function pg_temp.plan_of_inlined()
returns text
language plpgsql
as $$
declare
    v_line text;
    v_plan text := '';
begin
    for v_line in execute 'explain (verbose, costs off) execute inlined (null)' loop
        v_plan := v_plan || v_line;
    end loop;
    return v_plan;
end;
$$;
select matches(pg_temp.plan_of_inlined(), 'LEAST', 'the planner inlines it');
select unalike(pg_temp.plan_of_inlined(), '%expiry_after_use%', 'and calls nothing');

select * from finish();
rollback;
