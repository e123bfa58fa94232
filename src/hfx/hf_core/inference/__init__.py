"""Statistical questions: test statistics and asymptotic formulae."""
