with delivered as (
    select
        customer_id,
        count(*) as orders,
        sum(items) as items,
        sum(amount) as revenue
    from {{ ref('fct_orders') }}
    where status = 'delivered'
    group by customer_id
)

select
    customers.customer_name,
    customers.tier,
    coalesce(delivered.orders, 0) as orders,
    coalesce(delivered.items, 0) as items,
    coalesce(delivered.revenue, 0) as revenue,
    {{ share_of_total('delivered.revenue') }} as revenue_percent
from {{ ref('dim_customers') }} as customers
left join delivered on customers.customer_id = delivered.customer_id
