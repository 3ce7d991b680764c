"""The speed table of spec 09: `make bench` prints it and writes JSON to bench/results/."""
