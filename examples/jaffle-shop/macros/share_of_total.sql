{# A row's part of the sum over all rows, in percent with one digit; null when the sum is zero. #}
{% macro share_of_total(column) -%}
    round(100.0 * {{ column }} / nullif(sum({{ column }}) over (), 0), 1)
{%- endmacro %}
