"""A simulated IoT platform: the truth against which the bridge is tested.

Nothing here is shared with the bridge: the signature, the checks and the answers are written from the
platform's documents, so that a mistake in one is not repeated in the other.
"""
