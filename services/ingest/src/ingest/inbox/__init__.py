"""The videos folder: arrival, replicas that share it, claims, marks and sidecars."""
