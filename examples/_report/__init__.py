"""What the worked examples share: their records, the truths, the comparison of the frameworks, text and figures."""
