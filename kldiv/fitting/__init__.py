"""Projections, centroids and minimisation: the member of a family that is nearest to something."""
