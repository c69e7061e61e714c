select
    kitchens.kitchen_name,
    count(orders.order_id) as orders,
    coalesce(sum(orders.amount), 0) as revenue
from {{ ref('stg_kitchens') }} as kitchens
left join {{ ref('fct_orders') }} as orders
    on kitchens.kitchen_id = orders.kitchen_id and orders.status = 'delivered'
group by kitchens.kitchen_name
