"""Formulas in matrices and in vectors of parameters: the grammar that two families of claims share."""
