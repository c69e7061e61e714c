select
    ordered_on,
    count(*) as orders,
    count(distinct customer_id) as customers,
    sum(amount) as revenue
from {{ ref('fct_orders') }}
where status = 'delivered'
group by ordered_on
