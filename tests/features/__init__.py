"""Tests of ``features``."""
