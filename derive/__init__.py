"""Derives backpropagation, proves it, and writes the code from the proof."""
