-- Rules of the constraints. Which constraints there are: schema_snapshot.sql.
begin;
\ir ../lib/store.sql
select plan(14);

select is_empty(
    $$
        select c.conname
        from pg_constraint as c
        where c.connamespace = 'web'::regnamespace
            and (not c.convalidated or c.condeferrable)
    $$,
    'every constraint is validated and not deferrable'
);
-- The DETAIL of an error would show the row.
select is_empty(
    $$
        select c.conname
        from pg_constraint as c
        where c.conrelid = 'web.session'::regclass
            and c.contype not in ('p', 'n')
    $$,
    'the data of a session can violate no constraint'
);
select throws_ok(
    format('update web.settings set %s', s.change),
    '23514',
    null,
    format('%s is refused', s.change)
)
from (
    values
    ('idle_timeout_seconds = 0'), ('absolute_timeout_seconds = 0'), ('max_data_bytes = 8191'), ('tombstone_retention_seconds = 59'),
    ('max_sessions_per_user = -1'), ($$ notify_channel = '' $$), ($$ notify_channel = repeat('x', 64) $$), ($$ notify_channel = repeat('é', 32) $$),
    ('slide_percent = -1'), ('slide_percent = 51'), ('slide_min_seconds = -1'), ('slide_max_seconds = 59')
) as s (change);

select * from finish();
rollback;
