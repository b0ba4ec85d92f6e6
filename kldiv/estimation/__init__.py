"""What has no closed form: quadrature, summation, Monte Carlo, samples, counts, mixtures and sequences, a file each."""
