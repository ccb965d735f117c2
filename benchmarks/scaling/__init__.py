"""How time and memory grow with the work: what each step does at one size, and how the figures are shown."""
