"""Rules of the index calculus, the normal form and derivations."""
