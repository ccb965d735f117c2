"""Response, resolution and flavour dependence, judged and reported."""
