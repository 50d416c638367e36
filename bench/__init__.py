"""How fast Framelog is, side by side with its peers: `make bench`.

`ingest` and `viewer` hold the benchmarks, one a module, and the service that they measure; `peers`
what Framelog is compared with; `load` the films and the HTTP clients; `results` the measurements,
the report and its plots; `scale` the model behind docs/scale.md.
"""
