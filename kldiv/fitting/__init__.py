"""Projections, centroids and minimization: the member of a family that is nearest to something."""
