select
    id as kitchen_id,
    name as kitchen_name,
    cast(opened_on as date) as opened_on
from {{ ref('raw_kitchens') }}
