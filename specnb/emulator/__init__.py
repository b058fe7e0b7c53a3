"""The network that replaces the simulator: its model, training and accuracy."""
