"""Predictors, one module for each engine."""
