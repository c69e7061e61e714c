select
    products.sku,
    products.product_name,
    products.kind,
    coalesce(sum(items.quantity), 0) as sold,
    coalesce(sum(items.amount), 0) as revenue
from {{ ref('stg_products') }} as products
left join {{ ref('fct_order_items') }} as items on products.sku = items.sku
group by products.sku, products.product_name, products.kind
