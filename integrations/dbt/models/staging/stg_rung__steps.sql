select
    ladder,
    step,
    position,
    title,
    horizon_days,
    is_purchase
from {{ source('rung', 'steps') }}
