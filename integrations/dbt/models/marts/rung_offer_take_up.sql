select
    ladder,
    step,
    offer_id,
    count(*) as decisions,
    sum(case when state <> 'not_exposed' then 1 else 0 end) as exposed,
    sum(case when state = 'pending' then 1 else 0 end) as pending,
    sum(case when counted_outcome is not null then 1 else 0 end) as judged,
    sum(case when counted_outcome > 0 then 1 else 0 end) as taken,
    1.0 * sum(case when counted_outcome > 0 then 1 else 0 end)
        / nullif(sum(case when counted_outcome is not null then 1 else 0 end), 0) as take_up,
    avg(counted_outcome) as mean_outcome,
    avg(case when counted_outcome is not null then p_advance end) as mean_p_advance
from {{ ref('rung_decision_outcomes') }}
group by ladder, step, offer_id
