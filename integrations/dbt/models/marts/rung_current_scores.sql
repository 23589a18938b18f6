select
    scores.lead_id,
    scores.ids,
    scores.account_id,
    scores.ladder,
    scores.step,
    steps.title as step_title,
    scores.position,
    scores.probability,
    scores.low,
    scores.high,
    scores.horizon_days,
    scores.probability - scores.p_week_ago as gained_in_a_week,
    scores.purchase_probability,
    scores.band,
    scores.rank_pct,
    scores.tab,
    scores.offer_id,
    scores.gain,
    scores.rep_minutes,
    leads.events,
    leads.first_event_at,
    leads.last_event_at,
    scores.last_active,
    scores.waiting_since,
    scores.model_version,
    scores.scored_at
    {%- for trait in var('rung_traits') %},
    scores.trait_{{ trait }}
    {%- endfor %}
from {{ ref('stg_rung__scores') }} as scores
left join {{ ref('stg_rung__leads') }} as leads
    on scores.lead_id = leads.lead_id
left join {{ ref('stg_rung__steps') }} as steps
    on scores.ladder = steps.ladder and scores.step = steps.step
