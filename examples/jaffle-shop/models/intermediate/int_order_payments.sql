select
    order_id,
    sum(amount) as paid,
    sum(case when method = 'voucher' then amount else 0 end) as paid_by_voucher
from {{ ref('stg_payments') }}
group by order_id
