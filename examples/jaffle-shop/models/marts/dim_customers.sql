with orders as (
    select
        customer_id,
        min(ordered_on) as first_order_on,
        max(ordered_on) as last_order_on,
        count(*) as orders
    from {{ ref('fct_orders') }}
    where status <> 'cancelled'
    group by customer_id
)

select
    customers.customer_id,
    customers.customer_name,
    customers.sector,
    customers.tier,
    customers.customer_since,
    orders.first_order_on,
    orders.last_order_on,
    coalesce(orders.orders, 0) as orders
from {{ ref('stg_customers') }} as customers
left join orders on customers.customer_id = orders.customer_id
