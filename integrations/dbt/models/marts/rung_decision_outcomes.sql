-- The present is that of the newest score: the same tables always give the same rows.
with present as (

    select max(features_as_of) as known_until
    from {{ ref('stg_rung__scores') }}

),

judged as (

    select
        decisions.*,
        case
            when decisions.exposed_at is null then 'not_exposed'
            when decisions.outcome is not null and not decisions.outcome_late then 'reported'
            when decisions.outcome is not null then 'late'
            when decisions.expires_at < present.known_until then 'none'
            else 'pending'
        end as state
    from {{ ref('stg_rung__decisions') }} as decisions
    cross join present

)

select
    decision_id,
    lead_id,
    ladder,
    step,
    offer_id,
    offer_version,
    framing,
    channel,
    case when offer_id in ('nurture', 'no_ask') then false else true end as is_offer,
    propensity,
    p_advance,
    gain,
    policy,
    model_version,
    decided_at,
    expires_at,
    exposed_at,
    outcome,
    outcome_kind,
    outcome_at,
    state,
    case
        when state = 'reported' then outcome
        when state in ('late', 'none') then 0.0
    end as counted_outcome
from judged
