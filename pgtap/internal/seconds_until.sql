-- seconds_until: the idle timeout of a session whose expiry is a point in time.
begin;
\ir ../lib/store.sql
select plan(6);
set local role nodepg_owner;

select is(web.seconds_until(statement_timestamp() + t.ahead), t.seconds, format('%s from now: %s', t.ahead, t.seconds))
from (
    values
    (interval '1200 s', 1200),
    (interval '1199.000001 s', 1200),
    (interval '0.000001 s', 1),
    (interval '0 s', 1),
    (interval '-10 days', 1)
) as t (ahead, seconds);
select is(web.seconds_until(null), null, 'null for null');

select * from finish();
rollback;
