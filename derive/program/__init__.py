"""Array statements lowered from index equations, and passes over them."""
