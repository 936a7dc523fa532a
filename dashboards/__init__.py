"""The dashboards, drawn from typed Python: one module is one dashboard, and the JSON of the same name beside it is what Grafana loads.

- ``drawing``   the vocabulary: what is asked (``asks``), how it looks (``looks``), panels (``panels``), whole boards (``boards``), and what
  each board of a panel has (``usual``). The only place that knows grafana-foundation-sdk.
- every other module has one ``BOARD``. ``python -m dashboards`` writes all of them anew; a test holds the JSON to be in step.

The SDK's types are those of Grafana 10.1: what they can say, Grafana 10, 11 and 12 read.
"""
