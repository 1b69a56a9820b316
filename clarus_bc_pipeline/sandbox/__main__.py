"""The sandbox in a process of its own: `python -m clarus_bc_pipeline.sandbox PORT ORDERS SEED WINDOW_SECONDS`."""

import sys

from clarus_bc_pipeline.sandbox.server import serve

port, orders, seed, window = sys.argv[1:5]
serve(port=int(port), orders=int(orders), seed=int(seed), faults=True, window_seconds=float(window))
