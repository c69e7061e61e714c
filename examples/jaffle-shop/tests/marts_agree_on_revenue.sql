-- Every way to add the revenue up gives the same sum.
with sums as (
    select 'customers' as mart, sum(revenue) as revenue from {{ ref('mart_customer_revenue') }}
    union all
    select 'days', sum(revenue) from {{ ref('mart_daily_sales') }}
    union all
    select 'kitchens', sum(revenue) from {{ ref('mart_kitchen_sales') }}
    union all
    select 'products', sum(revenue) from {{ ref('mart_product_sales') }}
)

select mart, revenue
from sums
where revenue <> (select max(revenue) from sums)
