"""Networks: how they are found, loaded, and which of their layers can be dissected."""
