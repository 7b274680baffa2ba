"""The benchmark: ``make bench``. Figures beside the bare operation they rest on, in one run."""
