select
    id as order_id,
    customer_id,
    kitchen_id,
    cast(ordered_at as timestamp) as ordered_at,
    cast(ordered_at as date) as ordered_on,
    status
from {{ ref('raw_orders') }}
