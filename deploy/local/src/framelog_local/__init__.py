"""Runs the whole system as plain processes on this machine, or hands it to a container engine."""
