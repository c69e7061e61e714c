select
    sku,
    name as product_name,
    kind,
    {{ cents_to_euros('price_cents') }} as price
from {{ ref('raw_products') }}
