select
    lead_id,
    ids,
    account_id,
    ladder,
    step,
    position,
    probability,
    low,
    high,
    horizon_days,
    purchase_probability,
    band,
    rank_pct,
    p_week_ago,
    cause,
    tab,
    offer_id,
    gain,
    rep_minutes,
    reasons,
    last_active,
    waiting_since,
    model_version,
    features_as_of,
    scored_at
    {%- for trait in var('rung_traits') %},
    trait_{{ trait }}
    {%- endfor %}
from {{ source('rung', 'scores') }}
where not gone
