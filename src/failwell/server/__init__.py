"""The server half: every failure leaves in the contract's shape."""
