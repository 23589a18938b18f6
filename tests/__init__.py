"""Tests: one folder for each folder of the code, and the oracles they compare with."""
