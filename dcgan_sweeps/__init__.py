"""Experiment tracking and hyperparameter sweeps for generative models."""

__version__ = "0.1.0"
