select
    order_id,
    sum(quantity) as items,
    sum(amount) as amount
from {{ ref('int_priced_items') }}
group by order_id
