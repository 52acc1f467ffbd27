"""Repaired copies of damaged data folders."""
