select
    items.order_item_id,
    items.order_id,
    items.sku,
    products.product_name,
    products.kind,
    items.quantity,
    items.quantity * products.price as amount
from {{ ref('stg_order_items') }} as items
inner join {{ ref('stg_products') }} as products on items.sku = products.sku
