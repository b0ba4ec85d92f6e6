"""From two distributions to a number: families, rules, densities, samples, checks."""
