"""Thresholds, masks and tallies: functions of tensors, on any device, without images, networks or files."""
