-- A test that fails.
select * from {{ ref('orders') }}
