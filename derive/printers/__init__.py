"""One reading of the same equations and statements per target."""
