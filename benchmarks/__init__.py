"""What was measured, against the floor or a peer in the same run. `make bench` runs all; `python -m benchmarks NAME` one."""
