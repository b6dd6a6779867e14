"""Starts the real programs for tests, the bench and the demo: a broker, the bridge, and what stands between them."""
