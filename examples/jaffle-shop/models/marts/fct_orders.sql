{{ config(materialized='incremental', unique_key='order_id') }}

select
    orders.order_id,
    orders.customer_id,
    orders.kitchen_id,
    orders.ordered_at,
    orders.ordered_on,
    orders.status,
    totals.items,
    totals.amount,
    coalesce(payments.paid, 0) as paid,
    coalesce(payments.paid_by_voucher, 0) as paid_by_voucher
from {{ ref('stg_orders') }} as orders
inner join {{ ref('int_order_totals') }} as totals on orders.order_id = totals.order_id
left join {{ ref('int_order_payments') }} as payments on orders.order_id = payments.order_id
{% if is_incremental() %}
where orders.ordered_at >= (select max(ordered_at) - interval '{{ var("late_days") }} days' from {{ this }})
{% endif %}
