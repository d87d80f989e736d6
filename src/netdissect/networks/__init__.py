"""Networks: finding and loading them, and the layers that can be dissected."""
