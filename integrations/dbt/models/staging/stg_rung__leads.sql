select
    lead_id,
    ids,
    events,
    first_event_at,
    last_event_at,
    ladder,
    step,
    position
from {{ source('rung', 'leads') }}
