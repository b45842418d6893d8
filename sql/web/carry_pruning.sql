create function web.carry_pruning()
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $function$
-- Whoever adds a row clears away up to four, so that the table does not grow for ever where nobody runs a pruner.
-- No advisory lock (creators would queue), and a mark that is moved once a minute at most, from which the search
-- starts: with an old snapshot open, four rows cost 0.5 ms with it and 19 ms without. Rows that were locked, or not
-- yet committed, when the mark passed them are found by the search from the beginning, made every ten minutes.
declare
    v_now constant timestamptz := statement_timestamp();
    v_from timestamptz;
    v_scanned_at timestamptz;
    v_rows integer;
    v_first_after timestamptz;
begin
    -- Only where this call is the whole transaction: the rows of other visitors must not stay locked while the
    -- caller's transaction goes on. And not on an old snapshot, where a row that was used since is an error.
    if transaction_timestamp() <> v_now or current_setting('transaction_isolation') <> 'read committed' then
        return;
    end if;

    select p.carry_from, p.carry_scanned_at into v_from, v_scanned_at from web.prune_state as p;
    if v_scanned_at < v_now - make_interval(mins => 10) then
        v_from := '-infinity';
    end if;

    select b.deleted + b.refiled, b.first_after
    into v_rows, v_first_after
    from web.prune_batch(v_from, 4) as b;

    -- Rows are left: go on from the first of this batch. None is: from now.
    if v_rows < 4 then
        v_first_after := v_now;
    end if;
    if v_from = '-infinity' or v_first_after > v_from + make_interval(mins => 1) then
        update web.prune_state as p
        set
            carry_from = v_first_after,
            carry_scanned_at = case when v_from = '-infinity' then v_now else p.carry_scanned_at end
        where p.only_row = (
            select q.only_row
            from web.prune_state as q
            for no key update skip locked
        );
    end if;
end;
$function$;

comment on function web.carry_pruning() is
'The small share of pruning that every new row carries. API: private';
