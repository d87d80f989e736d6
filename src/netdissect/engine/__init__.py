"""Thresholds, masks and tallies: functions of tensors, on whatever device these are."""
