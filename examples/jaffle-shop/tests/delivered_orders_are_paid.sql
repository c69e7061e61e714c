-- A delivered order is paid in full, and no other order is paid at all.
select order_id, status, amount, paid
from {{ ref('fct_orders') }}
where paid <> case when status = 'delivered' then amount else 0 end
