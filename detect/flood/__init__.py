"""Water on the street: how far a depth sensor can be trusted, which level is reached, why, and what comes next."""
