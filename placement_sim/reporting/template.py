"""The page of the HTML report, a Jinja2 template: one file, own style, nothing loaded."""

PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Placement comparison</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; color: #1a1a1a; max-width: 62rem;
  margin: 2rem auto; padding: 0 1rem; }
h1, h2 { line-height: 1.2; } h2 { margin-top: 2.2rem; border-bottom: 1px solid #ccc; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; margin: 0.6rem 0; font-size: 0.85rem; font-variant-numeric: tabular-nums; }
th, td { padding: 0.25rem 0.7rem; text-align: right; border-bottom: 1px solid #ddd; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
thead th { border-bottom: 2px solid #555; white-space: normal; }
figure { margin: 1.2rem 0; } figure img { max-width: 100%; height: auto; }
figcaption, .note { color: #444; font-size: 0.9rem; }
pre { background: #f4f4f4; padding: 0.8rem; overflow-x: auto; font-size: 0.8rem; }
@media print { body { max-width: none; margin: 0; }
  pre { white-space: pre-wrap; } figure, tr { break-inside: avoid; } }
</style>
</head>
<body>
{% macro grid(rows) %}
<div class="wide"><table>
<thead><tr>{% for text in rows[0] %}<th scope="col">{{ text }}</th>{% endfor %}</tr></thead>
<tbody>
{% for row in rows[1:] %}
<tr>{% for text in row %}<td>{{ text }}</td>{% endfor %}</tr>
{% endfor %}
</tbody></table></div>
{% endmacro %}
<h1>Placement comparison</h1>
<h2>Summary</h2>
<p>{{ policies | length }} placement rule{{ "" if policies | length == 1 else "s" }},
{{ runs }} run{{ "" if runs == 1 else "s" }} each
{%- if baseline %}, compared with {{ baseline }}{% endif %}.</p>
{% if runs == 1 %}
<p><strong>A single run per rule: no interval can be given, and nothing is decided by it.</strong></p>
{% endif %}
{% if findings %}
<ul>
{% for sentence in findings %}
<li>{{ sentence }}</li>
{% endfor %}
</ul>
{% endif %}
{{ grid(main) }}
<p class="note">{{ empty }}</p>
<h2>Figures</h2>
{% for picture in pictures %}
<figure><img src="{{ picture.data }}" alt="{{ picture.caption }}">
<figcaption>Figure {{ loop.index }}. {{ picture.caption }}</figcaption></figure>
{% endfor %}
{% if paired | length > 1 %}
<h2>Paired differences</h2>
{{ grid(paired) }}
<p class="note">{{ pairing }}</p>
{% endif %}
<h2>All metrics</h2>
{% for rows in all_metrics %}
{{ grid(rows) }}
{% endfor %}
<p class="note">Mean over the runs and its 95 % interval. "-": no value, or no interval from these runs.
"never": no run had a no-space error. (k/n): in k of n runs.</p>
<h2>Methods</h2>
<p>Each rule was simulated with the same seeds. Random numbers are keyed by seed, entity and purpose, so
within a replication every rule meets the same arrivals, addresses and service times. A difference is taken
within the replication; its interval is over the replications. Counting begins at the end of the warm-up
and stops at the horizon.</p>
<h2>Limits</h2>
<ul>
{% for limit in limits %}
<li>{{ limit }}</li>
{% endfor %}
</ul>
<h2>Manifest</h2>
<p>What made these numbers, as JSON.</p>
<pre>{{ manifest }}</pre>
</body>
</html>
"""
