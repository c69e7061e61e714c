"""The platform's dashboard: it shows what is counted and printed, and is drawn in docs/."""

import json
import os
import re
from itertools import combinations
from pathlib import Path

import pytest
from dbt_aws import summary

ROOT = Path(__file__).parents[3]
PLATFORM, RUN = ROOT / "provider/src/components/platform", ROOT / "provider/src/run/expressions/metrics.jsonata"
DRAWING = ROOT / "docs/dashboard.svg"
COLUMNS = 24
BOARD = json.loads((PLATFORM / "dashboard.json").read_text())["widgets"]
LOGS = {each["properties"]["title"]: each["properties"]["query"] for each in BOARD if each["type"] == "log"}
# What the log of a run has, of dbt's lines those of Postgres and of Redshift.
DONE = [{"counts": {"success": 2, "error": 1}, "slowest": [["model.shop.orders", 12.34], ["seed.shop.raw", 2.0]],
         "failed": [("model.shop.bad", "no"), ("test.shop.not_null", "no")]}]
LINES = [*(f"dbt-aws: {line}" for line in summary.table(DONE, {"total": 20.1, "start": 1.0})),
         "06:30:08  1 of 4 OK created sql table model jaffle_shop.orders ........ [SELECT 99 in 0.12s]",
         "06:30:08  2 of 4 OK created sql incremental model jaffle_shop.events ... [INSERT 0 7 in 0.12s]",
         "06:30:08  3 of 4 OK loaded seed file jaffle_shop.raw_orders ............ [INSERT 100 in 0.03s]",
         "06:30:08  4 of 4 OK created sql view model jaffle_shop.stg_orders ...... [CREATE VIEW in 0.06s]"]


def found(title):
    """What a widget's query finds in the log."""
    expression = re.search(r"parse @message /(.*?)/ \|", LOGS[title])[1].replace("(?<", "(?P<")
    return [match.groupdict() for line in LINES if (match := re.search(expression, line))]


def test_widgets_are_on_the_grid_and_beside_one_another():
    places = [tuple(each[key] for key in ("x", "y", "width", "height")) for each in BOARD]
    assert all(0 <= x and x + width <= COLUMNS and 0 < width and 0 < height <= 1000 for x, _, width, height in places)
    for (x, y, width, height), (left, top, wide, high) in combinations(places, 2):
        assert x + width <= left or left + wide <= x or y + height <= top or top + high <= y


def test_each_metric_is_one_that_the_end_of_a_run_counts():
    text = RUN.read_text()
    searches = [line[0]["expression"] for each in BOARD if each["type"] == "metric" for line in each["properties"]["metrics"]]
    shown = dict(re.search(r"""^SEARCH\('\{"dbt-aws",([\w,]+)\} MetricName="(\w+)" Table="\$\{table\}"', '\w+', 3600\)$""", each).group(2, 1) for each in searches)
    assert set(shown) == set(re.findall(r"\$metric\('(\w+)'", text))
    dimensions = re.findall(r"\$by\('(\w+)'", text)
    for name, given in shown.items():
        assert given.split(",") == (dimensions if name == "Runs" else [each for each in dimensions if each != "Class"])


def test_each_field_is_one_that_the_log_has():
    assert found("Slowest nodes") == [{"seconds": "12.3", "node": "model.shop.orders"}, {"seconds": "2.0", "node": "seed.shop.raw"}]
    assert found("Failed nodes") == [{"node": "model.shop.bad"}, {"node": "test.shop.not_null"}]
    assert found("Rows written, of adapters that tell them") == [
        {"relation": f"jaffle_shop.{name}", "rows": rows} for name, rows in (("orders", "99"), ("events", "7"), ("raw_orders", "100"))]


@pytest.mark.parametrize("title", LOGS)
def test_a_query_uses_fields_that_it_has(title):
    parts = LOGS[title].split(" | ")
    assert parts[0] == "SOURCE '${logGroup}'" and parts[1] == "fields @message"
    has = {"@timestamp", "project", "task", *re.findall(r"\?<(\w+)>", LOGS[title]), *re.findall(r" as (\w+)", LOGS[title])}
    used = [name for part in parts for pattern in (r"^filter ispresent\((\w+)\)", r"^sort (\w+)", r"(?:max|avg|latest)\((@?\w+)\)", r" by (\w+), (\w+)")
            for names in re.findall(pattern, part) for name in ([names] if isinstance(names, str) else names)]
    assert len(used) >= 5 and set(used) <= has


def drawn():
    """The dashboard's picture: each widget's place and title."""
    unit = 36
    tall = max(each["y"] + each["height"] for each in BOARD) * unit // 2
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {COLUMNS * unit} {tall}" font-family="sans-serif" font-size="15">']
    for each in BOARD:
        x, y, width, height = each["x"] * unit, each["y"] * unit // 2, each["width"] * unit, each["height"] * unit // 2
        kind = "from the log" if each["type"] == "log" else "from the metric " + re.search(r'MetricName="(\w+)"', str(each))[1]
        lines += [f'<rect x="{x + 3}" y="{y + 3}" width="{width - 6}" height="{height - 6}" fill="#f4f6f8" stroke="#8795a1"/>',
                  f'<text x="{x + 14}" y="{y + 26}" fill="#1b2631">{each["properties"]["title"]}</text>',
                  f'<text x="{x + 14}" y="{y + 48}" fill="#5d6d7e" font-size="12">{kind}</text>']
    return "\n".join([*lines, "</svg>", ""])


def test_the_drawing_is_current():
    if os.environ.get("UPDATE_EXPECT"):
        DRAWING.write_text(drawn())
    assert DRAWING.read_text() == drawn(), "UPDATE_EXPECT=1 draws it anew"
