"""Claims about parameters and costs: gradients, updates, first-order changes."""
