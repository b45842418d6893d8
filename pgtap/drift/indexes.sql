-- Drift of indexes.
begin;
\ir ../lib/store.sql
\ir ../lib/drift.sql
select plan(12);

select pg_temp.repairs(
    $$ drop index web.session_prune_after $$,
    'created index session_prune_after',
    'an index was dropped'
);
select pg_temp.repairs(
    $$ update pg_index set indisvalid = false where indexrelid = 'web.session_user_id'::regclass $$,
    'changed index session_user_id valid: false -> true',
    'an index is invalid'
);
select pg_temp.repairs(
    $$
        drop index web.session_user_id;
        create index session_user_id on web.session (label);
    $$,
    'changed index session_user_id definition: CREATE INDEX session_user_id ON web.session USING btree (label) -> CREATE INDEX session_user_id ON web.session USING btree (user_id) WHERE ((user_id IS NOT NULL) AND (ended_at IS NULL))',
    'an index is of another column'
);
select pg_temp.repairs(
    $$
        drop index web.session_user_id;
        create index session_user_id on web.session (user_id);
    $$,
    'changed index session_user_id definition: CREATE INDEX session_user_id ON web.session USING btree (user_id) -> CREATE INDEX session_user_id ON web.session USING btree (user_id) WHERE ((user_id IS NOT NULL) AND (ended_at IS NULL))',
    'an index lost its condition'
);
select pg_temp.repairs(
    $$
        drop index web.session_handle;
        create index session_handle on web.session (handle);
    $$,
    'changed index session_handle definition: CREATE INDEX session_handle ON web.session USING btree (handle) -> CREATE UNIQUE INDEX session_handle ON web.session USING btree (handle)',
    'an index is not unique any more'
);
select pg_temp.repairs(
    $$ alter index web.session_user_id rename to x $$,
    $$created index session_user_id
removed index x$$,
    'an index has another name'
);
select pg_temp.repairs(
    $$ alter index web.session_user_id set (fillfactor = 50) $$,
    'changed index session_user_id definition: CREATE INDEX session_user_id ON web.session USING btree (user_id) WITH (fillfactor=''50'') WHERE ((user_id IS NOT NULL) AND (ended_at IS NULL)) -> CREATE INDEX session_user_id ON web.session USING btree (user_id) WHERE ((user_id IS NOT NULL) AND (ended_at IS NULL))',
    'an index has options'
);
select pg_temp.repairs(
    $$ create index x on web.session (expires_at) $$,
    'removed index x',
    'an index was added, which ends heap-only updates'
);
select pg_temp.repairs(
    $$ create unique index x on web.session (user_agent) $$,
    'removed index x',
    'a unique index was added'
);
select pg_temp.repairs(
    $$ create index x on web.session (lower(data)) $$,
    'removed index x',
    'an index of an expression was added'
);

select is(
    pg_temp.repaired($$
        create index session_user_id_ccnew on web.session (user_id) where user_id is not null;
        update pg_index set indisvalid = false where indexrelid = 'web.session_user_id_ccnew'::regclass;
    $$),
    '(nothing)',
    'an index that REINDEX CONCURRENTLY builds is left alone'
);
select pg_temp.repairs(
    $$ create index session_user_id_ccnew on web.session (user_id) $$,
    'removed index session_user_id_ccnew',
    'a valid index of such a name was added'
);

select * from finish();
rollback;
