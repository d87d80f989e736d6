"""Make, fetch and check Broden, the dataset of the paper, and directories laid out like it."""
