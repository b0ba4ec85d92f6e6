r"""
All pairs of classes of real data
=================================

A normal distribution is fitted to each class of scikit-learn's Iris data, and all ordered pairs are compared. Setosa is
far from the others; versicolor and virginica are near each other, and the two directions of each pair differ.
"""

import numpy as np
from sklearn.datasets import load_iris

import kldiv

iris = load_iris()
classes = [iris.data[iris.target == label] for label in range(3)]
loc = np.stack([x.mean(axis=0) for x in classes])
covariance = np.stack([np.cov(x, rowvar=False) for x in classes])

fitted = kldiv.MultivariateNormal(loc, covariance)
matrix = kldiv.pairwise(fitted, fitted)
kldiv.plotting.pairwise(matrix, list(iris.target_names))
