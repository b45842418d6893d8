-- The report, written here alone: what the catalog does not show, then the difference of the two snapshots. One row for
-- each thing that is new or gone, and for each attribute that changed.
return query
select c.value ->> 'action', c.value ->> 'kind', c.value ->> 'object', c.value ->> 'attribute', c.value ->> 'before', c.value ->> 'after'
from jsonb_array_elements(v_other_changes) with ordinality as c (value, position)
order by c.position;

return query
select
    case when b.key is null then 'created' when a.key is null then 'removed' else 'changed' end,
    split_part(k.key, ' ', 1),
    substr(k.key, strpos(k.key, ' ') + 1),
    v.attribute,
    v.before,
    v.after
from (
    select jsonb_object_keys(coalesce(v_catalog_before, '{}')) as key
    union
    select jsonb_object_keys(coalesce(v_catalog, '{}'))
) as k
left join jsonb_each(v_catalog_before) as b on b.key = k.key
left join jsonb_each(v_catalog) as a on a.key = k.key
left join lateral (
    select x.key as attribute, b.value ->> x.key as before, a.value ->> x.key as after
    from jsonb_object_keys(a.value) as x (key)
    where b.key is not null
        and b.value -> x.key is distinct from a.value -> x.key
) as v on true
where b.key is null
    or a.key is null
    or v.attribute is not null
order by
    array_position(
        array['role', 'membership', 'schema', 'table', 'column', 'constraint', 'index', 'trigger', 'rule', 'policy', 'type', 'function', 'privilege'],
        split_part(k.key, ' ', 1)
    ),
    2,
    3;
