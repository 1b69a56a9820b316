"""The flows, in the order that facts travel: catalogue, orders, despatch.

Each reads pull, decide, deliver, prove. A flow may read an earlier flow's rules and facts, never a later one's.
"""
