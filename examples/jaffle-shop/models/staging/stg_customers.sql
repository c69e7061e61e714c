select
    id as customer_id,
    name as customer_name,
    sector,
    tier,
    cast(since as date) as customer_since
from {{ ref('raw_customers') }}
