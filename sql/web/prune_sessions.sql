create function web.prune_sessions(
    p_max_rows integer default 1000
)
returns table (
    outcome text,
    deleted integer,
    refiled integer
)
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $function$
-- One bounded batch in the caller's transaction, and one pruner at a time. While there is more to do, the next call
-- goes on where this one ended: behind it lie index entries of deleted rows, which an old snapshot somewhere may
-- keep for hours, and walking over them again with each batch was measured 40 times slower.
#variable_conflict use_column
declare
    v_table oid;
    v_from timestamptz;
    v_deleted integer;
    v_refiled integer;
    v_last_after timestamptz;
begin
    if p_max_rows is null or p_max_rows < 1 then
        raise exception using
            errcode = 'invalid_parameter_value',
            message = 'a batch has at least one row';
    end if;

    -- The table's oid makes the lock one of this store: advisory locks are shared by the whole database.
    select p.tableoid, p.resume_from into v_table, v_from from web.prune_state as p;
    if not pg_try_advisory_xact_lock(hashtextextended('prune_sessions', v_table::bigint)) then
        return query select 'busy'::text, 0, 0;
        return;
    end if;

    select b.deleted, b.refiled, b.last_after
    into v_deleted, v_refiled, v_last_after
    from web.prune_batch(v_from, p_max_rows) as b;

    update web.prune_state as p
    set
        resume_from = case
            when v_deleted + v_refiled < p_max_rows then '-infinity'
            else v_last_after
        end,
        last_pruned_at = statement_timestamp();

    return query select 'pruned'::text, v_deleted, v_refiled;
end;
$function$;

comment on function web.prune_sessions(integer) is
'Remove one batch of dead sessions, oldest first. Always one row: outcome pruned with the rows deleted and the rows filed again because they had been used, or busy when another pruner is at work. Nothing is left once deleted + refiled is less than p_max_rows; call it again until then, each call a transaction of its own. API: public';
