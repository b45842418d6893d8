-- The report, written here alone: what the catalog does not show, then the difference of the two snapshots. One row for
-- each thing that is new or gone, and for each attribute that changed.
v_report := v_other_changes || (
    select coalesce(
        jsonb_agg(
            jsonb_build_object(
                'action', c.action,
                'kind', c.kind,
                'object', c.object,
                'attribute', c.attribute,
                'before', c.before,
                'after', c.after
            )
            order by
                array_position(
                    array['role', 'membership', 'schema', 'table', 'column', 'constraint', 'index', 'trigger', 'rule', 'policy', 'type', 'function', 'privilege'],
                    c.kind
                ),
                c.kind,
                c.object,
                c.attribute
        ),
        '[]'
    )
    from (
        select
            case when b.key is null then 'created' when a.key is null then 'removed' else 'changed' end as action,
            split_part(k.key, ' ', 1) as kind,
            substr(k.key, strpos(k.key, ' ') + 1) as object,
            v.attribute,
            v.before,
            v.after
        from (
            select jsonb_object_keys(coalesce(v_catalog_before, '{}')) as key
            union
            select jsonb_object_keys(coalesce(v_catalog_after, '{}'))
        ) as k
        left join jsonb_each(v_catalog_before) as b on b.key = k.key
        left join jsonb_each(v_catalog_after) as a on a.key = k.key
        left join lateral (
            select x.key as attribute, b.value ->> x.key as before, a.value ->> x.key as after
            from jsonb_object_keys(a.value) as x (key)
            where b.key is not null
                and b.value ->> x.key is distinct from a.value ->> x.key
        ) as v on true
        where b.key is null
            or a.key is null
            or v.attribute is not null
    ) as c
);
