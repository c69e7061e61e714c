select
    items.order_item_id,
    items.order_id,
    orders.customer_id,
    orders.ordered_on,
    items.sku,
    items.product_name,
    items.kind,
    items.quantity,
    items.amount
from {{ ref('int_priced_items') }} as items
inner join {{ ref('stg_orders') }} as orders on items.order_id = orders.order_id
where orders.status = 'delivered'
