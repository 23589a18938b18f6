with judged as (

    select
        ladder,
        p_advance,
        counted_outcome,
        ntile(10) over (partition by ladder order by p_advance, decision_id) as decile
    from {{ ref('rung_decision_outcomes') }}
    where counted_outcome is not null and p_advance is not null

)

select
    ladder,
    decile,
    count(*) as decisions,
    min(p_advance) as least_p_advance,
    max(p_advance) as most_p_advance,
    avg(p_advance) as mean_p_advance,
    avg(counted_outcome) as mean_outcome,
    sum(case when counted_outcome > 0 then 1 else 0 end) as taken
from judged
group by ladder, decile
